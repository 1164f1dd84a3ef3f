"""A class on JupyterHub, measured: all log in at once, open a lesson and run the whole of it; then the hub is killed.

    python -m tools.hub_load --users 20 --lesson 01                     in the profile quick
    python -m tools.hub_load --users 20 --lesson 01 --profile smoke
    python -m tools.hub_load --readme                                   only write the tables of the hub's README

The hub listens on loopback, in a temporary folder, with the configuration of `classroom/jupyterhub/`. What was measured
goes to `data/results/hub.json`, in place of an earlier run with as many users in that profile, and from there into
`classroom/jupyterhub/README.md`. The run stops by itself before the machine is out of memory.
"""

import argparse
import hashlib
import json
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import nbformat
import psutil

from course_utils.paths import RESULTS
from tools.hub_readme import write_tables
from tools.hub_server import NOTEBOOKS, Hub, Use, Watch, hub
from tools.hub_student import HubError, Student, errors
from tools.notebooks.files import lesson_paths

RECORD = RESULTS / "hub.json"
SOFTWARE = ("jupyterhub", "jupyterlab", "configurable-http-proxy")
SERVER_SECONDS = 600
LESSON_SECONDS = 3_600
# What each student adds of their own: a guess in the progress, and a name in the kernel's memory.
OWN_WORK = """
from course_utils.exercises import record
record.record_guess("1.a", "the guess of {name}")
whose_kernel = "{name}"
"""


@dataclass
class Lesson:
    """What one student went through: seconds since the class began, errors met, and fingerprints of the files kept."""

    student: Student
    notebook: str
    seconds: dict[str, float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    outputs: int = 0
    files: dict[str, str] = field(default_factory=dict)


def take(lesson: Lesson, begin: float) -> None:
    """Log in, start the server, run every code cell of the lesson, add work of one's own, save."""

    def reached(step: str) -> None:
        lesson.seconds.setdefault(step, round(time.monotonic() - begin, 2))

    student = lesson.student
    student.log_in()
    reached("login")
    student.start_server(SERVER_SECONDS)
    reached("server")
    document = student.open(lesson.notebook)
    cells = [cell for cell in document.cells if cell.cell_type == "code"]
    outputs = student.run([cell.source for cell in cells], LESSON_SECONDS, lambda: reached("first result"))
    reached("lesson")
    for count, (cell, made) in enumerate(zip(cells, outputs, strict=True), start=1):
        cell.outputs, cell.execution_count = made, count
    own = student.run([OWN_WORK.format(name=student.name)], LESSON_SECONDS)
    student.save(lesson.notebook, document)
    lesson.outputs, lesson.errors = sum(map(len, outputs)), errors([*outputs, *own])


def attempt(lesson: Lesson, begin: float) -> None:
    """Take the lesson; what goes wrong on the way is an error of the student's, not the end of the class."""
    try:
        take(lesson, begin)
    except (HubError, OSError, TimeoutError, KeyError) as error:
        lesson.errors.append(f"{type(error).__name__}: {error}")


# ---- is anything lost? -----------------------------------------------------------------------------------------------


def kept_files(running: Hub, lesson: Lesson) -> dict[str, Path]:
    """The two files that hold a student's work."""
    home = running.home(lesson.student.name)
    return {
        "notebook": home / lesson.notebook,
        "progress": home / "generative-ai-course" / "progress" / "progress.json",
    }


def is_whole(running: Hub, lesson: Lesson) -> bool:
    """Whether the notebook on disk holds every output that was seen, and the progress this student's guess alone."""
    files = kept_files(running, lesson)
    with suppress(OSError, ValueError):
        document = nbformat.read(files["notebook"], as_version=4)
        nbformat.validate(document)
        cells = [cell for cell in document.cells if cell.cell_type == "code"]
        outputs = sum(len(cell.outputs) for cell in cells)
        guesses = json.loads(files["progress"].read_text(encoding="utf-8"))["guesses"]
        counted = all(cell.execution_count for cell in cells)
        return counted and outputs == lesson.outputs and guesses == {"1.a": f"the guess of {lesson.student.name}"}
    return False


def fingerprints(running: Hub, lesson: Lesson) -> dict[str, str]:
    """The sha256 of a student's files."""
    files = kept_files(running, lesson).items()
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files if path.exists()}


def kernel_answers(lesson: Lesson) -> bool:
    """Whether the student, with the cookies of before, reaches the kernel of before and what it remembers."""
    with suppress(HubError, OSError, TimeoutError):
        lesson.student.wait_for_server(SERVER_SECONDS)
        [outputs] = lesson.student.run(["print(whose_kernel)"], 60)
        return [output.get("text", "").strip() for output in outputs] == [lesson.student.name]
    return False


def kill_and_restart(running: Hub, lessons: list[Lesson], everybody: ThreadPoolExecutor) -> dict:
    """Kill the hub with -9, start it again, and count the students who lost nothing by it."""
    for lesson in lessons:
        lesson.files = fingerprints(running, lesson)
    running.kill()
    meanwhile = sum(everybody.map(kernel_answers, lessons))
    seconds = running.start()
    afterwards = sum(everybody.map(kernel_answers, lessons))
    same = sum(len(lesson.files) == 2 and lesson.files == fingerprints(running, lesson) for lesson in lessons)
    return {
        "seconds until the hub is back": round(seconds, 1),
        "kernels that answered while it was gone": meanwhile,
        "kernels that answered afterwards": afterwards,
        "students whose files are the same": same,
    }


