"""Judge an answer and name its mistake: `examine` finds out, `check` prints and records, `hint` and `solution` help."""

import inspect
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

from course_utils.exercises import record
from course_utils.exercises.compare import Difference, difference, facts
from course_utils.exercises.running import Outcome, call, error_line
from course_utils.exercises.showing import show
from course_utils.exercises.specs import Case, Exercise, Misconception, UnknownExerciseError, find
from course_utils.exercises.wording import a, brief, call_text

WIDTH = 110
INDENT = " " * 8


@dataclass(frozen=True)
class Report:
    """What a check found. state: "done", "attempted" or "open"; diagnosis: the mistake that was recognised, if any."""

    exercise: Exercise
    state: str
    lines: tuple[str, ...]
    diagnosis: Misconception | None = None

    @property
    def passed(self) -> bool:
        """True where everything was right."""
        return self.state == "done"

    @property
    def text(self) -> str:
        """The report as it is printed, the line about hints not included."""
        return "\n".join((f"{self.exercise.id} {self.exercise.title}", *self.lines))


@dataclass(frozen=True)
class Trial:
    """One case tried: what came out, what should have, and the first difference."""

    case: Case
    outcome: Outcome
    expected: Any
    found: Difference | None
    broken: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def right(self) -> bool:
        """True where the case is passed."""
        return not (self.outcome.error or self.outcome.timed_out or self.found or self.broken or self.changed)


def check(exercise_id: str, answer: Any) -> None:
    """Print what is right and what is wrong with an answer, and keep the result as progress.

    answer: the reader's function, or the value of a `predict` exercise. Nothing is raised for a wrong one.
    """
    try:
        exercise = find(exercise_id)
    except UnknownExerciseError as error:
        print(f"check: {error}")
        return
    report = examine(exercise, answer)
    print(report.text)
    if not report.passed:
        print(f"  {_next_help(exercise)}")
    if report.state != "open":
        _say(record.record_check(exercise.id, report.passed))


def examine(exercise: Exercise, answer: Any, hidden: bool = False) -> Report:
    """Judge an answer on the visible cases, or on the hidden ones that grading uses. Prints and records nothing."""
    if exercise.kind == "predict":
        return _examine_value(exercise, answer)
    if not callable(answer):
        write = f'write check("{exercise.id}", {exercise.name})'
        line = f"  no    expected the function {exercise.name}, got {brief(answer)}; {write}"
        return Report(exercise, "attempted", (line,))
    cases = exercise.hidden if hidden else exercise.cases
    misfit = _misfit(exercise, answer, cases[0].arguments())
    if misfit:
        return Report(exercise, "attempted", (misfit,))
    trials = _try_cases(exercise, answer, cases)
    if isinstance(trials[0].outcome.error, NotImplementedError):
        return Report(exercise, "open", ("  --    not attempted yet",))
    wrong = next((trial for trial in trials if not trial.right), None)
    if wrong is None:
        return Report(exercise, "done", (_ok_line(exercise, trials[-1], f"values in {_count(len(trials), 'case')}"),))
    if exercise.kind == "debug" and _agrees(exercise, exercise.given(), trials):
        return Report(exercise, "open", _given_lines(exercise, answer, wrong))
    diagnosis = None if wrong.outcome.timed_out else _diagnose(exercise, trials)
    return Report(exercise, "attempted", _wrong_lines(exercise, answer, wrong, diagnosis), diagnosis)


def hint(exercise_id: str) -> None:
    """Print one hint more than last time."""
    try:
        exercise = find(exercise_id)
    except UnknownExerciseError as error:
        print(f"hint: {error}")
        return
    total, number = len(exercise.hints), record.hints_shown(exercise.id) + 1
    if number > total:
        print(f'{exercise.id} has no more hints; solution("{exercise.id}") shows the source.')
        return
    trouble = record.record_hints(exercise.id, number)
    counted = record.hints_shown(exercise.id) == number
    for shown in range(number, number + 1 if counted else total + 1):
        print(f"{exercise.id} hint {shown} of {total}")
        print(_wrap(exercise.hints[shown - 1], "  "))
    _say(trouble)


