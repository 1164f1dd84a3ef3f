"""Command line: `python -m tools.notebooks execute`, `solve`, `first-cell` or `rules`, from the repository's root."""

import argparse
import sys
from pathlib import Path

import psutil

from course_utils.errors import CourseError
from course_utils.paths import REPOSITORY
from tools.notebooks import first_cell
from tools.notebooks.execute import CELL_SECONDS, execute
from tools.notebooks.files import Notebook, lesson_paths
from tools.notebooks.rules import findings
from tools.notebooks.solve import solve
from tools.notebooks.stored import LARGEST_FILE


def run_execute(arguments: argparse.Namespace) -> int:
    """Execute the notebooks in order and write their outputs and costs."""
    if (busy := psutil.getloadavg()[0]) > 1:
        print(f"warning: this machine is busy (load {busy:.1f}); the measured seconds will be too many", flush=True)
    for path in lesson_paths(arguments.names):
        print(f"{path.name} …", flush=True)
        cost = execute(path, cell_seconds=arguments.cell_seconds)
        size = path.stat().st_size
        print(f"{path.name}: {cost.seconds:.0f} s, {cost.peak_gb:.2f} GB, file of {size / 1000:.0f} KB", flush=True)
        if size > LARGEST_FILE:
            print(f"{path.name}: warning: larger than {LARGEST_FILE / 1000:.0f} KB; show fewer or smaller pictures")
    return 0


def run_solve(arguments: argparse.Namespace) -> int:
    """Write the notebooks with solutions in place of stubs."""
    everything = lesson_paths()
    for path in lesson_paths(arguments.names):
        print(solve(path, arguments.out, everything))
    return 0


def run_first_cell(arguments: argparse.Namespace) -> int:
    """Write the first code cell of the notebooks."""
    course = first_cell.setting()
    text = first_cell.line(arguments.repository or course["repository"], arguments.tag or course["tag"])
    for path in lesson_paths(arguments.names):
        print(f"{path.name}: {'written' if first_cell.rewrite(path, text) else 'unchanged'}")
    return 0


def run_rules(arguments: argparse.Namespace) -> int:
    """Print what the rules find; 1 where they find anything."""
    found = [(path, finding) for path in lesson_paths(arguments.names) for finding in findings(Notebook(path))]
    for path, finding in found:
        print(f"{path.name}: {finding}")
    print(f"{len(found)} findings" if found else "no findings")
    return 1 if found else 0


ACTIONS = {"execute": run_execute, "solve": run_solve, "first-cell": run_first_cell, "rules": run_rules}


def parser() -> argparse.ArgumentParser:
    """The command line; each command takes the starts of notebooks' names, none for all."""
    top = argparse.ArgumentParser(prog="python -m tools.notebooks", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    added = {}
    for name, action in ACTIONS.items():
        added[name] = commands.add_parser(name, help=action.__doc__.splitlines()[0], description=action.__doc__)
        added[name].add_argument("names", nargs="*", metavar="NAME", help="start of a notebook's name, such as 01")
        added[name].set_defaults(action=action)
    added["execute"].add_argument("--cell-seconds", type=float, default=CELL_SECONDS, help="how long one cell may run")
    added["solve"].add_argument("--out", type=Path, default=REPOSITORY / "build" / "solved", help="folder to write")
    added["first-cell"].add_argument("--repository", help="address to clone, if not that of pyproject.toml")
    added["first-cell"].add_argument("--tag", help="tag to clone, if not that of pyproject.toml")
    return top


def main() -> int:
    """Run the command; its exit code."""
    arguments = parser().parse_args()
    try:
        return arguments.action(arguments)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
