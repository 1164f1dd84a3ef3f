"""What every test shares: markers by folder, the CPU, and a progress folder that is never the reader's own."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

pytest_plugins = ["tests.support.fault_table"]
TESTS = Path(__file__).parent
os.environ.setdefault("COURSE_DEVICE", "cpu")                      # what is committed was measured on one
KINDS = {"unit", "parity", "exercises", "notebooks", "browser", "faults", "bad_input", "classroom"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by the folder it lies in, so that `pytest -m "not browser"` works without a decorator anywhere."""
    for item in items:
        if TESTS in item.path.parents and (kind := item.path.relative_to(TESTS).parts[0]) in KINDS:
            item.add_marker(kind)


@pytest.fixture(scope="session", autouse=True)
def _progress_folders(tmp_path_factory) -> Iterator[Iterator[Path]]:
    """Folders for one test each, none of which is there yet. Servers that live longer write to one of their own."""
    base = tmp_path_factory.mktemp("progress")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_PROGRESS", str(base / "servers"))
        yield (base / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def progress_folder(_progress_folders: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty progress folder for each test, already named by COURSE_PROGRESS; it need not exist.

    Not in `tmp_path`, which would have to be made and removed for each of thousands of tests that have no use for it.
    """
    folder = next(_progress_folders)
    monkeypatch.setenv("COURSE_PROGRESS", str(folder))
    return folder


@pytest.fixture(scope="module")
def one_thread():
    """Short passes are no faster with more threads, and many times slower where another process runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
