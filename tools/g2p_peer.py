"""The field's own tool for lesson 04: g2p_en (Park and Kim 2019), a GRU encoder–decoder without attention.

    python -m tools.g2p_peer      measure it on the test words and write data/results/g2p_peer.json

Its weights are read from the asset `g2p` and run here in numpy; of the package only these numbers are used. Lessons
read the stored result. What it was trained on is not said: most likely nearly all of the dictionary, test words too.
"""

import json
import sys
from collections.abc import Sequence
from functools import cache

import numpy as np

from course_utils import assets
from course_utils.error_rates import ErrorRates, error_rates
from course_utils.errors import CourseError
from course_utils.paths import RESULTS
from course_utils.text import load_pronunciations
from course_utils.text.pronunciations import Words

PEER = RESULTS / "g2p_peer.json"
LONGEST = 20                                                       # symbols; longer pronunciations are cut, as there
BATCH = 1024
LENGTHS = {"1-2": (1, 2), "3-5": (3, 5), "6-8": (6, 8), "9-11": (9, 11), "12+": (12, 99)}   # letters of a word

LETTERS = "abcdefghijklmnopqrstuvwxyz"
UNKNOWN, LETTERS_END, FIRST_LETTER = 1, 2, 3                       # ids of the encoder; 0 pads
START, END, FIRST_PHONEME = 2, 3, 4                                # ids of the decoder; 0 pads, 1 is unknown
ARPABET = (
    "AA0 AA1 AA2 AE0 AE1 AE2 AH0 AH1 AH2 AO0 AO1 AO2 AW0 AW1 AW2 AY0 AY1 AY2 B CH D DH EH0 EH1 EH2 ER0 ER1 ER2 "
    "EY0 EY1 EY2 F G HH IH0 IH1 IH2 IY0 IY1 IY2 JH K L M N NG OW0 OW1 OW2 OY0 OY1 OY2 P R S SH T TH UH0 UH1 UH2 "
    "UW UW0 UW1 UW2 V W Y Z ZH"
)
PHONEMES = ARPABET.split()


@cache
def weights() -> dict[str, np.ndarray]:
    """The twelve arrays of the asset, float32; D is 256."""
    with np.load(assets.path("g2p") / "checkpoint20.npz") as file:
        return {name: file[name] for name in file}


def pronounce(words: Sequence[str]) -> list[tuple[str, ...]]:
    """The phonemes of each word, without stress, greedily chosen; the apostrophe is an unknown letter to this model.

    Raises CourseError for an empty word and for anything but the letters a–z and the apostrophe.
    """
    by_length: dict[int, list[int]] = {}
    for i, word in enumerate(words):
        if not word or not set(word) <= set(LETTERS + "'"):
            raise CourseError(f"{word!r}: expected a word of the letters a–z and the apostrophe, in lower case.")
        by_length.setdefault(len(word), []).append(i)
    spoken: list[tuple[str, ...]] = [()] * len(words)
    for places in by_length.values():                              # words of one length need no padding
        for begin in range(0, len(places), BATCH):
            batch = places[begin : begin + BATCH]
            for i, phonemes in zip(batch, _decode(_encode([words[i] for i in batch])), strict=True):
                spoken[i] = phonemes
    return spoken


def _encode(words: list[str]) -> np.ndarray:
    """The hidden state (B, D) after the last letter and the end sign; words of one length."""
    known = {letter: i for i, letter in enumerate(LETTERS, start=FIRST_LETTER)}
    ids = np.array([[*(known.get(letter, UNKNOWN) for letter in word), LETTERS_END] for word in words])
    hidden = np.zeros((len(words), weights()["enc_w_hh"].shape[1]), np.float32)
    for column in ids.T:
        hidden = _step("enc", column, hidden)
    return hidden


def _decode(hidden: np.ndarray) -> list[tuple[str, ...]]:
    """The likeliest symbol at each step, up to the end sign, for hidden states (B, D)."""
    symbols = np.full(len(hidden), START)
    chosen = []
    for _ in range(LONGEST):
        hidden = _step("dec", symbols, hidden)
        symbols = (hidden @ weights()["fc_w"].T + weights()["fc_b"]).argmax(1)     # (B,)
        chosen.append(symbols)
    return [_phonemes(row) for row in np.stack(chosen, axis=1).tolist()]


def _phonemes(ids: list[int]) -> tuple[str, ...]:
    until = ids.index(END) if END in ids else len(ids)
    return tuple(PHONEMES[i - FIRST_PHONEME].rstrip("012") for i in ids[:until] if i >= FIRST_PHONEME)


def _step(side: str, ids: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """One step of the GRU of Cho et al. 2014, as torch lays it out: ids (B,), hidden (B, D) to hidden (B, D)."""
    parts = ("emb", "w_ih", "w_hh", "b_ih", "b_hh")
    embedding, w_ih, w_hh, b_ih, b_hh = (weights()[f"{side}_{part}"] for part in parts)
    reset_x, update_x, new_x = np.split(embedding[ids] @ w_ih.T + b_ih, 3, axis=1)
    reset_h, update_h, new_h = np.split(hidden @ w_hh.T + b_hh, 3, axis=1)
    reset, update = _sigmoid(reset_x + reset_h), _sigmoid(update_x + update_h)
    return (1 - update) * np.tanh(new_x + reset * new_h) + update * hidden


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


# --- the stored result ----------------------------------------------------------------------------


def measured(words: Words) -> dict:
    """What g2p_peer.json says: error rates on the words, of all and by the number of letters."""
    groups = {"all": words} | {
        name: {word: spoken for word, spoken in words.items() if low <= len(word) <= high}
        for name, (low, high) in LENGTHS.items()
    }
    rates = {name: _rates(group) for name, group in groups.items() if group}
    size = sum(array.size for array in weights().values())
    return {"made_by": "python -m tools.g2p_peer", "version": "g2p_en 2.1.0", "parameters": size, "rates": rates}


def _rates(words: Words) -> dict:
    rates: ErrorRates = error_rates(pronounce(list(words)), list(words.values()))
    return {"words": rates.words, "per": round(rates.per, 5), "wer": round(rates.wer, 5)}


def main() -> int:
    """Command line. Returns the exit status."""
    text = json.dumps(measured(load_pronunciations().test), indent=1) + "\n"
    PEER.write_text(text, encoding="utf-8")
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
