"""ROUGE: how much of a reference's wording a summary has. Lin 2004.

Recall asks what share of the reference is in the summary, precision what share of the summary is in the reference; F1
is their harmonic mean. Several references count by the best of them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from course_utils.bleu import ngrams
from course_utils.errors import CourseError


@dataclass(frozen=True)
class Rouge:
    """Precision, recall and their harmonic mean, 0 to 1."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """2·P·R / (P + R), or 0 where both are 0."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def words(text: str) -> list[str]:
    """Lower-case runs of the letters a to z and digits, as ROUGE's own script cuts them; no stemming."""
    return re.findall(r"[a-z0-9]+", text.lower())


def rouge_n(summary: str, reference: str, n: int = 1) -> Rouge:
    """Runs of n words that both have, each counted as often as in the one that has it less often."""
    if n < 1:
        raise CourseError(f"n is {n}; expected 1 or more words.")
    ours, theirs = (ngrams(words(text), n) for text in (summary, reference))
    return _rouge((ours & theirs).total(), ours.total(), theirs.total())


def rouge_l(summary: str, reference: str) -> Rouge:
    """Words of the longest common subsequence: in the same order, with anything between."""
    ours, theirs = words(summary), words(reference)
    return _rouge(longest_common(ours, theirs), len(ours), len(theirs))


def longest_common(first: Sequence, second: Sequence) -> int:
    """The length of the longest sequence that both contain in order, not necessarily side by side."""
    row = [0] * (len(second) + 1)                                  # row[j]: of what was read of first, and second[:j]
    for item in first:
        diagonal = 0
        for j, other in enumerate(second, start=1):
            diagonal, row[j] = row[j], diagonal + 1 if item == other else max(row[j], row[j - 1])
    return row[-1]


def rouge_scores(summaries: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """Mean F1 of ROUGE-1, ROUGE-2 and ROUGE-L over all summaries, each against the reference that suits it best.

    references: one list of texts for each summary. Raises CourseError where they are not as many, or one is empty.
    """
    if len(summaries) != len(references) or not summaries:
        raise CourseError(f"{len(summaries)} summaries, {len(references)} lists of references; expected one to each.")
    for texts in references:
        if isinstance(texts, str) or not texts:
            raise CourseError(f"References are {texts!r:.40}; expected a list of references, one text or more.")
    kinds = {"rouge1": lambda s, r: rouge_n(s, r, 1), "rouge2": lambda s, r: rouge_n(s, r, 2), "rougeL": rouge_l}
    pairs = list(zip(summaries, references, strict=True))
    return {
        kind: sum(max(score(summary, text).f1 for text in texts) for summary, texts in pairs) / len(pairs)
        for kind, score in kinds.items()
    }


def _rouge(common: int, of_summary: int, of_reference: int) -> Rouge:
    return Rouge(common / of_summary if of_summary else 0.0, common / of_reference if of_reference else 0.0)
