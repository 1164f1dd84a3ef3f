"""Install the peers that stand in the extra `bench` of pyproject.toml, each without what it would bring along.

Some would bring packages that a benchmark has no use for and that disturb others: another torch,
torchvision, TensorFlow. What they do need stands in the extra by name.
"""

import subprocess
import sys

from tools import lock


def command() -> list[str]:
    """The call of pip; what is there in its range stays, and no index is asked for it."""
    peers = [str(requirement) for requirement in lock.declared("bench")]
    return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--no-deps", *peers]


if __name__ == "__main__":
    sys.exit(subprocess.run(command()).returncode)
