"""With the solutions in place of the stubs, every lesson runs and every check is green: smoke profile, no network.

For where no browser does the same (tests/browser/test_lessons.py).
"""

from pathlib import Path

import pytest

from tools.notebooks.execute import run
from tools.notebooks.files import lesson_paths, read
from tools.notebooks.solve import solve, unsolved


@pytest.mark.slow
@pytest.mark.parametrize("path", lesson_paths(), ids=lambda path: path.stem)
def test_every_check_of_the_solved_lesson_is_green(path: Path, tmp_path: Path):
    solved = read(solve(path, tmp_path, lesson_paths()))
    run(
        solved,
        solved_name := f"solved {path.name}",
        profile="smoke",
        offline=True,
        folder=path.parent,
        cell_seconds=120,
    )
    assert not unsolved(solved), f"{solved_name}:\n" + "\n".join(unsolved(solved))
