"""Run a notebook in JupyterLab and photograph all of it: `python -m tests.browser.look 01_ngrams`."""

import argparse
import tempfile
import time
from pathlib import Path

from course_utils.paths import NOTEBOOKS, REPOSITORY
from tests.browser.lab import browse, copy_unrun, serve


def find_notebook(name: str) -> Path:
    """The path itself, or the one lesson whose file name begins with `name`. Raises SystemExit where that fails."""
    candidates = [Path(name)] if Path(name).is_file() else sorted(NOTEBOOKS.glob(f"{name}*.ipynb"))
    if len(candidates) != 1:
        raise SystemExit(f"{name!r} names {len(candidates)} notebooks; expected a path or the start of one name.")
    return candidates[0]


def photograph(notebook: Path, folder: Path, seconds: float) -> list[Path]:
    """Run a copy of the notebook and write its numbered screenshots to `folder`; prints what went wrong on the way."""
    with tempfile.TemporaryDirectory() as temporary:
        home, work = Path(temporary, "home"), Path(temporary, "work")
        home.mkdir()
        copy = copy_unrun(notebook, work / "notebooks")
        with serve(work, home) as address, browse(address) as lab:
            start = time.monotonic()
            lab.open(f"notebooks/{copy.name}")
            lab.hide_sidebar()
            lab.start_run()
            lab.wait_for_first_output(seconds)
            first = time.monotonic() - start
            lab.wait_until_run(seconds)
            print(f"first output {first:.1f} s after opening, all cells {time.monotonic() - start:.1f} s")
            for error in lab.errors():
                print("error on the page:", error)
            for request in lab.traffic.outside + lab.traffic.failed:
                print("request refused or failed:", request)
            return lab.look(folder, notebook.stem)


def main() -> None:
    """Read the command line, take the photographs, print their paths."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebook", help="a path, or the start of a lesson's name such as 01")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "artifacts" / "look", help="folder of the screenshots")
    parser.add_argument("--seconds", type=float, default=300, help="how long the run may take")
    arguments = parser.parse_args()
    for path in photograph(find_notebook(arguments.notebook), arguments.out, arguments.seconds):
        print(path)


if __name__ == "__main__":
    main()
