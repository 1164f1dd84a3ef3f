"""The evaluation report of a project, in one call: how well its model predicts and writes, or how well it answers.

Every share and mean has an interval of 95 %. Nothing here chooses a setting: do that on other questions and texts.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Self

import numpy as np

from course_utils import intervals, metrics
from course_utils.assistant import SOURCES, Found, Helper, Writer, assistant
from course_utils.checkpoints import read_json, write_json
from course_utils.diversity import diversity
from course_utils.errors import CourseError
from course_utils.grounded import Share, abstains, is_right, share
from course_utils.project import Project
from course_utils.seeding import generator
from course_utils.text.course_questions import Question
from course_utils.text.vocabulary import word_pieces

FORMS = {
    "share": "{:.0%}".format,
    "difference": "{:+.0%}".format,
    "bits": "{:.3f}".format,
    "index": "{:.2f}".format,
    "count": "{:,.0f}".format,
    "rate": "{:,.1f}".format,
}
SENTENCE_END = re.compile(r"\n|(?<=[.!?])\s+(?=[A-Z])")
DEEP = 10                                                          # passages, to see what a longer list would hold


@dataclass(frozen=True)
class Measure:
    """One row of a report: what was measured, its value, its interval of 95 % if it has one, and over how many items.

    form: how it is written, one of FORMS. A "count" and a "rate" of time have no interval.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    count: int
    form: str = "share"

    @property
    def interval(self) -> str:
        """The interval as the table has it."""
        written = FORMS[self.form]
        return "–" if self.low is None else f"{written(self.low)} to {written(self.high)}"

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """The row of the table."""
        return self.name, FORMS[self.form](self.value), self.interval, f"{self.count:,}"


@dataclass(frozen=True)
class Answered:
    """One question, what was answered with passages and without, and what it was answered from.

    right: whether an accepted answer stands in its first sentence. holds: of each source, whether one stands in it.
    score: the cosine of the best passage.
    """

    question: str
    accepted: tuple[str, ...]
    answer: str
    right: bool
    without: str
    right_without: bool
    sources: tuple[str, ...]
    holds: tuple[bool, ...]
    score: float


@dataclass(frozen=True)
class Report:
    """What was measured of a project. answered: each question of a helper; written: each text of a writer."""

    title: str
    measures: tuple[Measure, ...]
    answered: tuple[Answered, ...] = ()
    written: tuple[str, ...] = ()

    HEAD = ("measure", "value", "95 % interval", "items")

    def measure(self, name: str) -> Measure:
        """The row of this name. Raises CourseError with the names there are."""
        found = {each.name: each for each in self.measures}
        if name not in found:
            raise CourseError(f"There is no measure {name!r}; there are {', '.join(found)}.")
        return found[name]

    def __str__(self) -> str:
        rows = [self.HEAD, *(each.cells for each in self.measures)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(self.HEAD))]
        lines = [_line(row, widths) for row in rows]
        return "\n".join([self.title, "", lines[0], "─" * max(map(len, lines)), *lines[1:]])

    def markdown(self) -> str:
        """The table in Markdown."""
        rows = [self.HEAD, ("---", "---:", "---:", "---:"), *(each.cells for each in self.measures)]
        return "\n".join([f"**{self.title}**", "", *(f"| {' | '.join(row)} |" for row in rows)])

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def write(self, path: Path) -> None:
        """Save it as JSON."""
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> Self:
        """The report of a file. Raises CheckpointError where it cannot be read, CourseError where it is none."""
        told = read_json(path)
        try:
            answered = tuple(Answered(**{**each, **_tuples(each)}) for each in told["answered"])
            measures = tuple(Measure(**each) for each in told["measures"])
            return cls(told["title"], measures, answered, tuple(told["written"]))
        except (KeyError, TypeError) as error:
            raise CourseError(f"{path.name} is no report ({error}); write one with Report.write.") from error


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    others = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
    return "  ".join([row[0].ljust(widths[0]), *others])


def _tuples(told: dict) -> dict:
    return {name: tuple(value) for name, value in told.items() if isinstance(value, list)}


