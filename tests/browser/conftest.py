"""One JupyterLab server for the browser tests, over solved lessons; screenshots go to artifacts/browser."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from course_utils.paths import REPOSITORY
from tests.browser.lab import CHROMIUM_FLAGS, Lab, browse, find_chromium, serve
from tools.notebooks.files import lesson_paths
from tools.notebooks.solve import solve

NO_CHROMIUM = (
    "NO CHROMIUM: the notebooks were NOT opened in a browser. Install one (Debian, Ubuntu: `apt-get install chromium`) "
    "or name one in $CHROMIUM."
)

expect.set_options(timeout=30_000)                                 # milliseconds: a busy machine may be late


def require_chromium() -> None:
    """Skip the test where there is no Chromium; in CI fail it."""
    if not find_chromium():
        in_ci = os.environ.get("CI", "").lower() in ("1", "true")
        (pytest.fail if in_ci else pytest.skip)(NO_CHROMIUM)


@contextmanager
def run_cells(cells: Sequence[str], folder: Path, home: Path, seconds: float) -> Iterator[Lab]:
    """A notebook of these cells, run in a browser that reaches nothing but this machine."""
    require_chromium()
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}  # else JupyterLab asks for one
    written = [nbformat.v4.new_code_cell(source) for source in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=written, metadata={"kernelspec": kernel}), folder / "cells.ipynb")
    with serve(folder, home, COURSE_OFFLINE="1") as address, browse(address) as lab:
        lab.open("cells.ipynb")
        lab.hide_sidebar()
        lab.start_run()
        lab.wait_until_run(seconds)
        assert not lab.errors(), lab.errors()
        yield lab


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium for pages that are no JupyterLab."""
    require_chromium()
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=find_chromium(), headless=True, args=CHROMIUM_FLAGS)


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server over copies of all lessons, exercises solved, without outputs and without network."""
    require_chromium()
    folder, home = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("home")
    (folder / "notebooks").mkdir()
    for path in lesson_paths():
        solve(path, folder / "notebooks", lesson_paths())
    with serve(folder, home, COURSE_OFFLINE="1", COURSE_PROFILE="smoke") as address:
        yield address


@pytest.fixture
def lab(address: str) -> Iterator[Lab]:
    """A fresh browser."""
    with browse(address) as lab:
        yield lab


@pytest.fixture
def nothing_leaves_the_machine(lab: Lab) -> Iterator[None]:
    """Afterwards the test's browser has asked no other address, and nothing that it asked for has failed."""
    yield
    assert not lab.traffic.outside and not lab.traffic.failed, lab.traffic


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where screenshots are kept for a look; git-ignored."""
    folder = REPOSITORY / "artifacts" / "browser"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
