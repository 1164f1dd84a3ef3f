"""Make the course importable on Colab, touching nothing that is there. The first cell of every notebook runs it.

Colab comes with torch, numpy and transformers, and its kernel has loaded some: replacing one breaks the session.
So only dependencies that are missing altogether are installed, a constraints file holds every installed version, and
the course itself is linked without its dependencies. A second run finds nothing to do.
"""

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

REPOSITORY = Path(__file__).resolve().parent.parent
COURSE = "generative-ai-course"
QUIET = {"PYTHONWARNINGS": "ignore"}                               # newer pips pass on what setuptools thinks of links
SERVERS = {"jupyterlab", "voila"}                                  # Colab is its own server, and serves no chat page


def installed() -> dict[str, str]:
    """Versions of everything installed here by canonical name, less what has no valid version."""
    found = {}
    for distribution in metadata.distributions():
        try:
            found[canonicalize_name(distribution.metadata["Name"])] = str(Version(distribution.version))
        except (InvalidVersion, TypeError):
            continue
    return found


def constraints(versions: dict[str, str]) -> str:
    """A pip constraints file that holds each package at the version it has."""
    return "".join(f"{name}=={version}\n" for name, version in sorted(versions.items()))


def split(declared: Iterable[str], versions: dict[str, str]) -> tuple[list[str], list[str]]:
    """Of the `declared` dependencies: those missing here, and a sentence for each that is here out of its range."""
    missing, outside = [], []
    for requirement in map(Requirement, declared):
        name = canonicalize_name(requirement.name)
        if name in SERVERS:
            continue
        if name not in versions:
            missing.append(str(requirement))
        elif not requirement.specifier.contains(versions[name], prereleases=True):
            outside.append(f"{name} {versions[name]} is left as it is; tested are versions {requirement.specifier}")
    return missing, outside


def linked(repository: Path = REPOSITORY) -> bool:
    """True where the course that Python finds here is the one in `repository`."""
    origins = [found.read_text("direct_url.json") for found in metadata.distributions(name=COURSE)]
    return repository.as_uri() in [json.loads(origin)["url"] for origin in origins if origin]


def commands(missing: list[str], constraints_file: Path, link: bool = True) -> list[list[str]]:
    """The pip commands: missing dependencies under the constraints, then the course itself without dependencies."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    install = [*pip, "--constraint", str(constraints_file), *missing]
    course = [*pip, "--no-deps", "--editable", str(REPOSITORY)]
    return [*([install] if missing else []), *([course] if link else [])]


def main(run: Callable = subprocess.run) -> None:
    """Install what is missing and link the course. Raises SystemExit with a sentence where pip fails."""
    versions = installed()
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    missing, outside = split(project["dependencies"], versions)
    for sentence in outside:
        print(sentence)
    with tempfile.TemporaryDirectory() as folder:
        constraints_file = Path(folder) / "constraints.txt"
        constraints_file.write_text(constraints(versions), encoding="utf-8")
        for command in commands(missing, constraints_file, link=not linked()):
            try:
                run(command, check=True, env={**os.environ, **QUIET})
            except subprocess.CalledProcessError as error:
                raise SystemExit(f"pip could not install {command[-1]}; it says why above.") from error


if __name__ == "__main__":
    main()
