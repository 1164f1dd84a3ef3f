"""BLEU: how many of a translation's word sequences stand in a reference. Written out, and as the field reports it."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sacrebleu.metrics import BLEU

from course_utils.errors import CourseError

WORD_OR_MARK = re.compile(r"\w+(?:'\w+)*|[^\w\s]")


def words_and_marks(sentence: str) -> list[str]:
    """Words and marks, without the spaces. On plain sentences the same as sacrebleu's tokenizer 13a."""
    return WORD_OR_MARK.findall(sentence)


def ngrams(words: Sequence[str], n: int) -> Counter:
    """How often each sequence of n neighbours occurs."""
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def clipped_matches(hypothesis: Sequence[str], references: Sequence[Sequence[str]], n: int) -> tuple[int, int]:
    """How many n-grams of the hypothesis stand in a reference, and of how many.

    Each counts at most as often as it occurs in the one reference that has it most often: saying *the* seven times
    does not match one *the* seven times. Papineni et al. 2002, section 2.1.1.
    """
    said = ngrams(hypothesis, n)
    allowed = Counter()
    for reference in references:
        allowed |= ngrams(reference, n)                            # the larger count of each n-gram
    return (said & allowed).total(), said.total()                  # the smaller count of each n-gram


def closest_length(hypothesis: Sequence[str], references: Sequence[Sequence[str]]) -> int:
    """Length of the reference that is nearest to the hypothesis in length; of two equally near, the shorter.

    Raises CourseError where there is none.
    """
    if len(references) == 0:
        raise CourseError("There are no references; expected at least one to compare lengths with.")
    return min((abs(len(reference) - len(hypothesis)), len(reference)) for reference in references)[1]


def brevity_penalty(length: int, reference_length: int) -> float:
    """1 for a text as long as its references or longer, else exp(1 − reference_length / length), 0 for an empty one.

    Without it the one word you are sure of would be a perfect translation. Papineni et al. 2002, section 2.3.
    """
    if length >= reference_length:
        return 1.0
    return math.exp(1 - reference_length / length) if length else 0.0


@dataclass(frozen=True)
class BleuParts:
    """What BLEU is made of: for n = 1, 2, …, `matches` of `totals` n-grams; `length`, `reference_length` in tokens."""

    matches: tuple[int, ...]
    totals: tuple[int, ...]
    length: int
    reference_length: int

    @property
    def precisions(self) -> tuple[float, ...]:
        """The share of n-grams that match; 0 where the text is too short to have any."""
        return tuple(match / total if total else 0.0 for match, total in zip(self.matches, self.totals, strict=True))

    @property
    def brevity_penalty(self) -> float:
        return brevity_penalty(self.length, self.reference_length)

    @property
    def score(self) -> float:
        """BLEU from 0 to 100: the geometric mean of the precisions, times the brevity penalty; 0 if one of them is."""
        if min(self.precisions) == 0:
            return 0.0
        mean_log = sum(map(math.log, self.precisions)) / len(self.precisions)
        return 100 * self.brevity_penalty * math.exp(mean_log)


def bleu_by_hand(
    hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]], longest: int = 4
) -> BleuParts:
    """BLEU of a corpus, from n-grams of 1 to `longest` tokens. Papineni et al. 2002.

    `hypotheses[i]`: the tokens of translation i; `references[i]`: one list of tokens for each of its references.
    Matches and lengths are added up over all sentences *before* dividing: BLEU is no mean of sentence scores.
    Raises CourseError for lists that do not fit, no sentences, a sentence without a reference, strings for token lists.
    """
    _check(hypotheses, references)
    if longest < 1:
        raise CourseError(f"longest={longest}: expected 1 or more; BLEU as published has 4.")
    for sentence in [*hypotheses, *(one for several in references for one in several)]:
        if isinstance(sentence, str):
            raise CourseError(
                f"{sentence!r} is a string; expected a list of tokens, as words_and_marks(…) makes, and for each "
                "sentence a list of such references."
            )
    pairs = list(zip(hypotheses, references, strict=True))
    counts = [[clipped_matches(*pair, n) for pair in pairs] for n in range(1, longest + 1)]
    return BleuParts(
        matches=tuple(sum(match for match, _ in order) for order in counts),
        totals=tuple(sum(total for _, total in order) for order in counts),
        length=sum(map(len, hypotheses)),
        reference_length=sum(closest_length(*pair) for pair in pairs),
    )


@dataclass(frozen=True)
class ReportedBleu:
    """A score from 0 to 100 and sacrebleu's signature: how it was measured, without which it compares with nothing."""

    score: float
    signature: str

    def __str__(self) -> str:
        return f"BLEU {self.score:.1f} ({self.signature})"


def bleu(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> ReportedBleu:
    """BLEU as the field reports it, by sacrebleu at its defaults (Post 2018).

    `hypotheses[i]`: translation i as plain text; `references[i]`: a list of its references. It splits off marks by its
    own rules (13a) and gives an order without any match a small precision instead of 0 (smoothing "exp").
    Raises CourseError as `bleu_by_hand` does, here for tokens in place of strings.
    """
    _check(hypotheses, references)
    for sentence in [*hypotheses, *(one for several in references for one in several)]:
        if not isinstance(sentence, str):
            raise CourseError(f"{sentence!r} is no string; expected whole sentences: sacrebleu cuts them itself.")
    most = max(map(len, references))
    padded = [[*several, *[None] * (most - len(several))] for several in references]
    metric = BLEU()
    score = metric.corpus_score(list(hypotheses), [list(stream) for stream in zip(*padded, strict=True)]).score
    return ReportedBleu(score, str(metric.get_signature()))


def _check(hypotheses: Sequence, references: Sequence) -> None:
    if len(hypotheses) != len(references):
        raise CourseError(f"{len(hypotheses)} translations but references for {len(references)}; expected as many.")
    if len(hypotheses) == 0:
        raise CourseError("There are no sentences; BLEU needs at least one.")
    for i, several in enumerate(references):
        if isinstance(several, str) or len(several) == 0:
            raise CourseError(f"The references of sentence {i} are {several!r}; expected a list of one or more.")
