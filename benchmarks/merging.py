"""Byte-pair encoding: ours, Hugging Face `tokenizers` in Rust, and plain Python as teaching texts write it.

All cut the same text into the same pieces. The Rust library gets it by lines, so that each of its threads has some, and
encodes by its fast call, which does not say where in the text a token stands. The plain trainer counts all pairs of the
text anew for each merge, and the plain encoder looks at all pairs of a piece for each join, as tiktoken's own teaching
module does. That is so slow that it gets less text and fewer merges, and ours beside it the same.
"""

import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from benchmarks.paired import Contest, Measured, Run, growth, race, shares
from course_utils.text import BytePairVocabulary, load_sotu, train_bpe
from course_utils.text.bpe import BYTES, Merge, bpe_pieces

RUST_TARGET, PLAIN_TARGET = 0.1, 20.0
MERGES, CHARACTERS = 1_792, 1_000_000                              # the shipped vocabulary's merges
PLAIN_MERGES, PLAIN_CHARACTERS = 200, 20_000
ENCODED = 200_000                                                  # characters
SIZES = (125_000, 250_000, 500_000, 1_000_000)
VOCABULARIES = (512, 1_024, 2_048, 4_096)
PLAIN = "plain Python"
LINE = re.compile(r"(?=\n\S)")                                     # pieces end here, whatever stands around it


def measure(rounds: int) -> Measured:
    """Training and encoding beside both, and how training grows with the text and with the vocabulary."""
    text = load_sotu().train[:CHARACTERS]
    fast = race({name: trainer(text, MERGES) for name, trainer in TRAINERS.items()}, rounds)
    little = text[:PLAIN_CHARACTERS]
    slow = race(
        {"ours": lambda: train_bpe(little, PLAIN_MERGES), PLAIN: lambda: plain_training(little, PLAIN_MERGES)}, rounds
    )
    megabytes, spent = len(text.encode()) / 1e6, shares(steps_of_training(text))
    contests = [
        Contest.of(fast, "train BPE", "ours", "tokenizers", megabytes, "MB/s", RUST_TARGET, spent),
        Contest.of(slow, "train BPE", "ours", PLAIN, len(little.encode()) / 1e6, "MB/s", PLAIN_TARGET, spent),
    ]
    known = {"merges": MERGES, "plain_merges": PLAIN_MERGES, "plain_text": len(little)}
    return Measured([*contests, *_encoding(text, rounds)], _growth(text, min(rounds, 3)), known)


def our_training(text: str, merges: int) -> Callable[[], list[Merge]]:
    """From a text to our merges."""
    return lambda: train_bpe(text, merges)


def their_training(text: str, merges: int) -> Callable[[], Tokenizer]:
    """From a text, by lines, to the merges of `tokenizers`."""
    lines = LINE.split(text)

    def train() -> Tokenizer:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=BYTES + merges, initial_alphabet=alphabet, show_progress=False)
        tokenizer.train_from_iterator(lines, trainer)
        return tokenizer

    return train


TRAINERS = {"ours": our_training, "tokenizers": their_training}


def their_encoding(text: str, saved: str) -> Callable[[], list[int]]:
    """From a text, by lines, to the ids of a tokenizer that was saved as JSON."""
    lines = LINE.split(text)
    return lambda: [i for line in Tokenizer.from_str(saved).encode_batch_fast(lines) for i in line.ids]


def plain_training(text: str, merges: int) -> list[Merge]:
    """The merges of a text: count the pairs of all its pieces, join the most frequent one everywhere, begin anew."""
    words = [[bytes([byte]) for byte in piece.encode()] for piece in bpe_pieces(text)]
    learned: list[Merge] = []
    while len(learned) < merges and (counts := Counter(pair for word in words for pair in pairwise(word))):
        learned.append(max(counts, key=counts.get))
        words = [_joined(word, learned[-1]) for word in words]
    return learned


def plain_encoding(text: str, ranks: dict[Merge, int]) -> list[bytes]:
    """The tokens of a text: in each piece join the pair that was learned first, until none is left to join."""
    tokens: list[bytes] = []
    for piece in bpe_pieces(text):
        word = [bytes([byte]) for byte in piece.encode()]
        while known := [pair for pair in pairwise(word) if pair in ranks]:
            word = _joined(word, min(known, key=ranks.get))
        tokens += word
    return tokens


def _joined(word: list[bytes], pair: Merge) -> list[bytes]:
    joined: list[bytes] = []
    i = 0
    while i < len(word):
        both = i + 1 < len(word) and (word[i], word[i + 1]) == pair
        joined.append(word[i] + word[i + 1] if both else word[i])
        i += 2 if both else 1
    return joined


def steps_of_training(text: str) -> dict[str, Run]:
    """The parts of our training, each to be timed alone."""
    pieces = bpe_pieces(text)
    distinct = "".join(Counter(pieces))
    return {
        "cutting into pieces": lambda: bpe_pieces(text),
        "counting equal pieces": lambda: Counter(pieces),
        "counting pairs and merging": lambda: train_bpe(distinct, MERGES),
    }


def _encoding(text: str, rounds: int) -> list[Contest]:
    """Each made anew in every round: all keep the pieces that they have met, and so would have nothing left to do."""
    merges, their = train_bpe(text, MERGES), their_training(text, MERGES)().to_str()
    ranks = {merge: rank for rank, merge in enumerate(merges)}
    read = load_sotu().test[:ENCODED]
    encoders = {
        "ours": lambda: BytePairVocabulary(merges).encode(read).ids.tolist(),
        "tokenizers": their_encoding(read, their),
        PLAIN: lambda: plain_encoding(read, ranks),
    }
    if len({len(encode()) for encode in encoders.values()}) != 1:
        raise AssertionError("The three encoders cut the same text into different numbers of tokens.")
    timing, megabytes = race(encoders, rounds), len(read.encode()) / 1e6
    return [
        Contest.of(timing, "encode by BPE", "ours", name, megabytes, "MB/s") for name in ("tokenizers", PLAIN)
    ]


def _growth(text: str, rounds: int):
    def of_text(trainer: Callable) -> Callable[[int], Run]:
        return lambda size: trainer(text[:size], MERGES)

    def of_vocabulary(trainer: Callable) -> Callable[[int], Run]:
        return lambda size: trainer(text[: SIZES[-2]], size - BYTES)

    by_text = {name: of_text(trainer) for name, trainer in TRAINERS.items()}
    by_vocabulary = {name: of_vocabulary(trainer) for name, trainer in TRAINERS.items()}
    return [
        *growth("train BPE", "characters", by_text, SIZES, rounds),
        *growth("train BPE", "tokens learned", by_vocabulary, VOCABULARIES, rounds),
    ]