# ---- the record ------------------------------------------------------------------------------------------------------


def class_of(users: int, notebook: str, profile: str, folder: Path) -> dict:
    """Run the class; what was measured. Raises HubError where memory ran out."""
    load, seconds = os.getloadavg()[0], max(1.0, users / 4)
    with hub(folder, COURSE_PROFILE=profile) as running, Watch(running, seconds) as watch:
        students = [running.student(f"student{number:02d}") for number in range(1, users + 1)]
        lessons = [Lesson(student, f"{NOTEBOOKS}/{notebook}") for student in students]
        with ThreadPoolExecutor(users) as everybody:
            begin = time.monotonic()
            list(everybody.map(attempt, lessons, [begin] * users))
            if watch.danger:
                raise HubError(f"{users} users at once do not fit into this machine; take fewer, or --profile smoke")
            watch.look()
            whole = sum(is_whole(running, lesson) for lesson in lessons)
            after = kill_and_restart(running, lessons, everybody)
    return {
        "users": users, "profile": profile, "lesson": notebook.split("_")[0],
        "machine": {"cores": os.cpu_count(), "memory_gb": gigabytes(psutil.virtual_memory().total)},
        "versions": {name: metadata.version(name) for name in SOFTWARE}, "load_before": round(load, 1),
        "seconds": spreads([lesson.seconds for lesson in lessons]),
        **memory(watch),
        "errors": sorted({f"{each.student.name}: {error}" for each in lessons for error in each.errors}),
        "students whose notebook and progress are whole": whole,
        "after kill -9 of the hub": after,
    }  # fmt: skip


def spreads(rows: list[dict[str, float]]) -> dict[str, dict]:
    """Median and largest of every step's seconds, over the students who got there."""
    steps = dict.fromkeys(step for row in rows for step in row)
    reached = {step: [row[step] for row in rows if step in row] for step in steps}
    return {step: {"median": round(statistics.median(found), 1), "most": max(found)} for step, found in reached.items()}


def memory(watch: Watch) -> dict:
    """The figures of memory in GB (10⁹ bytes) and of CPU seconds."""
    users = {name: use for name, use in watch.users.items() if name}
    own = watch.users.get("", Use())
    return {
        "pss_gb": {
            "user, median of most": gigabytes(statistics.median(use.pss for use in users.values())),
            "user, most": gigabytes(max(use.pss for use in users.values())),
            "user, at rest after the lesson": gigabytes(statistics.median(use.pss_now for use in users.values())),
            "hub, proxy, culler": gigabytes(own.pss),
            "all together, most": gigabytes(watch.pss_together),
        },
        "rss_gb": {"user, most": gigabytes(max(use.rss for use in users.values()))},
        "machine_gb": {"before": gigabytes(watch.machine_before), "most": gigabytes(watch.machine)},
        "processor_seconds": {
            "user, median": round(statistics.median(use.seconds for use in users.values()), 1),
            "hub, proxy, culler": round(own.seconds, 1),
        },
    }


def gigabytes(count: float) -> float:
    """Bytes as 10⁹ bytes, two decimals."""
    return round(count / 1e9, 2)


def keep(run: dict, record: Path = RECORD) -> None:
    """Put the run into the record, in place of one with as many users, that lesson and that profile."""
    kept = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {"runs": []}
    names = ("users", "profile", "lesson")
    others = [each for each in kept["runs"] if any(each[name] != run[name] for name in names)]
    runs = sorted([*others, run], key=lambda each: (each["profile"], each["users"], each["lesson"]))
    record.write_text(json.dumps({"runs": runs}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """The command line; exits with 1 where a student met an error or lost something."""
    parser = argparse.ArgumentParser(prog="python -m tools.hub_load", description="Measure a class on JupyterHub.")
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--lesson", default="01", help="start of a notebook's name")
    parser.add_argument("--profile", choices=("smoke", "quick"), default="quick")
    parser.add_argument("--readme", action="store_true", help="run nothing; write the tables from the record")
    chosen = parser.parse_args(arguments)
    if chosen.readme:
        write_tables()
        return 0
    [notebook] = lesson_paths([chosen.lesson])
    with tempfile.TemporaryDirectory(prefix="hub-", ignore_cleanup_errors=True) as folder:
        try:
            run = class_of(chosen.users, notebook.name, chosen.profile, Path(folder))
        except HubError as error:
            print(error, file=sys.stderr)
            return 1
    print(json.dumps(run, indent=1, ensure_ascii=False))
    keep(run)
    write_tables()
    after = run["after kill -9 of the hub"]
    lost = {run["students whose notebook and progress are whole"], *list(after.values())[1:]} != {chosen.users}
    return int(lost or bool(run["errors"]))


if __name__ == "__main__":
    sys.exit(main())