# --- what is to be measured -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Writing:
    """Texts to measure a language model on.

    held_out: documents that it has not read, of which `most_read` characters each are read. training: all that it has.
    beginnings: what it goes on from, once each; people: what people wrote in these places, to compare with, as many.
    cut(text) -> pieces that join to the text; a run of `run` pieces that stands in the training text is copied.
    whole(texts) -> (share that can be read, share that is whole), or None. Raises CourseError where there are not as
    many of the two, or none.
    """

    held_out: tuple[str, ...]
    training: str
    beginnings: tuple[str, ...]
    people: tuple[str, ...]
    cut: Callable[[str], list[str]] = word_pieces
    run: int = 8
    whole: Callable[[Sequence[str]], tuple[float, float]] | None = None
    most_read: int = 4_000

    def __post_init__(self):
        if len(self.beginnings) != len(self.people) or not self.people or not self.held_out:
            counts = len(self.held_out), len(self.beginnings), len(self.people)
            raise CourseError(f"{counts} documents, beginnings, texts by people; expected as many of the last two.")


@dataclass(frozen=True)
class Asking:
    """Questions to measure a helper on, those without an answer too."""

    questions: tuple[Question, ...]


def evaluate(
    project: Project, task: Writing | Asking, most: int | None = None, bot: Helper | Writer | None = None
) -> Report:
    """The report of a project on its task. most: texts, or questions of either kind, evenly chosen; None is all.

    bot: the project already loaded by `assistant`. Raises CourseError where the task is not for such a project.
    """
    bot = assistant(project) if bot is None else bot
    if isinstance(task, Writing) and isinstance(bot, Writer):
        return _report_of_writing(project, bot, task, most)
    if isinstance(task, Asking) and isinstance(bot, Helper):
        return _report_of_answers(project, bot, task, most)
    kinds = f"{type(task).__name__} does not fit a {type(bot).__name__}"
    raise CourseError(f"{kinds}; expected Writing for a language model, Asking for a chat model.")


