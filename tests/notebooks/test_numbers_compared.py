"""nbval with our plugin: a measured number out of its band fails its cell, and the list of numbers is written."""

import os
import re
import subprocess
import sys

import nbformat

from course_utils.paths import REPOSITORY
from tools.numbers import load

MEASURED = ["nbval-ignore-output"]
CELLS = {                                            # what is committed and what comes out, tags, what becomes of it
    0: ("loss 2.34", "loss 2.34", MEASURED, "PASSED"),
    1: ("loss 2.34", "loss 2.36", MEASURED, "PASSED"),
    2: ("loss 2.34", "loss 3.10", MEASURED, "FAILED"),
    3: ("in 2.34 s", "in 9.99 s", MEASURED, "PASSED"),
    4: ("loss 2.34", "loss 2.35", [], "FAILED"),     # a verdict: nbval's own comparison, to the letter
}
MANY = "import sys\nfor _ in range(12_000):\n    print(1, file=sys.stderr, flush=True)"         # as a progress bar does
NBVAL = ["-p", "tests.support.named_numbers", "--nbval", "--nbval-current-env", "-rA", "-p", "no:cacheprovider"]


def test_a_cell_that_says_thousands_of_things_is_heard_to_its_end(tmp_path):
    cell = nbformat.v4.new_code_cell(MANY, execution_count=1, metadata={"tags": MEASURED})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "02_many.ipynb")
    command = [sys.executable, "-m", "pytest", *NBVAL, f"--rootdir={tmp_path}", "02_many.ipynb"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    report = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert report.returncode == 0, report.stdout


def test_a_measured_number_out_of_its_band_fails_its_cell_and_a_verdict_is_left_to_nbval(tmp_path):
    cells = [
        nbformat.v4.new_code_cell(
            f"print({came!r})",
            outputs=[nbformat.v4.new_output("stream", name="stdout", text=f"{committed}\n")],
            execution_count=1,
            metadata={"tags": tags},
        )
        for committed, came, tags, _ in CELLS.values()
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "02_measured.ipynb")
    environment = {**os.environ, "COURSE_NUMBERS": str(tmp_path / "numbers"), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "pytest", *NBVAL, f"--rootdir={tmp_path}", "02_measured.ipynb"]
    report = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True).stdout
    for place, (*_, outcome) in CELLS.items():
        assert f"{outcome} 02_measured.ipynb::Cell {place}" in report, report
    out_of_band = "loss # [0]: 2.34 is committed, 3.10 came out, ±25% is the band"
    assert set(re.findall(r"loss .*? is the band", report)) == {out_of_band}
    assert [number.came for number in load(tmp_path / "numbers")] == ["2.34", "2.36", "3.10", "9.99"]
