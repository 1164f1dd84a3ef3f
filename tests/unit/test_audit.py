"""The audit of the locks: what pip-audit says is told as it is, above all where it looked nothing up."""

import json

import pytest

from tools import audit, lock
from tools.audit import Answer, main, told, understood

SKIPPED = {"name": "b", "skip_reason": "Dependency not found on PyPI and could not be audited: b (2.0)"}
SOUND = {"name": "a", "version": "1.0", "vulns": []}
FLAWED = {"name": "c", "version": "3.0", "vulns": [{"id": "CVE-1", "fix_versions": ["3.1"], "description": "bad"}]}


def answer(*packages: dict) -> Answer:
    return understood(json.dumps({"dependencies": list(packages), "fixes": []}), "")


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        (answer(SOUND), 0, "1 packages looked up, 0 vulnerabilities"),
        (answer(SOUND, FLAWED), 1, "c 3.0: CVE-1, mended in 3.1"),
        (answer(SOUND, SKIPPED), 2, "Not looked up: b."),
        (answer(FLAWED, SKIPPED), 1, "Not looked up: b."),
        (answer(SKIPPED, SKIPPED), 2, "knows none of the 2 packages: nothing was audited"),
        (understood("", "Traceback\nNameResolutionError: no such host"), 2, "no such host): nothing was audited"),
        (understood("[]", ""), 2, "it said nothing"),
    ],
)
def test_an_audit_that_looked_nothing_up_is_no_success(given, status, said):
    assert given.status == status and said in told("osv", given)


def test_the_next_database_is_asked_until_one_has_looked_something_up(capsys, tmp_path):
    answers = {"pypi": answer(SKIPPED), "osv": answer(SOUND)}
    assert main(ask=lambda database, python: answers[database], auditor=lambda: tmp_path) == 0
    assert "knows none" in capsys.readouterr().out.splitlines()[0]
    answers["pypi"] = answer(FLAWED)
    assert main(ask=lambda database, python: answers[database], auditor=lambda: tmp_path) == 1
    assert "osv" not in capsys.readouterr().out


def test_both_locks_are_asked_about_and_nothing_is_installed_for_it(tmp_path, monkeypatch):
    asked = []
    done = type("Done", (), {"stdout": '{"dependencies": []}', "stderr": ""})
    monkeypatch.setattr(audit.subprocess, "run", lambda command, **_: asked.append(list(map(str, command))) or done)
    audit.ask("osv", tmp_path)
    assert {str(lock.LEARNER_LOCK), str(lock.TEST_LOCK), "--no-deps", "--disable-pip"} <= set(asked[0])


def test_where_pip_audit_cannot_be_installed_a_sentence_says_so(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    failed = type("Done", (), {"returncode": 1, "stderr": "ERROR: No matching distribution found for pip-audit\n"})
    monkeypatch.setattr(audit, "ENVIRONMENT", tmp_path)
    monkeypatch.setattr(audit, "environment_python", lambda folder: folder / "bin" / "python")
    monkeypatch.setattr(audit.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(SystemExit, match="No matching distribution found for pip-audit.*nothing was audited"):
        audit.auditor()
