"""Rules for what a notebook file holds: outputs made in order, small, and free of traces of one machine.

Each rule takes a Notebook and returns its findings, a sentence each.
"""

import re

from nbformat import NotebookNode, ValidationError, validate

from tools.notebooks.files import Notebook, as_text, output_text, read, tags, tidy

LARGEST_FILE = 400_000
SHORTEST_ALT_TEXT, FEWEST_WORDS = 20, 5
ABSOLUTE_PATH = re.compile(
    r"(?<![\w.:/\\<-])/(?:home|Users|root|tmp|work|content|mnt|private|var|opt|usr)/[\w.-]+|\b[C-Z]:\\(?:Users|Windows|Program)"
)


def refused_outputs(notebook: NotebookNode) -> list[str]:
    """Findings that keep `execute` from writing: an error, anything on stderr, a path of this machine."""
    findings = []
    for number, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", []):
            findings += [f"Cell {number} {fault}." for fault in output_faults(output)]
    return findings


def output_faults(output: NotebookNode) -> list[str]:
    """What is wrong with one output, as the end of a sentence that begins with its cell."""
    text = output_text(output)
    if output.output_type == "error":
        return [f"ends in {output.ename}: {output.evalue[:80]}"]
    faults = []
    if output.get("name") == "stderr":
        faults.append(f"writes to stderr: {text.strip()[:80]!r}")
    if path := ABSOLUTE_PATH.search(text):
        faults.append(f"shows a path of one machine: {path.group()!r}")
    return faults


def clean_outputs(notebook: Notebook) -> list[str]:
    """No cell ends in an error, writes to stderr or shows a path of the machine it ran on."""
    return refused_outputs(notebook.node)


def no_paths_in_source(notebook: Notebook) -> list[str]:
    """No cell is written for one machine's folders."""
    found = [(number, ABSOLUTE_PATH.search(cell.source)) for number, cell in notebook.cells()]
    return [f"Cell {number} names a path of one machine: {path.group()!r}." for number, path in found if path]


def executed_in_order(notebook: Notebook) -> list[str]:
    """The code cells carry the numbers 1 to N: all were run, once each, from top to bottom."""
    cells = [(number, cell) for number, cell in notebook.cells("code") if cell.source.strip()]
    for expected, (number, cell) in enumerate(cells, start=1):
        if cell.execution_count != expected:
            return [
                f"Cell {number} has execution count {cell.execution_count}, expected {expected}; run `make notebooks`."
            ]
    return []


def small(notebook: Notebook) -> list[str]:
    """The file has at most 400 KB."""
    size = notebook.path.stat().st_size
    if size <= LARGEST_FILE:
        return []
    number, largest = max(notebook.cells("code"), key=lambda pair: len(str(pair[1].outputs)))
    share = len(str(largest.outputs))
    return [
        f"The file has {size / 1000:.0f} KB, expected at most {LARGEST_FILE / 1000:.0f}; "
        f"the outputs of cell {number} have {share / 1000:.0f} KB of them."
    ]


def tidy_file(notebook: Notebook) -> list[str]:
    """The file is what `make notebooks` writes: no widget state, no versions, no timings, stable layout, valid."""
    try:
        validate(notebook.node)
    except ValidationError as error:
        return [f"The file is not a valid notebook: {error.message[:200]}."]
    written, expected = notebook.path.read_text(encoding="utf-8"), as_text(tidy(read(notebook.path)))
    if written == expected:
        return []
    pairs = zip(written.splitlines(), expected.splitlines(), strict=False)
    line = next((n for n, (old, new) in enumerate(pairs, start=1) if old != new), len(expected.splitlines()))
    return [f"Line {line} of the file is not as `make notebooks` writes it: widget state, versions, timings or layout."]


def empty_cells(notebook: Notebook) -> list[str]:
    """No cell is empty."""
    return [f"Cell {number} is empty." for number, cell in notebook.cells() if not cell.source.strip()]


def every_picture_has_alt_text(notebook: Notebook) -> list[str]:
    """Each picture carries a sentence for those who cannot see it: `viz.show(fig, alt="…")`."""
    findings = []
    for number, output in notebook.outputs():
        for kind in ("image/png", "image/jpeg"):
            if kind in output.get("data", {}):
                alt = output.metadata.get(kind, {}).get("alt", "")
                if len(alt) < SHORTEST_ALT_TEXT or len(alt.split()) < FEWEST_WORDS:
                    findings.append(
                        f"Cell {number} shows a picture with alt text {alt!r}; "
                        f"show it with viz.show(fig, alt=…), in {FEWEST_WORDS} words or more."
                    )
    return findings


def nothing_skipped(notebook: Notebook) -> list[str]:
    """No cell is left out of the comparison of outputs by `nbval-skip` or by expecting an exception."""
    banned = {"nbval-skip", "raises-exception", "skip-execution"}
    return [
        f"Cell {number} carries the tag {tag}; every cell must run."
        for number, cell in notebook.cells()
        for tag in tags(cell)
        if tag in banned
    ]


def measured_then_judged(notebook: Notebook) -> list[str]:
    """A cell whose output is not compared is followed, within two code cells, by one whose output is."""
    code = notebook.cells("code")
    findings = []
    for place, (number, cell) in enumerate(code):
        if "nbval-ignore-output" in tags(cell):
            following = [other for _, other in code[place + 1 : place + 3]]
            if not any(other.outputs and "nbval-ignore-output" not in tags(other) for other in following):
                findings.append(
                    f"Cell {number} is tagged nbval-ignore-output, but neither of the next two code cells "
                    "prints a verdict that is compared."
                )
    return findings
