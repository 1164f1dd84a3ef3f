"""Where things live. Every other module asks here, so a folder is named in one place."""

import os
from pathlib import Path

from platformdirs import user_data_path

REPOSITORY = Path(__file__).resolve().parent.parent
NOTEBOOKS = REPOSITORY / "notebooks"
DATA = REPOSITORY / "data"
CHECKPOINTS = DATA / "checkpoints"
RESULTS = DATA / "results"


def cache_dir() -> Path:
    """Folder of the downloaded assets: `$COURSE_CACHE`, else `data/cache` in the repository."""
    return Path(os.environ.get("COURSE_CACHE") or DATA / "cache")


def progress_dir() -> Path:
    """Folder of the reader's progress, outside the repository: `$COURSE_PROGRESS`, else the user's data folder."""
    return Path(os.environ.get("COURSE_PROGRESS") or user_data_path("generative-ai-course"))
