"""Run every fault test with all its tries and write data/results/faults.json, from which README.md has its table.

A fault test names its fault: `@pytest.mark.fault("hub answers 500")`; see tests/support/fault_table.py. A row is what
one file of tests measured of one fault. With names of files only these run, and the rows of the others stay. The cap
on the memory of each lesson is no test but a plugin, with which nbval runs the lessons.

    python -m tools.faults                                    all of them
    python -m tools.faults tests/faults/test_assets_faults.py
"""

import argparse
import ast
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from course_utils.paths import REPOSITORY, RESULTS
from tests.support import fault_table, memory_cap, named_numbers

RESULT = RESULTS / "faults.json"
TESTS = REPOSITORY / "tests"
MARKER = "pytest.mark.fault"
LONGEST = 3600                                                     # seconds that one test may take with all its tries
UNDER_A_CAP = ["notebooks", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=300"]
UNDER_A_CAP += ["-p", memory_cap.__name__, "-p", named_numbers.__name__, "-p", fault_table.__name__]


def declared() -> dict[str, list[str]]:
    """The faults that each file of tests names, by its path in the repository. Raises SystemExit as `named` does."""
    found = {path.relative_to(REPOSITORY).as_posix(): named(path) for path in sorted(TESTS.rglob("test_*.py"))}
    return {path: faults for path, faults in found.items() if faults} | {memory_cap.PLUGIN: [memory_cap.FAULT]}


def named(path: Path) -> list[str]:
    """The faults that a file of tests names. Raises SystemExit where a name is not a literal string."""
    text = path.read_text(encoding="utf-8")
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)] if MARKER in text else []
    marks = [call for call in calls if ast.unparse(call.func) == MARKER]
    for mark in marks:
        if not (len(mark.args) == 1 and isinstance(mark.args[0], ast.Constant) and isinstance(mark.args[0].value, str)):
            raise SystemExit(
                f"{path.name}, line {mark.lineno}: expected {MARKER} of one literal string, got {ast.unparse(mark)}; "
                "write the name of the fault there."
            )
    return sorted({mark.args[0].value for mark in marks})


def measured(files: list[str]) -> tuple[list[dict], int]:
    """Run the fault tests of these files: what each test reported, and 0 where none failed."""
    tests = [path for path in files if path != memory_cap.PLUGIN]
    runs = [["-m", "fault", *tests]] if tests else []
    runs += [UNDER_A_CAP] if memory_cap.PLUGIN in files else []
    rows, status = [], 0
    for run in runs:
        more, failed = ran(run)
        rows, status = rows + more, status or failed
    return rows, status


def ran(arguments: list[str]) -> tuple[list[dict], int]:
    """One run of pytest with all tries: what each test reported, and the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.json"
        command = [sys.executable, "-m", "pytest", *arguments, "-n", "2", "--dist", "loadfile"]
        command += ["-o", f"timeout={LONGEST}", "--fault-rows", str(rows)]
        status = subprocess.run(command, cwd=REPOSITORY, env={**os.environ, "COURSE_FAULT_TRIES": "full"}).returncode
        return json.loads(rows.read_text(encoding="utf-8")) if rows.exists() else [], status


def summed(rows: list[dict], by: tuple[str, ...]) -> list[dict]:
    """One row for each value of the columns `by`, in their order: the tries of all its rows, and the lost ones."""
    sums: dict[tuple, dict] = {}
    for row in rows:
        key = tuple(row[column] for column in by)
        kept = sums.setdefault(key, dict(zip(by, key, strict=True)) | {"tries": 0, "lost": 0})
        kept["tries"] += row["tries"]
        kept["lost"] += row["lost"]
    return [sums[key] for key in sorted(sums)]


def committed() -> list[dict]:
    """The rows of data/results/faults.json; none before the first run."""
    return json.loads(RESULT.read_text(encoding="utf-8"))["rows"] if RESULT.exists() else []


def untried(rows: list[dict]) -> list[str]:
    """The faults that tests name and that no row has tried."""
    known = {(row["fault"], row["tests"]) for row in rows}
    pairs = {(fault, path) for path, faults in declared().items() for fault in faults}
    return [f"{fault} ({path})" for fault, path in sorted(pairs - known)]


def write(rows: list[dict]) -> None:
    """The file, a line for each row."""
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    RESULT.write_text(f'{{\n "made_by": "python -m tools.faults",\n "rows": [\n{lines}\n ]\n}}\n', encoding="utf-8")


def table(rows: list[dict]) -> str:
    """The rows as Markdown, one for each fault; a fault leads to the file that made the most tries."""
    lines = ["| what fails | tries | lost |", "|---|---|---|"]
    for row in summed(rows, by=("fault",)):
        most = max((one for one in rows if one["fault"] == row["fault"]), key=lambda one: one["tries"])
        lines.append(f"| [{row['fault']}]({most['tests']}) | {row['tries']} | {row['lost']} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit status: 1 where a try was lost, a test failed or a fault was not tried."""
    parser = argparse.ArgumentParser(prog="python -m tools.faults", description="Run the fault tests in full.")
    parser.add_argument("files", nargs="*", help="files of tests; without any, all that name a fault")
    known = declared()
    files = parser.parse_args(arguments).files or list(known)
    if unknown := set(files) - set(known):
        raise SystemExit(f"No fault is named in {', '.join(sorted(unknown))}; expected of {', '.join(known)}.")
    reported, status = measured(files)
    others = [row for row in committed() if row["tests"] not in files and row["fault"] in known.get(row["tests"], [])]
    rows = summed(others + reported, by=("fault", "tests"))
    write(rows)
    print(table(rows))
    if missing := untried(rows):
        print(f"Not tried: {'; '.join(missing)}.", file=sys.stderr)
    return 1 if status or missing or any(row["lost"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
