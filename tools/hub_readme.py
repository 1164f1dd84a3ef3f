"""The tables of `classroom/jupyterhub/README.md`: what a class took, and what a machine must have for more.

Both are made from `data/results/hub.json`, which `python -m tools.hub_load` measures.
"""

import json
import math
import re
from pathlib import Path

from course_utils.paths import REPOSITORY, RESULTS

README = REPOSITORY / "classroom" / "jupyterhub" / "README.md"
RECORD = RESULTS / "hub.json"
CLASSES = (5, 10, 20, 30, 50, 100)                                  # users of the table on paper
SYSTEM_GB = 2                                                       # left to the operating system
BUSY = 0.7                                                          # of a core's time that a class really uses
LESSON = "01"
WAIT_SECONDS = {"smoke": 180, "quick": 600}                         # within which the whole class is done
STEPS = {"login": "logged in", "server": "JupyterLab", "first result": "first result", "lesson": "whole lesson"}


def record() -> dict:
    """What was measured of the lesson that the tables are of."""
    found = json.loads(RECORD.read_text(encoding="utf-8"))
    return {"runs": [run for run in found["runs"] if run["lesson"] == LESSON]}


def measured(found: dict) -> str:
    """A column for each run: seconds to every step, memory, CPU seconds, and what was lost."""
    runs = found["runs"]
    heads = [f"lesson {LESSON}", *(f"{run['users']} users, {run['profile']}" for run in runs)]
    columns = [column(run) for run in runs]
    rows = [heads, ["---"] * len(heads), *([name, *(each[name] for each in columns)] for name in columns[0])]
    where = " ".join(dict.fromkeys(map(machine, runs)))
    busy = " Other work ran on it meanwhile: the seconds are too many." * any(run["load_before"] > 1 for run in runs)
    return "\n".join([*(f"| {' | '.join(row)} |" for row in rows), "", where + busy])


def machine(run: dict) -> str:
    """On what a run was measured."""
    software = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    return f"Machine: {run['machine']['cores']} cores, {run['machine']['memory_gb']:.0f} GB; {software}."


def column(run: dict) -> dict[str, str]:
    """What one run took and what became of it, by the name of the row."""
    memory, after, users = run["pss_gb"], run["after kill -9 of the hub"], run["users"]
    counts = {
        "notebook and progress whole": run["students whose notebook and progress are whole"],
        "hub killed: kernel answers meanwhile": after["kernels that answered while it was gone"],
        "hub back: kernel and its memory there": after["kernels that answered afterwards"],
        "hub back: files the same": after["students whose files are the same"],
    }
    return {
        **{f"{text}, s": _spread(run["seconds"].get(step)) for step, text in STEPS.items()},
        "memory a user at most, GB (PSS)": f"{memory['user, median of most']:.2f} ({memory['user, most']:.2f})",
        "memory a user after the lesson, GB": f"{memory['user, at rest after the lesson']:.2f}",
        "memory of all together, GB": f"{memory['all together, most']:.1f}",
        "CPU seconds a user": f"{run['processor_seconds']['user, median']:.0f}",
        "errors": str(len(run["errors"])),
        **{name: f"{count} of {users}" for name, count in counts.items()},
        "seconds until the hub is back": f"{after['seconds until the hub is back']:.0f}",
        "load of the machine before": f"{run['load_before']:.1f}",
    }


def _spread(seconds: dict | None) -> str:
    return "–" if seconds is None else f"{seconds['median']:.0f} ({seconds['most']:.0f})"


def needs(run: dict, users: int) -> tuple[int, int]:
    """Cores and GB that a class of `users` needs on paper, from a measured run."""
    cores = math.ceil(users * run["processor_seconds"]["user, median"] / (BUSY * WAIT_SECONDS[run["profile"]]))
    memory = SYSTEM_GB + run["pss_gb"]["hub, proxy, culler"] + users * run["pss_gb"]["user, most"]
    return max(2, cores), math.ceil(memory)


def largest(found: dict) -> list[dict]:
    """The run with the most users of each profile."""
    by_profile = {run["profile"]: run for run in sorted(found["runs"], key=lambda run: run["users"])}
    return [by_profile[profile] for profile in WAIT_SECONDS if profile in by_profile]


def on_paper(found: dict) -> str:
    """Cores and memory for classes of several sizes, all in the lesson at once."""
    runs = largest(found)
    heads = [f"{run['profile']}, done within {WAIT_SECONDS[run['profile']] // 60} min" for run in runs]
    rows = [["users", *heads], ["---"] * (len(heads) + 1)]
    for users in CLASSES:
        sizes = [needs(run, users) for run in runs]
        rows.append([str(users), *(f"{cores} cores, {memory} GB" for cores, memory in sizes)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


PARTS = {"hub": measured, "hub on paper": on_paper}


def written(text: str, found: dict) -> str:
    """The README's text with both tables made anew. Raises SystemExit where it has no place for one."""
    for name, make in PARTS.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"{README.name} has no part <!-- {name} --> … <!-- end -->; put it back.")
        text = pattern.sub(lambda place, make=make: place[1] + make(found) + place[2], text)
    return text


def write_tables(readme: Path = README) -> None:
    """Write both tables from the record."""
    readme.write_text(written(readme.read_text(encoding="utf-8"), record()), encoding="utf-8")
