"""Write an n-gram model in the ARPA format, which KenLM, SRILM and most speech recognisers read."""

from pathlib import Path

import numpy as np

from course_utils.errors import CourseError
from course_utils.models.ngram import NGram
from course_utils.text.vocabulary import Vocabulary

NEVER = -99.0                                                      # ARPA's way to say log10(0)
SIGNS = {" ": "▁", "\n": "↵"}


def arpa_word(piece: str) -> str:
    """A piece as an ARPA word, which may hold no white space: a space becomes ▁, a newline ↵, others a number."""
    return "".join(SIGNS.get(c, f"<U+{ord(c):04X}>") if c.isspace() or c == "\0" else c for c in piece)


def write_arpa(model: NGram, vocabulary: Vocabulary, path: Path) -> None:
    """Export a model whose boundary token is both `<s>` (as context) and `</s>` (as prediction).

    Exact for interpolated smoothing: p of a stored n-gram is its interpolated probability and the back-off weight of a
    context is gamma. Raises CourseError for a model without a boundary, which ARPA cannot express.
    """
    if model.counts.boundary is None:
        raise CourseError("ARPA models sentences; fit the n-gram with boundary=… to say which token ends one.")
    names = np.array([arpa_word(token) for token in vocabulary.tokens], dtype=object)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\\data\\\n")
        for n, level in enumerate(model.counts.levels, start=1):
            file.write(f"ngram {n}={len(level) + (n == 1)}\n")     # the boundary makes two unigrams
        histories, lower = np.array([""], dtype=object), np.array([1 / model.vocabulary_size])
        for n in range(1, model.order + 1):
            histories, lower = _write_level(file, model, names, n, histories, lower)
        file.write("\n\\end\\\n")


def _write_level(file, model: NGram, names, n: int, histories, lower):
    """Write level n; return each n-gram's words as a history (boundary as `<s>`) and its probability."""
    level, table, boundary = model.counts.levels[n - 1], model.tables[n - 1], model.counts.boundary
    last = level.keys % model.vocabulary_size
    probability = table.alpha + table.gamma[level.context] * lower[level.suffix]
    backoff = model.tables[n].gamma if n < model.order else None
    ends = last == boundary
    words = histories[level.context] + np.where(ends, "</s>", names[last])
    file.write(f"\n\\{n}-grams:\n")
    with np.errstate(divide="ignore"):
        log_p = np.maximum(np.log10(probability), NEVER)
        weight = None if backoff is None else np.maximum(np.log10(backoff), NEVER)
    for i, (p, text) in enumerate(zip(log_p.tolist(), words, strict=True)):
        file.write(f"{p:.7f}\t{text}\n" if weight is None or ends[i] else f"{p:.7f}\t{text}\t{weight[i]:.7f}\n")
    if n == 1:
        file.write(f"{NEVER}\t<s>\n" if weight is None else f"{NEVER}\t<s>\t{weight[boundary]:.7f}\n")
        words = np.where(ends, "<s>", words)
    return words + " ", probability
