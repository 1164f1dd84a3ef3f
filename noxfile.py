"""The whole suite at both ends of the ranges in pyproject.toml: `pipx run --spec 'nox[uv]' nox`.

    nox -s lowest          Python 3.11, every declared dependency at its lowest version
    nox -s newest-3.13     a newer Python, everything at the newest version that is served
    nox -s compare         both beside each other, cell by cell and number by number
    nox -s twice           the lessons two times by the locked versions: which of the numbers that are compared differ

An end can be mended in parts: whole files of tests run again alone, and count in place of what they were before.

    nox -R -s lowest -- tests/unit/test_lora.py notebooks/07_transformer.ipynb

An end needs 8 GB of disk where torch comes with CUDA, and as long as `make test`. Pythons that are not here are left
out; one newer than 3.11 there has to be.
"""

import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lowest", "newest", "compare"]
EXTRAS = "test,site,classroom"
NEWER = ["3.14", "3.13", "3.12"]
RESULTS = Path("build/ends").absolute()
NO_CAP = ["-p", "no:tests.support.memory_cap"]                     # the memory stated is that of the locked versions
WITH_PIP = ["--seed"]                                              # the course fetches packages of data by it
THE_LOCKS_ARE_INSTALLED = "tests/unit/test_setup.py::test_the_locks_are_complete_and_are_what_is_installed"


@nox.session(python="3.11", venv_params=WITH_PIP)
def lowest(session: nox.Session) -> None:
    """Every declared dependency at its lowest version, theirs at the newest."""
    run_everything(session, "lowest-direct")


@nox.session(python=NEWER, venv_params=WITH_PIP)
def newest(session: nox.Session) -> None:
    """Everything at the newest version that is served today."""
    run_everything(session, "highest")


@nox.session(venv_backend="none")
def compare(session: nox.Session) -> None:
    """What passes at one end and not at the other, and the numbers that differ."""
    session.run(".venv/bin/python", "-m", "tools.ends", external=True)


@nox.session(venv_backend="none")
def twice(session: nox.Session) -> None:
    """All lessons two times, and the numbers of both runs beside each other."""
    runs = [RESULTS.with_name("twice") / name for name in ("first", "second")]
    for numbers in runs:
        shutil.rmtree(numbers, ignore_errors=True)
        session.run("make", "test", "WHAT=notebooks", f"NUMBERS={numbers}", external=True)
    first, second = map(str, runs)
    session.run(".venv/bin/python", "-m", "tools.numbers", first, "--against", second, "--record", external=True)


def run_everything(session: nox.Session, resolution: str) -> None:
    """Install the course by that resolution and run what `make test` runs, or of it what is given."""
    session.install("--upgrade", f"--resolution={resolution}", "-e", f".[{EXTRAS}]")
    RESULTS.mkdir(parents=True, exist_ok=True)
    end = RESULTS / session.name
    session.run("python", "-m", "course_utils.assets", "--all")    # what `make test` fetches; here already, or now
    session.run("python", "-m", "tools.ends", "part" if session.posargs else "begin", session.name)
    parts = len(list(RESULTS.glob(f"{end.name}-part-*.xml")))
    report = end.with_name(f"{end.name}-part-{1 + parts}.xml" if session.posargs else f"{end.name}.xml")
    more = [f"--junitxml={report}", f"--deselect={THE_LOCKS_ARE_INSTALLED}", *NO_CAP]
    settings = [f"VENV={session.virtualenv.location}", "BOOTSTRAP=true", f"NUMBERS={end}", f"ARGS={' '.join(more)}"]
    what = " ".join(session.posargs or ["tests", "notebooks"])
    session.run("make", "test", f"WHAT={what}", *settings, external=True)
