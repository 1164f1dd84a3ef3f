"""All lessons, solved, on a GPU: does each cell run, is each check green, and what comes out otherwise than on a CPU?

    python -m tools.gpu_lessons            all of them, several at once; writes data/results/gpu_lessons.json
    python -m tools.gpu_lessons 10 11      these again; what the record says of the others stays

Needs the packages of `make test` and the assets, no network. `python -m tools.scale_table` tells it in scale/README.md.
A finding that was mended where there was no GPU gets a `since`, by hand: what was done. A new run takes it away.
"""

import argparse
import json
import os
import re
import sys
import tempfile
from collections import Counter
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

from nbformat import NotebookNode

from course_utils.checkpoints import write_json
from course_utils.devices import gpu_label
from course_utils.doctor import available_cores
from course_utils.paths import NOTEBOOKS, RESULTS
from tools import numbers
from tools.notebooks.execute import CELL_SECONDS, LESSONS, run
from tools.notebooks.files import NotebookError, lesson_paths, read, tag_value, tags
from tools.notebooks.solve import inject, unsolved

RECORD = RESULTS / "gpu_lessons.json"
CORES_A_LESSON = 2
GOES_ON = "raises-exception"                                       # nbclient's tag: the next cell runs all the same
MEASURES = "nbval-ignore-output"                                   # the tag of cells whose numbers have a band
NOTHING = {"cells": 0, "not run": 0, "verdicts": 0, "numbers": 0}
TRAINED_ON = re.compile(r"; on .*$", re.MULTILINE)                 # what `fit` says of a GPU, and of a CPU not
VERDICT = re.compile(r"^(.+): (True|False)$", re.MULTILINE)
LISTS = "failed", "unsolved", "verdicts otherwise", "numbers otherwise"


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns 1 where a lesson has a finding, else 0."""
    parser = argparse.ArgumentParser(prog="python -m tools.gpu_lessons", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="start of a notebook's name, such as 01; none for all")
    parser.add_argument("--at-once", type=int, default=max(1, available_cores() // CORES_A_LESSON), metavar="N")
    parser.add_argument("--cell-seconds", type=float, default=CELL_SECONDS, help="how long one cell may run")
    parser.add_argument("--out", type=Path, default=RECORD, help="the file to write")
    options = parser.parse_args(arguments)
    gpu, paths = gpu_label(), lesson_paths(options.names)
    if not gpu:
        parser.error("torch sees no GPU here, or COURSE_DEVICE is cpu; unset it, and run this where there is a GPU")
    machine = {"gpu": gpu, "torch": version("torch"), "transformers": version("transformers")}
    known = json.loads(options.out.read_text(encoding="utf-8"))["lessons"] if options.out.exists() else {}
    seconds = json.loads(LESSONS.read_text(encoding="utf-8"))
    paths.sort(key=lambda path: -seconds[path.stem]["seconds"])    # so that none is left to run alone at the end
    os.environ.setdefault("OMP_NUM_THREADS", str(CORES_A_LESSON))
    with ProcessPoolExecutor(options.at_once, get_context("spawn")) as pool:
        names = {pool.submit(lesson, path, options.cell_seconds): path.stem for path in paths}
        for run_ended in as_completed(names):
            name = names[run_ended]
            known[name] = outcome(run_ended) | {"machine": machine}
            write_json(options.out, {"lessons": dict(sorted(known.items()))})
            print(name, *(f"{kind}: {known[name][kind]}" for kind in LISTS), sep="\n  ", flush=True)
    return 1 if any(known[path.stem][kind] for path in paths for kind in LISTS) else 0


def outcome(run_ended: Future) -> dict:
    """What `lesson` found, or why it found nothing: a process that was killed, a kernel that did not start."""
    try:
        return run_ended.result()
    except Exception as error:                                     # the others go on, and are written
        return {"failed": [f"{type(error).__name__}: {error}"], **NOTHING, **{kind: [] for kind in LISTS[1:]}}


def lesson(path: Path, cell_seconds: float = CELL_SECONDS) -> dict:
    """What running a lesson's solved notebook comes to, beside the committed one; a cell that fails stops no other."""
    committed, solved = read(path), inject(read(path))
    for cell in solved.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.metadata["tags"] = [*tags(cell), GOES_ON]
    ended = []
    with tempfile.TemporaryDirectory() as results:
        try:
            run(solved, path.name, offline=True, folder=NOTEBOOKS, cell_seconds=cell_seconds, results=Path(results))
        except NotebookError as error:                             # a cell that took too long, a kernel that died
            ended = [str(error)]
    return {"failed": failures(solved) + ended, "unsolved": unsolved(solved)} | beside(path.stem[:2], committed, solved)


