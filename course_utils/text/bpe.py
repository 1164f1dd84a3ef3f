"""Byte-pair encoding: tokens grown from the pairs of neighbours that occur most often.

Text is first cut into pieces, a word with the space before it being the usual one. Each piece starts as its UTF-8
bytes, and the merges, learned once, then join neighbours inside a piece: the merge learned first goes first.
Gage 1994 (compression); Sennrich, Haddow & Birch 2016 (for models of language); Radford et al. 2019 (over bytes).

The shipped vocabulary was made by `train_sotu_bpe().save(SOTU_BPE)`.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise
from pathlib import Path

import regex
import torch

from course_utils.errors import CourseError
from course_utils.paths import CHECKPOINTS
from course_utils.text.corpora import load_sotu
from course_utils.text.vocabulary import Encoding, Vocabulary, utf8

Pair = tuple[int, int]
Merge = tuple[bytes, bytes]

SOTU_BPE = CHECKPOINTS / "sotu_bpe_2048.json"
SOTU_BPE_SIZE = 2048
BYTES = 256
CACHED_PIECES = 200_000

# GPT-2's pattern: an English clitic; letters, digits or marks with the space before them; white space.
PIECE = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")


def bpe_pieces(text: str) -> list[str]:
    """Cut text into the pieces inside which merges happen: `"".join(bpe_pieces(text)) == text`."""
    return PIECE.findall(text)


def _tie_order() -> list[int]:
    """Rank of each byte where counts tie: bytes that print come first, as in the alphabet GPT-2 writes bytes in."""
    prints = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    ordered = prints + [byte for byte in range(BYTES) if byte not in set(prints)]
    return [ordered.index(byte) for byte in range(BYTES)]


# --- learning merges


class PairCounts:
    """How often each pair of neighbouring tokens occurs in a text, kept up to date while pairs are merged.

    Equal pieces are stored once, with their number; `where` says which of them hold a pair, so that a merge touches
    those alone. `counts` sees every window, so "aaa" holds the pair (a, a) twice although only one can be merged.
    """

    def __init__(self, text: str):
        utf8(text)
        pieces = Counter(bpe_pieces(text))
        self.words = [list(piece.encode()) for piece in pieces]
        self.numbers = list(pieces.values())
        self.counts: Counter[Pair] = Counter()
        self.where: dict[Pair, set[int]] = defaultdict(set)
        for index, word in enumerate(self.words):
            for pair in pairwise(word):
                self._change(pair, index, 1)

    def merge(self, pair: Pair, new: int) -> set[Pair]:
        """Replace `pair` by `new` in every piece, left to right; return the pairs that occur more often than before."""
        grown = set()
        for index in self.where.pop(pair, ()):
            grown |= self._merge_word(index, pair, new)
        return grown

    def _merge_word(self, index: int, pair: Pair, new: int) -> set[Pair]:
        word, grown, i = self.words[index], set(), 0
        while i < len(word) - 1:
            if (word[i], word[i + 1]) == pair:
                word[i : i + 2] = [new]
                if i > 0:
                    self._change((word[i - 1], pair[0]), index, -1)
                    grown.add(self._change((word[i - 1], new), index, 1))
                if i < len(word) - 1:
                    self._change((pair[1], word[i + 1]), index, -1)
                    grown.add(self._change((new, word[i + 1]), index, 1))
            i += 1
        return grown

    def _change(self, pair: Pair, index: int, by: int) -> Pair:
        self.counts[pair] += by * self.numbers[index]
        if by > 0:
            self.where[pair].add(index)
        return pair


def train_bpe(text: str, merges: int) -> list[Merge]:
    """Learn `merges` merges from a text: each time the pair that occurs most often, as the bytes of its two halves.

    Ties go to the pair whose left half, then whose right half, is the older token; among single bytes, those that
    print are older (this is the rule of Hugging Face `tokenizers`). Fewer merges come back where every piece has
    become one token. Raises CourseError for a negative number.
    """
    if merges < 0:
        raise CourseError(f"train_bpe(merges={merges}): expected 0 or more.")
    pairs, order = PairCounts(text), _tie_order()
    tokens = [bytes([byte]) for byte in range(BYTES)]
    ids = {token: i for i, token in enumerate(tokens)}
    learned: list[Merge] = []

    def entry(pair):
        return -pairs.counts[pair], *(order[i] if i < BYTES else i for i in pair), pair

    queue = [entry(pair) for pair in pairs.counts]
    heapify(queue)
    while queue and len(learned) < merges:
        count, *_, pair = heappop(queue)
        if -count != pairs.counts[pair]:  # a merge since then has taken some of its occurrences
            heappush(queue, entry(pair))
        elif count < 0 and pair in pairs.where:
            learned.append((tokens[pair[0]], tokens[pair[1]]))
            token = b"".join(learned[-1])
            if ids.setdefault(token, len(tokens)) == len(tokens):  # two merges may spell the same token
                tokens.append(token)
            for changed in pairs.merge(pair, ids[token]):
                heappush(queue, entry(changed))
    return learned


# --- using them


class BytePairVocabulary(Vocabulary):
    """The 256 bytes and one token for each merge: no text is ever unknown to it. The newline stands before any text.

    Ids below 256 are bytes; the others follow in the order in which they were learned. `tokens[i]` holds one
    character for each byte of token i (Latin-1), as in `ByteVocabulary`; `decode([i])` shows it as text.
    Raises CourseError for a merge whose halves are not tokens yet, and for one that comes twice.
    """

    def __init__(self, merges: Sequence[Merge]):
        ids = {bytes([byte]): byte for byte in range(BYTES)}
        for merge in merges:
            if len(merge) != 2:
                raise CourseError(f"A merge is {merge!r:.40}; expected pairs of bytes, such as (b't', b'h').")
        self.merges = tuple((bytes(left), bytes(right)) for left, right in merges)
        self._ranks: dict[Pair, tuple[int, int]] = {}  # pair of ids -> (rank of the merge, id that replaces them)
        for rank, (left, right) in enumerate(self.merges):
            if left not in ids or right not in ids:
                missing = left if left not in ids else right
                raise CourseError(f"Merge {rank} joins {left} and {right}, but no earlier merge makes {missing}.")
            pair = ids[left], ids[right]
            if pair in self._ranks:
                raise CourseError(f"Merge {rank}, {left} and {right}, is there twice; expected once. Keep the first.")
            self._ranks[pair] = rank, ids.setdefault(left + right, len(ids))
        super().__init__([token.decode("latin-1") for token in ids], start="\n")
        self.token_bytes = tuple(ids)
        self._cache: dict[str, list[int]] = {}

    def split(self, text: str) -> list[str]:
        return [self.tokens[i] for i in self._ids(text)]

    def encode(self, text: str) -> Encoding:
        """Text to ids. Raises CourseError for half a surrogate pair, the one thing UTF-8 cannot write."""
        ids = self._ids(text)
        return Encoding(torch.tensor(ids, dtype=torch.int64), self.start, len(text.encode()))

    def decode(self, ids) -> str:
        """Ids to text; a byte sequence that is not UTF-8 shows as U+FFFD."""
        return b"".join(self.token_bytes[i] for i in self._checked(ids)).decode(errors="replace")

    def _ids(self, text: str) -> list[int]:
        utf8(text)
        ids: list[int] = []
        for piece in bpe_pieces(text):
            known = self._cache.get(piece)
            if known is None:
                known = apply_merges(list(piece.encode()), self._ranks)
                if len(self._cache) < CACHED_PIECES:
                    self._cache[piece] = known
            ids.extend(known)
        return ids

    def save(self, path: Path) -> None:
        """Write the merges as JSON that can be read: one merge a line, one character for each byte (Latin-1)."""
        lines = [json.dumps([half.decode("latin-1") for half in merge], ensure_ascii=False) for merge in self.merges]
        body = ",\n".join(f"  {line}" for line in lines)
        path.write_text(f'{{"bytes_written_as": "latin-1",\n "merges": [\n{body}\n ]}}\n', encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "BytePairVocabulary":
        """Read what `save` wrote. Raises CourseError where the file is missing or holds anything else."""
        try:
            merges = json.loads(path.read_text(encoding="utf-8"))["merges"]
            return cls([(left.encode("latin-1"), right.encode("latin-1")) for left, right in merges])
        except FileNotFoundError as error:
            raise CourseError(f"{path.name} is missing; make it with BytePairVocabulary(merges).save(path).") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CourseError(
                f'{path.name} holds no merges; expected {{"merges": [["t", "h"], …]}} as BytePairVocabulary.save '
                "writes it. Save it again, or take the file from the repository."
            ) from error


def apply_merges(ids: list[int], ranks: dict[Pair, tuple[int, int]]) -> list[int]:
    """Join neighbours in one piece until none can be: the merge of lowest rank first, the leftmost where it fits twice.

    `ranks`: pair of ids -> (rank, id that replaces them). A queue of candidates keeps this at n log n for n bytes.
    """
    ids, after = list(ids), list(range(1, len(ids) + 1))  # `after[i]`: where the next token starts
    before = list(range(-1, len(ids) - 1))
    queue = [(*ranks[pair], i) for i, pair in enumerate(pairwise(ids)) if pair in ranks]
    heapify(queue)
    while queue:
        _, new, i = heappop(queue)
        j = after[i]
        if ids[i] < 0 or j == len(ids) or ranks.get((ids[i], ids[j]), (0, -1))[1] != new:
            continue  # one of the two has been merged with another neighbour since
        ids[i], ids[j], after[i] = new, -1, after[j]
        if after[i] < len(ids):
            before[after[i]] = i
            _offer(queue, ranks, ids, i, after[i])
        if before[i] >= 0:
            _offer(queue, ranks, ids, before[i], i)
    return [i for i in ids if i >= 0]


def _offer(queue: list, ranks: dict[Pair, tuple[int, int]], ids: list[int], i: int, j: int) -> None:
    if (ids[i], ids[j]) in ranks:
        heappush(queue, (*ranks[ids[i], ids[j]], i))


# --- the shipped vocabulary


def train_sotu_bpe(size: int = SOTU_BPE_SIZE) -> BytePairVocabulary:
    """A vocabulary of `size` tokens learned from the training addresses; in seconds."""
    return BytePairVocabulary(train_bpe(load_sotu().train, size - BYTES))


def load_sotu_bpe() -> BytePairVocabulary:
    """The 2,048 tokens learned from the training addresses, as shipped in data/checkpoints."""
    return BytePairVocabulary.load(SOTU_BPE)