def solution(exercise_id: str) -> None:
    """Show the source of a right answer: on a page folded up, so that nobody reads it by running a cell too many."""
    try:
        exercise = find(exercise_id)
    except UnknownExerciseError as error:
        print(f"solution: {error}")
        return
    source = exercise.solution_source()
    title = exercise.title[0].upper() + exercise.title[1:]
    summary = f"<summary>Solution of {escape(f'{exercise.id} · {title}')} (click to open or close)</summary>"
    show(source, html=f"<details>{summary}<pre><code>{escape(source)}</code></pre></details>")


def _misfit(exercise: Exercise, function: Callable, arguments: tuple) -> str:
    """One line where the function cannot be called with these arguments; "" where it can or where nobody can tell."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return ""
    try:
        signature.bind(*arguments)
    except TypeError:
        names = ", ".join(list(inspect.signature(exercise.reference).parameters)[: len(arguments)])
        takes = _count(len(signature.parameters), "parameter")
        return f"  no    parameters: expected {len(arguments)} ({names}), but {exercise.name} takes {takes}"
    return ""


def _try_cases(exercise: Exercise, function: Callable, cases: tuple[Case, ...]) -> list[Trial]:
    """Try the cases in order, all within the exercise's time; the case that overruns is the last."""
    end, trials = time.monotonic() + exercise.seconds, []
    for case in cases:
        trials.append(_try(exercise, function, case, end - time.monotonic()))
        if trials[-1].outcome.timed_out:
            break
    return trials


def _try(exercise: Exercise, function: Callable, case: Case, seconds: float) -> Trial:
    arguments = case.arguments()
    outcome = call(function, arguments, seconds)
    right = call(exercise.reference, case.arguments(), exercise.seconds)
    expected = right.value
    if outcome.error or outcome.timed_out:
        return Trial(case, outcome, expected, None, (), ())
    found = _generator_difference(right, outcome) or difference(expected, outcome.value, exercise.tolerance)
    well_formed = not found or found.stage == "values"
    broken = _broken(exercise, outcome.value, case) if well_formed else ()
    return Trial(case, outcome, expected, found, broken, _changed(exercise, case.arguments(), arguments))


def _generator_difference(right: Outcome, outcome: Outcome) -> Difference | None:
    if right.iterated == outcome.iterated:
        return None
    if outcome.iterated:
        return Difference("type", f"expected {a(right.value)}, got a generator; collect what it yields")
    return Difference("type", f"expected a generator (use `yield`), got {a(outcome.value)}")


def _broken(exercise: Exercise, value: Any, case: Case) -> tuple[str, ...]:
    def holds(invariant):
        try:
            return bool(invariant.holds(value, *case.arguments()))
        except Exception:  # an invariant that a strange result trips up does not hold
            return False

    return tuple(invariant.sentence for invariant in exercise.invariants if not holds(invariant))


def _changed(exercise: Exercise, before: tuple, after: tuple) -> tuple[str, ...]:
    """Names of the arguments that the function changed, of those that are plain data: a random generator may change."""
    names = list(inspect.signature(exercise.reference).parameters)
    plain = (list, dict, set)
    pairs = [
        (name, old, new)
        for name, old, new in zip(names, before, after, strict=False)
        if isinstance(old, plain) or hasattr(old, "dtype")
    ]
    return tuple(name for name, old, new in pairs if difference(old, new, 0.0))


def _diagnose(exercise: Exercise, trials: list[Trial]) -> Misconception | None:
    """The first misconception with the reader's outcome on every case: the same value, or the same type of error."""
    for misconception in exercise.misconceptions:
        if _agrees(exercise, misconception.wrong, trials):
            return misconception
    return None


def _agrees(exercise: Exercise, function: Callable, trials: list[Trial]) -> bool:
    """True where a function has the reader's outcome on every case that was tried."""
    return all(_same_outcome(exercise, function, trial) for trial in trials)


