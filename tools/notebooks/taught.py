"""Rules for how a lesson is built: small cells between prose, the parts every lesson has, the registry's exercises."""

import json
import re

from course_utils.exercises.specs import lesson_exercises
from course_utils.lessons import LESSONS
from tools.notebooks.execute import LESSONS as COSTS
from tools.notebooks.files import Notebook, tag_value

LONGEST_CELL = 25
LONGEST_LINE = 120
FEWEST_EXERCISES = 5
TOLERANCE = 0.25
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(seconds?|s|minutes?|min)\b")
MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*GB\b")
LINK_TARGET = re.compile(r"\]\([^)]*\)")
YEAR = re.compile(r"\b(19|20)\d\d\b")
ANSWERING_CALL = re.compile(r"^\s*(check|hint|solution|reveal)\(")


def small_cells(notebook: Notebook) -> list[str]:
    """Code cells have at most 25 lines of at most 120 characters; the Colab line alone is longer."""
    findings = []
    for number, cell in notebook.cells("code"):
        lines = cell.source.splitlines()
        if len(lines) > LONGEST_CELL:
            findings.append(f"Cell {number} has {len(lines)} lines of code, expected at most {LONGEST_CELL}.")
        longest = max(map(len, lines), default=0)
        if longest > LONGEST_LINE and "colab" not in cell.metadata.get("tags", []):
            findings.append(f"Cell {number} has a line of {longest} characters, expected at most {LONGEST_LINE}.")
    return findings


def prose_between_code(notebook: Notebook) -> list[str]:
    """Never three code cells in a row. A check or a hint counts as one with the exercise it follows."""
    findings, row = [], 0
    for number, cell in notebook.cells():
        if cell.cell_type != "code":
            row = 0
        elif row == 0 or not (tag_value(cell, "check") or ANSWERING_CALL.match(cell.source)):
            row += 1
            if row == 3:
                findings.append(f"Cell {number} is the third code cell in a row without prose between.")
    return findings


def notation_at_the_top(notebook: Notebook) -> list[str]:
    """The legend of notation stands among the first cells."""
    top = [cell for _, cell in notebook.cells("markdown")][:5]
    if any("Notation" in cell.source for cell in top):
        return []
    return ['None of the first five Markdown cells holds the legend of notation; expected the word "Notation".']


def title_and_promise(notebook: Notebook) -> list[str]:
    """The first cell is the lesson's title and, below it, what the reader will be able to do."""
    first = notebook.node.cells[0] if notebook.node.cells else None
    is_text = first is not None and first.cell_type == "markdown"
    lines = [line for line in first.source.splitlines() if line.strip()] if is_text else []
    if not lines or not lines[0].startswith("# "):
        return ["Cell 1 is not Markdown that begins with the lesson's title (`# …`)."]
    known = [lesson for lesson in LESSONS if lesson.number == notebook.number]
    findings = []
    if known and known[0].title.lower() not in lines[0].lower():
        findings.append(f"Cell 1 has the title {lines[0][2:]!r}; the table of lessons says {known[0].title!r}.")
    if len(lines) < 2 or lines[1].startswith(("#", "|", "[", "!")):
        findings.append("Cell 1 has no line of promise below the title.")
    return findings


def costs_as_measured(notebook: Notebook) -> list[str]:
    """The first cell tells the measured time and memory, within 25 % of what `make notebooks` noted."""
    told = next((line for line in notebook.node.cells[0].source.splitlines() if MEMORY.search(line)), "")
    duration, memory = DURATION.search(told), MEMORY.search(told)
    if not (duration and memory):
        return ["Cell 1 has no line with the measured time and memory, such as `Runs in 40 s and 1.3 GB on two cores`."]
    measured = json.loads(COSTS.read_text(encoding="utf-8")).get(notebook.path.stem) if COSTS.exists() else None
    if not measured:
        return [f"data/results/{COSTS.name} has no measurement of {notebook.path.stem}; run `make notebooks`."]
    seconds = float(duration[1]) * (60 if duration[2].startswith("m") else 1)
    pairs = (("seconds", seconds, measured["seconds"]), ("GB", float(memory[1]), measured["peak_gb"]))
    return [
        f"Cell 1 says {said:g} {unit}, but {found:g} were measured; they may differ by {TOLERANCE:.0%}."
        for unit, said, found in pairs
        if abs(said - found) > TOLERANCE * found
    ]


