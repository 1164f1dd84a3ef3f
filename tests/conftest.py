"""What every test shares: markers by folder, the CPU, and a progress folder that is never the reader's own."""

import os
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
def _keep_off_the_readers_progress(tmp_path_factory):
    """Servers and kernels that live longer than one test write their progress here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_PROGRESS", str(tmp_path_factory.mktemp("progress")))
        yield


@pytest.fixture(autouse=True)
def progress_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty progress folder for each test, already named by COURSE_PROGRESS; it need not exist."""
    folder = tmp_path / "progress"
    monkeypatch.setenv("COURSE_PROGRESS", str(folder))
    return folder


@pytest.fixture(scope="module")
def one_thread():
    """Short passes are no faster with more threads, and many times slower where another process runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