def _same_outcome(exercise: Exercise, function: Callable, trial: Trial) -> bool:
    other = call(function, trial.case.arguments(), exercise.seconds)
    if other.timed_out or trial.outcome.timed_out:
        return other.timed_out == trial.outcome.timed_out
    if other.error or trial.outcome.error:
        return type(other.error) is type(trial.outcome.error)
    return difference(other.value, trial.outcome.value, exercise.tolerance) is None


def _given_lines(exercise: Exercise, function: Callable, trial: Trial) -> tuple[str, ...]:
    """For a `debug` exercise that behaves as it was handed out: where it fails, and no word of why."""
    lines = _wrong_lines(exercise, function, trial, None)
    failing = [line.replace("  no    ", INDENT, 1) for line in lines if not line.startswith("  ok")]
    return ("  --    as given: it fails, and the line is yours to find", *failing)


def _wrong_lines(
    exercise: Exercise, function: Callable, trial: Trial, diagnosis: Misconception | None
) -> tuple[str, ...]:
    if trial.outcome.timed_out:
        lines = [f"  no    stopped after {exercise.seconds:g} seconds: is there a loop that never ends?"]
    elif trial.outcome.error:
        lines = [f"  no    {error_line(function, trial.outcome.error)}"]
    else:
        lines = _stage_lines(exercise, trial)
    inputs = call_text(list(inspect.signature(exercise.reference).parameters), trial.case.arguments())
    lines.append(_wrap(f"input: {inputs}", INDENT))
    if trial.outcome.printed.strip():
        lines.append(_wrap(f"printed: {brief(trial.outcome.printed.strip())}", INDENT))
    if diagnosis:
        lines.append(_wrap(diagnosis.explain(trial.case.arguments()), INDENT))
    return tuple(lines)


def _stage_lines(exercise: Exercise, trial: Trial) -> list[str]:
    """The `ok` and `no` lines, in the order type and shape → dtype → invariants → values → arguments left alone."""
    found = trial.found
    lines = [] if found and found.stage in ("type", "shape") else [_ok_line(exercise, trial)]
    if found and found.stage == "dtype":
        lines = [f"  ok    {facts(trial.outcome.value)[0]}"]
    lines += [f"  no    does not hold: {sentence}" for sentence in trial.broken]
    if found:
        lines.append(f"  no    {found.stage}: {found.words}")
    lines += [f"  no    your function changes its argument `{name}`; work on a copy" for name in trial.changed]
    return lines


def _ok_line(exercise: Exercise, trial: Trial, *more: str) -> str:
    held = [invariant.sentence for invariant in exercise.invariants if invariant.sentence not in trial.broken]
    return "  ok    " + " · ".join([*facts(trial.outcome.value), *held, *more])


def _examine_value(exercise: Exercise, answer: Any) -> Report:
    """Judge the value of a `predict` exercise. The right one is not shown: it is to be worked out."""
    if answer is None or answer is Ellipsis:
        return Report(exercise, "open", ("  --    not attempted yet",))
    found = difference(exercise.reference, answer, exercise.tolerance)
    if not found:
        return Report(exercise, "done", (f"  ok    {brief(answer)}",))
    if found.stage != "values":
        return Report(exercise, "attempted", (f"  no    {found.stage}: {found.words}",))
    known = exercise.misconceptions
    diagnosis = next((one for one in known if not difference(one.wrong, answer, exercise.tolerance)), None)
    lines = [f"  no    it is not {brief(answer)}"]
    if diagnosis:
        lines.append(_wrap(diagnosis.explain(), INDENT))
    return Report(exercise, "attempted", tuple(lines), diagnosis)


def _next_help(exercise: Exercise) -> str:
    number, total = record.hints_shown(exercise.id) + 1, len(exercise.hints)
    if number > total:
        return f'solution("{exercise.id}") shows the source'
    return f'hint("{exercise.id}") shows hint {number} of {total}'


def _wrap(text: str, indent: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _say(trouble: str) -> None:
    if trouble:
        print(f"  {trouble}")