def predicts_first(notebook: Notebook) -> list[str]:
    """The reader commits to a guess somewhere, and sees it beside what came out."""
    return _calls(notebook, "predict", "asks for a guess") + _calls(notebook, "reveal", "shows the guess again")


def has_a_quiz(notebook: Notebook) -> list[str]:
    """There is a quiz."""
    return _calls(notebook, "quiz", "asks the quiz")


def _calls(notebook: Notebook, function: str, purpose: str) -> list[str]:
    if any(re.search(rf"\b{function}\(", cell.source) for _, cell in notebook.cells("code")):
        return []
    return [f"No cell {purpose}: expected a call of {function}(…)."]


def exercises_match_the_registry(notebook: Notebook) -> list[str]:
    """Each exercise of the lesson has its heading, its stub and, after it, its check; and there are five or more."""
    if notebook.number is None:
        return []
    exercises = lesson_exercises(notebook.number)
    findings = [finding for exercise in exercises for finding in _exercise_findings(notebook, exercise)]
    if notebook.number > 0 and len(exercises) < FEWEST_EXERCISES:
        findings.append(f"The lesson has {len(exercises)} exercises, expected {FEWEST_EXERCISES} or more.")
    known = {exercise.id for exercise in exercises}
    for number, cell in notebook.cells("code"):
        for kind in ("exercise", "check"):
            if (name := tag_value(cell, kind)) and name not in known:
                findings.append(f"Cell {number} is tagged {kind}:{name}, but the lesson has no such exercise.")
    return findings


def _exercise_findings(notebook: Notebook, exercise) -> list[str]:
    stubs = [(number, cell) for number, cell in notebook.cells("code") if tag_value(cell, "exercise") == exercise.id]
    checks = [(number, cell) for number, cell in notebook.cells("code") if tag_value(cell, "check") == exercise.id]
    if len(stubs) != 1 or len(checks) != 1:
        return [f"Exercise {exercise.id} has {len(stubs)} stubs and {len(checks)} check cells, expected one of each."]
    (stub_number, stub), (check_number, check) = stubs[0], checks[0]
    findings = []
    if stub.source.strip() != exercise.stub.strip():
        findings.append(f"Cell {stub_number} is not the stub of exercise {exercise.id} as the registry has it.")
    if check.source.strip() != f'check("{exercise.id}", {exercise.name})':
        findings.append(f'Cell {check_number} is not the line check("{exercise.id}", {exercise.name}).')
    if check_number < stub_number:
        findings.append(f"Cell {check_number} checks exercise {exercise.id} before its stub in cell {stub_number}.")
    if not any(exercise.heading in cell.source for _, cell in notebook.cells("markdown")):
        findings.append(f"No cell has the heading of exercise {exercise.id}: {exercise.heading!r}.")
    return findings


def section(notebook: Notebook, word: str) -> tuple[int, str] | None:
    """Number of the last Markdown cell with `word` in a heading, and its text from that heading on; or None."""
    heading = re.compile(rf"^#+ .*\b{word}\b.*$", re.MULTILINE | re.IGNORECASE)
    for number, cell in reversed(notebook.cells("markdown")):
        if found := heading.search(cell.source):
            return number, cell.source[found.start() :]
    return None


def references_with_year_and_link(notebook: Notebook) -> list[str]:
    """A section of references, each item with its year and a link."""
    found = section(notebook, "references")
    if not found:
        return ['No heading says "References".']
    number, text = found
    items = [line for line in text.splitlines() if re.match(r"\s*([-*]|\d+\.) ", line)]
    if not items:
        return [f"Cell {number} lists no references; expected a list."]
    return [
        f"Cell {number} has a reference without year or link: {item[:60]!r}."
        for item in items
        if not (YEAR.search(LINK_TARGET.sub("", item)) and "](http" in item)
    ]


def says_what_is_next(notebook: Notebook) -> list[str]:
    """The lesson ends with what it cannot do and where that leads."""
    return [] if section(notebook, "next") else ['No heading says what is "next".']


def picture_after_widget(notebook: Notebook) -> list[str]:
    """The code cell after a widget draws the same at the defaults, so that a printed page loses nothing."""
    code = notebook.cells("code")
    findings = []
    for place, (number, cell) in enumerate(code):
        if re.search(r"\binteract\(", cell.source):
            following = code[place + 1][1].outputs if place + 1 < len(code) else []
            if not any("image/png" in output.get("data", {}) for output in following):
                findings.append(f"Cell {number} is a widget, but the next code cell draws no picture at its defaults.")
    return findings
