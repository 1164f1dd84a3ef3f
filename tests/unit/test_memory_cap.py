"""A lesson's memory is capped while nbval runs it: by the system where it lets us, and by a watch everywhere."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from course_utils.paths import REPOSITORY
from tests.support import memory_cap
from tools.notebooks.files import as_text

BEFORE = "import time; held = []"
NOTEBOOKS = {                                        # lesson -> stated GB, and its cells after the first
    "01_at_once": (0.3, "held.append(bytearray(900_000_000)); time.sleep(60)", "held.clear()"),
    "02_in_steps": (0.3, "while True: held.append(bytearray(20_000_000)); time.sleep(0.03)", "held.clear()"),
    "03_modest": (0.6, "held.append(bytearray(100_000_000)); time.sleep(0.4)"),
    "04_dies": (0.6, "import os; os._exit(1)"),
    "05_states_nothing": (None, "held.clear()"),
}
SENTENCE = r"Cell 1: {} states 0\.30 GB, may take 0\.36 GB and reached (\d\.\d\d) GB: let it hold less"


@pytest.fixture(scope="module", params=["cgroup", "watchdog"])
def printed(request, tmp_path_factory) -> str:
    """What pytest prints of these notebooks, run by one of xdist's workers as `make test` does."""
    folder = tmp_path_factory.mktemp("lessons")
    for name, (_, *sources) in NOTEBOOKS.items():
        cells = [new_code_cell(source, execution_count=1) for source in (BEFORE, *sources)]
        (folder / f"{name}.ipynb").write_text(as_text(new_notebook(cells=cells)), encoding="utf-8")
    peaks = {name: {"peak_gb": stated} for name, (stated, *_) in NOTEBOOKS.items() if stated}
    (folder / "peaks.json").write_text(json.dumps(peaks), encoding="utf-8")
    cgroups = memory_cap.CONTROLLERS if request.param == "cgroup" else folder / "none"
    options = ["-n1", "-p", "tests.support.memory_cap", "--stated-peaks", folder / "peaks.json", "--cgroups", cgroups]
    command = [sys.executable, "-m", "pytest", folder, "--rootdir", folder, "--nbval", "--nbval-current-env", *options]
    return subprocess.run(map(str, command), cwd=REPOSITORY, capture_output=True, text=True, timeout=200).stdout


@pytest.mark.slow
@pytest.mark.parametrize("lesson", ["01_at_once", "02_in_steps"])
def test_a_greedy_cell_fails_with_one_sentence(printed, lesson):
    said = re.search(SENTENCE.format(lesson), printed)
    assert said and float(said[1]) >= 0.36, printed


def test_only_the_cells_that_are_to_blame_fail_and_a_modest_lesson_passes(printed):
    assert "3 failed, 7 passed, 2 xfailed" in printed


def test_a_kernel_that_dies_by_itself_is_not_said_to_have_held_too_much(printed):
    assert "04_dies: the kernel died in this cell, within its memory" in printed


def test_the_run_ends_with_what_each_lesson_reached_and_says_which_figures_are_stale(printed):
    ends = printed.rsplit("memory of the lessons' kernels, in GB", 1)[1]
    reached = re.search(r"03_modest +0\.60 +0\.72 +(0\.\d\d) +\d+%  \w+  more than 25% off", ends)
    assert reached and 0.1 < float(reached[1]) < 0.4, ends
    assert re.search(r"01_at_once +0\.30 +0\.36 ", ends) and "05_states_nothing" not in ends


# ---- where a group can be made


def hierarchy(root: Path, controls: dict[str, str]) -> Path:
    """Folders of a cgroup tree of version 2, each with the controllers that it hands down."""
    for name, handed_down in controls.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / "cgroup.subtree_control").write_text(handed_down, encoding="ascii")
    return root


def test_version_1_makes_a_group_below_our_own_and_in_a_container_below_the_root(tmp_path):
    first, second = memory_cap.places(tmp_path, "5:devices:/x\n4:memory:/user/ada\n0::/")
    assert [group.folder.parent for group in (first, second)] == [tmp_path / "memory/user/ada", tmp_path / "memory"]
    assert first.limit == "memory.limit_in_bytes"


def test_version_2_makes_a_group_beside_our_own_where_the_parent_hands_memory_down(tmp_path):
    root = hierarchy(tmp_path, {".": "cpu", "slice": "cpu memory", "slice/shell": ""})
    (group,) = memory_cap.places(root, "0::/slice/shell")
    assert (group.folder.parent, group.limit) == (root / "slice", "memory.max")


def test_a_machine_that_hands_no_memory_down_gets_no_group(tmp_path):
    root = hierarchy(tmp_path, {".": "cpu", "slice": "cpu"})
    assert list(memory_cap.places(root, "0::/slice")) == []
    assert memory_cap.held_by_the_system(os.getpid(), 10**9, tmp_path) is None


def test_a_group_writes_its_limit_before_the_process_comes_in_and_counts_what_the_system_ended(tmp_path):
    group = memory_cap.MemoryGroup(tmp_path / "group", "memory.max", "memory.events")
    group.hold(4321, 1_200_000_000)
    written = {path.name: path.read_text(encoding="ascii") for path in group.folder.iterdir()}
    assert written["memory.max"] == "1200000000" and written["cgroup.procs"] == "4321"
    assert group.kills() == 0
    (group.folder / "memory.events").write_text("low 0\nmax 7\noom 2\noom_kill 1\n", encoding="ascii")
    assert group.kills() == 1
