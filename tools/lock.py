"""Write requirements.lock and requirements-test.lock from what is installed here: `make lock`.

The locks hold the direct dependencies of pyproject.toml and everything these pull in, one `name==version` a line. Local
labels are dropped: an index offers `2.13.0`, not `2.13.0+cpu`. What another platform needs besides, pip adds there.
"""

import tomllib
from collections.abc import Set
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

REPOSITORY = Path(__file__).resolve().parent.parent
LEARNER_LOCK = REPOSITORY / "requirements.lock"
TEST_LOCK = REPOSITORY / "requirements-test.lock"
HEADER = "# {}\n# Written by `make lock`; do not edit. The ranges are in pyproject.toml.\n"


def declared(extra: str | None = None) -> list[Requirement]:
    """The direct dependencies in pyproject.toml: the learner's own, or those of an extra."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return [Requirement(line) for line in lines]


def closure(requirements: list[Requirement]) -> set[str]:
    """Canonical names of all that `requirements` pull in on this machine, themselves included.

    Raises PackageNotFoundError for one that is not installed.
    """
    seen: set[tuple[str, str]] = set()
    waiting = [(requirement, extra) for requirement in requirements for extra in ("", *requirement.extras)]
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        needed = [Requirement(line) for line in metadata.requires(name) or []]
        waiting += [
            (need, inner)
            for need in needed
            if need.marker is None or need.marker.evaluate({"extra": extra})
            for inner in ("", *need.extras)
        ]
    return {name for name, _ in seen}


def lock_lines(requirements: list[Requirement], leave_out: Set[str] = frozenset()) -> list[str]:
    """`name==version` for the closure of `requirements`, sorted, less the names in `leave_out`."""
    direct = {canonicalize_name(requirement.name): requirement for requirement in requirements}
    names = sorted(closure(requirements) - leave_out)
    return [f"{name}=={Version(metadata.version(name)).public}{_marker(direct.get(name))}" for name in names]


def _marker(requirement: Requirement | None) -> str:
    return f" ; {requirement.marker}" if requirement and requirement.marker else ""


def read(lock: Path) -> dict[str, Version]:
    """The versions in a lock by canonical name."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    pinned = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(pin.name): Version(str(pin.specifier).removeprefix("==")) for pin in pinned}


def write(lock: Path, purpose: str, lines: list[str]) -> None:
    """Write one lock, with a sentence of what it is for."""
    lock.write_text(HEADER.format(purpose) + "\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Write both locks."""
    learner = lock_lines(declared())
    wanted = [requirement for extra in ("test", "site", "classroom") for requirement in declared(extra)]
    tests = lock_lines(wanted, leave_out=closure(declared()))
    write(LEARNER_LOCK, "What a reader needs.", learner)
    write(TEST_LOCK, "What the tests need besides requirements.lock.", tests)
    print(f"{LEARNER_LOCK.name}: {len(learner)} packages\n{TEST_LOCK.name}: {len(tests)} packages besides")


if __name__ == "__main__":
    main()