def failures(solved: NotebookNode) -> list[str]:
    """The cells that raised, and what."""
    outputs = [(cell["id"], output) for cell in solved.cells for output in cell.get("outputs", [])]
    return [f"{name}: {each.ename}: {each.evalue}" for name, each in outputs if each.output_type == "error"]


def beside(name: str, committed: NotebookNode, solved: NotebookNode) -> dict:
    """Cells, verdicts and numbers of a solved run beside the committed outputs; exercises and their checks left out."""
    found = NOTHING | {kind: [] for kind in LISTS[2:]}
    for old, new in zip(committed.cells, solved.cells, strict=True):
        if old.cell_type != "code":
            continue
        found["cells"] += 1
        if new.execution_count is None:
            found["not run"] += 1
        elif not (tag_value(old, "exercise") or tag_value(old, "check")):
            before, after = numbers.text_of(old.outputs), TRAINED_ON.sub("", numbers.text_of(new.outputs))
            _compare_verdicts(old["id"], before, after, found)
            if MEASURES in tags(old):
                _compare_numbers(name, old["id"], before, after, found)
    return found


def _compare_verdicts(cell: str, before: str, after: str, found: dict) -> None:
    first, second = (Counter(VERDICT.findall(text)) for text in (before, after))
    found["verdicts"] += first.total()
    found[LISTS[2]] += [f"{cell}: {words}: {verdict} did not come" for words, verdict in (first - second).elements()]


def _compare_numbers(name: str, cell: str, before: str, after: str, found: dict) -> None:
    measured = numbers.compared(name, cell, before, after, numbers.bands())
    measured = [number for number in measured if number.kind in ("compared", "gone")]
    found["numbers"] += len(measured)
    found[LISTS[3]] += [str(number) for number in measured if numbers.out_of_band(number)]


def sentence(record: dict) -> str:
    """What the record says, in a few words."""
    lessons = record["lessons"].values()
    machines = {f"one {each['machine']['gpu']} (torch {each['machine']['torch']})" for each in lessons}
    total = {key: sum(each[key] for each in lessons) for key in NOTHING}
    wrong = {kind: sum(len(each[kind]) for each in lessons) for kind in LISTS}
    since = [f" Lesson {name[:2]}: {each['since']}." for name, each in record["lessons"].items() if "since" in each]
    clean = sum(not any(each[kind] for kind in (*LISTS, "not run")) for each in lessons)
    missing = [path.stem[:2] for path in lesson_paths() if path.stem not in record["lessons"]]
    which = f"{len(lessons)} lessons (not yet {', '.join(missing)})" if missing else f"All {len(lessons)} lessons"
    return (
        f"{which}, solved, on {' and '.join(sorted(machines))}: of {total['cells']:,} cells {wrong['failed']} failed "
        f"and {total['not run']} did not run, {wrong['unsolved']} checks are not green, of {total['verdicts']:,} "
        f"verdicts {wrong['verdicts otherwise']} are not those of a CPU or did not come, and of "
        f"{total['numbers']:,} measured numbers {wrong['numbers otherwise']} are out of their band or did not come; in "
        f"{clean} lessons none of this (`python -m tools.gpu_lessons`). What is trained takes the GPU; the rest of a "
        f"lesson stays on the CPU.{''.join(since)}"
    )


if __name__ == "__main__":
    sys.exit(main())