def spread(items: Sequence, most: int | None) -> list:
    """`most` of the items, evenly chosen and in order; all where there are no more, or most is None."""
    count = len(items) if most is None else min(most, len(items))
    return [items[place * len(items) // count] for place in range(count)]


def of_share(name: str, hits: Sequence[bool]) -> Measure:
    """The share of true ones with Wilson's interval. Raises CourseError where there is nothing to count."""
    found: Share = share(hits)
    return Measure(name, found.value, *found.interval, found.count)


def of_mean(name: str, values: Sequence[float], form: str) -> Measure:
    """The mean with the bootstrap's interval over the items, the same at every call; none for a single item.

    Raises CourseError where there are no values.
    """
    if len(values) == 0:
        raise CourseError(f"{name}: there are no values; expected one or more to take the mean of.")
    return Measure(name, float(np.mean(values)), *_interval(np.asarray(values), intervals.mean), len(values), form)


def of_ratio(name: str, parts: Sequence[float], wholes: Sequence[float], form: str = "share") -> Measure:
    """Sum over sum with the bootstrap's interval: items that have more in them count for more, empty ones not.

    Where every part is 0 a bootstrap sees no spread; then it is Wilson's interval of 0 among as many items. Raises
    CourseError where all are empty, and where there are not as many parts as wholes.
    """
    if len(parts) != len(wholes):
        raise CourseError(f"{name}: there are {len(parts)} parts and {len(wholes)} wholes; expected as many of each.")
    both = np.array([pair for pair in zip(parts, wholes, strict=True) if pair[1] > 0], float)       # (N, 2)
    total = both.sum(axis=0)
    if len(both) == 0 or not np.isfinite(total).all():
        raise CourseError(f"{name}: nothing to divide by, or no number: {total} in sum; expected one item and numbers.")
    seen = _interval(both, intervals.ratio_of_sums) if total[0] else intervals.wilson_interval(0, len(both))
    return Measure(name, float(total[0] / total[1]), *seen, len(both), form)


def _interval(values: np.ndarray, statistic: Callable) -> tuple[float, float] | tuple[None, None]:
    if len(values) < 2:                                            # one item says nothing of how items differ
        return None, None
    return intervals.bootstrap_interval(values, statistic, generator(0), samples=2000)


# --- a writer ---------------------------------------------------------------------------------------------


def _report_of_writing(project: Project, writer: Writer, task: Writing, most: int | None) -> Report:
    held_out, beginnings = spread(task.held_out, most), spread(task.beginnings, most)
    people = [task.cut(text) for text in spread(task.people, most)]
    start = perf_counter()
    written = [writer.answer(text, seed) for seed, text in enumerate(beginnings, start=project.settings.seed)]
    seconds = perf_counter() - start
    tokens = sum(len(writer.vocabulary.encode(text).ids) for text in written)
    ours = [task.cut(text) for text in written]
    people = [theirs[: len(pieces)] for theirs, pieces in zip(people, ours, strict=True)]    # no longer than ours
    texts = tuple(begin + text for begin, text in zip(beginnings, written, strict=True))
    measures = [
        _bits_per_byte(writer, [text[: task.most_read] for text in held_out]),
        of_mean("diversity of what it writes", [diversity(pieces) for pieces in ours], "index"),
        of_mean("diversity of what people wrote", [diversity(pieces) for pieces in people], "index"),
        *_copying(task, ours, people),
        *_wholeness(task, texts),
        Measure("tokens a second", tokens / seconds, None, None, tokens, "rate"),
    ]
    return Report(project.card.name, tuple(measures), written=texts)


def _bits_per_byte(writer: Writer, texts: Sequence[str]) -> Measure:
    encodings = [writer.vocabulary.encode(text) for text in texts]
    bits = [metrics.bits_per_byte(writer.model, encoding) * encoding.n_bytes for encoding in encodings]
    return of_ratio("bits per byte of unread text", bits, [encoding.n_bytes for encoding in encodings], "bits")


def _copying(task: Writing, ours: Sequence[Sequence[str]], people: Sequence[Sequence[str]]) -> list[Measure]:
    rows = []
    for who, texts in (("it writes", ours), ("people wrote", people)):
        lengths = [copied_lengths(pieces, task.training) for pieces in texts]
        runs = [max(0, len(pieces) - task.run + 1) for pieces in texts]
        hits = [sum(length >= task.run for length in each) for each in lengths]
        longest = max((length for each in lengths for length in each), default=0)
        if any(runs):
            rows.append(of_ratio(f"runs of {task.run} copied, of what {who}", hits, runs))
        rows.append(Measure(f"longest copied run, of what {who}", longest, None, None, len(texts), "count"))
    return rows


def copied_lengths(pieces: Sequence[str], training: str) -> list[int]:
    """For each piece of a text, how many from it on stand together in the training text."""
    lengths, end = [], 0
    for start in range(len(pieces)):
        end = max(end, start)
        while end < len(pieces) and "".join(pieces[start : end + 1]) in training:
            end += 1
        lengths.append(end - start)
    return lengths


def _wholeness(task: Writing, texts: Sequence[str]) -> list[Measure]:
    if task.whole is None:
        return []
    each = [task.whole([text]) for text in texts]
    readable, whole = ([bool(one[place]) for one in each] for place in (0, 1))
    return [of_share("can be read as ABC", readable), of_share("all bars right", whole)]


# --- a helper ---------------------------------------------------------------------------------------------


def _report_of_answers(project: Project, helper: Helper, task: Asking, most: int | None) -> Report:
    if project.index is None:
        raise CourseError("This project has no passages to look things up in; expected one with an index.")
    asked = spread([each for each in task.questions if each.answerable], most)
    unanswerable = spread([each for each in task.questions if not each.answerable], most)
    start = perf_counter()
    answered = [_answered(helper, question) for question in [*asked, *unanswerable]]
    seconds = perf_counter() - start
    known, unknown = answered[: len(asked)], answered[len(asked) :]
    measures = [*_finding(helper, asked), *_accuracy(known), *_saying_so(known, unknown)]
    count = len(answered)
    measures.append(Measure("seconds a question, asked both ways", seconds / count, None, None, count, "rate"))
    return Report(project.card.name, tuple(measures), tuple(answered))


def _answered(helper: Helper, question: Question) -> Answered:
    """The question asked with passages and, of the same model, without."""
    messages = [{"role": "user", "content": question.text}]
    reading: Found = helper.read(messages)
    answer = "".join(helper.write(reading)).partition(SOURCES)[0].strip()
    without = helper.without_passages().answer(question.text)
    index, accepted = helper.project.index, question.accepted
    return Answered(
        question.text,
        accepted,
        answer,
        bool(accepted) and is_right(first_sentence(answer), accepted),
        without,
        bool(accepted) and is_right(first_sentence(without), accepted),
        tuple(helper.sources(reading)),
        tuple(bool(accepted) and is_right(index.texts[number], accepted) for number in reading.passages),
        helper.look_up(question.text, 1)[0][1],
    )


def first_sentence(answer: str) -> str:
    """What is judged of an answer: whoever goes on long enough names everything."""
    return SENTENCE_END.split(answer.strip(), maxsplit=1)[0]


def holding(helper: Helper, question: Question) -> set[int]:
    """The passages in which an accepted answer stands; of the question's lesson alone, where it names one."""
    index, label = helper.project.index, "" if question.lesson is None else f"{question.lesson:02d} ·"
    return {
        number
        for number, (text, source) in enumerate(zip(index.texts, index.sources, strict=True))
        if source.startswith(label) and is_right(text, question.accepted)
    }


def _finding(helper: Helper, questions: Sequence[Question]) -> list[Measure]:
    found = [[number for number, _ in helper.look_up(question.text, DEEP)] for question in questions]
    right = [holding(helper, question) for question in questions]
    depths = sorted({1, max(1, helper.project.settings.passages), DEEP})
    pairs = list(zip(found, right, strict=True))
    return [of_share(f"recall at {k}", [bool(set(numbers[:k]) & those) for numbers, those in pairs]) for k in depths]


def _accuracy(known: Sequence[Answered]) -> list[Measure]:
    gains = [float(each.right) - float(each.right_without) for each in known]
    sources = [len(each.holds) for each in known]
    rows = [
        of_share("right with passages", [each.right for each in known]),
        of_share("right without passages", [each.right_without for each in known]),
        of_mean("difference, paired", gains, "difference"),
    ]
    if any(sources):
        rows.append(of_ratio("sources that hold the answer", [sum(each.holds) for each in known], sources))
    return rows


def _saying_so(known: Sequence[Answered], unknown: Sequence[Answered]) -> list[Measure]:
    rows = [of_share("says it is not there, though it is", [abstains(each.answer) for each in known])]
    if unknown:
        rows.append(of_share("says it is not there, and it is not", [abstains(each.answer) for each in unknown]))
        rows.append(of_share("the same without passages", [abstains(each.without) for each in unknown]))
    return rows


# --- from which cosine on to answer -------------------------------------------------------------------------


@dataclass(frozen=True)
class Least:
    """A cosine that the best passage must have; how many answerable questions pass it, how many others do not."""

    least: float
    asked: Share
    refused: Share


def choose_least(helper: Helper, questions: Sequence[Question]) -> Least:
    """The cosine for `Settings.least` that tells the questions apart best: the sum of both shares is largest.

    It lies halfway between two questions; of equally good ones it is the lowest. Choose it on questions that you do not
    report. Raises CourseError where there are not questions of both kinds.
    """
    scores = sorted((helper.look_up(question.text, 1)[0][1], question.answerable) for question in questions)
    cosines = [cosine for cosine, _ in scores]
    cuts = [-1.0, *((one + other) / 2 for one, other in zip(cosines, cosines[1:], strict=False))]
    return max((at_least(scores, cut) for cut in cuts), key=lambda each: each.asked.value + each.refused.value)


def at_least(scores: Sequence[tuple[float, bool]], least: float) -> Least:
    """What a cosine does to questions, each with the cosine of its best passage and whether it can be answered."""
    asked = [cosine >= least for cosine, answerable in scores if answerable]
    return Least(least, share(asked), share([cosine < least for cosine, answerable in scores if not answerable]))
