"""Ask a database of known vulnerabilities about every version in both locks, by pip-audit: `python -m tools.audit`.

pip-audit is put into an environment of its own, build/audit, so that nothing of it gets into the locks. A database that
cannot be reached, or knows none of the packages, is told as that: pip-audit ends with success where it skipped all.
The exit status is 0 where every package was looked up and none is known as vulnerable, 1 where one is, 2 where some
or all could not be looked up.
"""

import json
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools import lock
from tools.bootstrap import environment_python

ENVIRONMENT = lock.REPOSITORY / "build" / "audit"
DATABASES = {"pypi": "of the package index", "osv": "osv.dev"}     # pip-audit's names for them
SECONDS = 20                                                       # that a database may take to answer


@dataclass(frozen=True)
class Answer:
    """What a database said: packages looked up, those it does not know, a line for each vulnerability, or no answer."""

    looked_up: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    vulnerable: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def status(self) -> int:
        """The exit status."""
        if self.vulnerable:
            return 1
        return 0 if self.looked_up and not self.unknown else 2


def auditor() -> Path:
    """The Python that has pip-audit. Raises SystemExit where it cannot be installed."""
    python = environment_python(ENVIRONMENT)
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    done = subprocess.run([python, "-m", "pip", "install", "--quiet", "pip-audit"], capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise SystemExit(f"pip-audit could not be installed ({reason}); nothing was audited.")
    return python


def ask(database: str, python: Path) -> Answer:
    """What a database says of both locks."""
    files = [part for path in (lock.LEARNER_LOCK, lock.TEST_LOCK) for part in ("-r", str(path))]
    quiet = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--timeout", str(SECONDS)]
    command = [python, "-m", "pip_audit", *files, *quiet, "--vulnerability-service", database, "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True)
    return understood(done.stdout, done.stderr)


def understood(output: str, errors: str) -> Answer:
    """The answer in pip-audit's JSON; where there is none, the last line of its errors."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Answer(trouble=(errors.strip().splitlines() or ["it said nothing"])[-1])
    known = [one for one in packages if "skip_reason" not in one]
    return Answer(
        looked_up=tuple(one["name"] for one in known),
        unknown=tuple(one["name"] for one in packages if "skip_reason" in one),
        vulnerable=tuple(described(one, flaw) for one in known for flaw in one["vulns"]),
    )


def described(package: dict, flaw: dict) -> str:
    """One line for a vulnerability: where, which, and from which version it is mended."""
    mended = ", ".join(flaw["fix_versions"]) or "no version yet"
    return f"{package['name']} {package['version']}: {flaw['id']}, mended in {mended}"


def told(database: str, answer: Answer) -> str:
    """A sentence on what the database said, and a line for each vulnerability."""
    name = f"The database {DATABASES[database]}"
    if answer.trouble:
        return f"{name} could not be asked ({answer.trouble}): nothing was audited."
    if not answer.looked_up:
        return f"{name} answered and knows none of the {len(answer.unknown)} packages: nothing was audited."
    sentence = f"{name} answered: {len(answer.looked_up)} packages looked up, {len(answer.vulnerable)} vulnerabilities."
    missing = [f"Not looked up: {', '.join(answer.unknown)}."] if answer.unknown else []
    return "\n".join([sentence, *answer.vulnerable, *missing])


def main(ask: Callable[[str, Path], Answer] = ask, auditor: Callable[[], Path] = auditor) -> int:
    """Ask one database after the other until one has looked something up; returns the exit status."""
    python, answer = auditor(), Answer()
    for database in DATABASES:
        answer = ask(database, python)
        print(told(database, answer))
        if answer.looked_up:
            break
    return answer.status


if __name__ == "__main__":
    sys.exit(main())
