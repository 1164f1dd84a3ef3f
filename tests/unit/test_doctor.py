"""The doctor: what it says of a sound machine, of a poor one, and of one where nothing is installed."""

import json
import math
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils import doctor
from course_utils.doctor import Row
from course_utils.models import onednn
from course_utils.paths import RESULTS
from tools import bootstrap

REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_row_of_each_kind_is_printed_with_what_to_type(capsys):
    checked = [Row("Python", "3.11"), Row("cores", "1", "note", "be patient"), Row("torch", "none", "no", "make lab")]
    assert not doctor.report(checked)
    assert capsys.readouterr().out == (
        "ok    Python  3.11\n"
        "note  cores   1\n"
        "              -> be patient\n"
        "no    torch   none\n"
        "              -> make lab\n"
        "\nMend first: torch.\n"
    )


def test_notes_alone_let_every_lesson_run(capsys):
    assert doctor.report([Row("cores", "1", "note", "be patient")])
    assert "Every lesson can run here" in capsys.readouterr().out


def test_this_environment_has_the_packages_in_the_declared_ranges():
    assert [doctor.package_row(name).status for name in doctor.PACKAGES] == ["ok"] * len(doctor.PACKAGES)


def test_a_package_that_is_missing_stops_a_lesson_and_names_the_remedy():
    row = doctor.package_row("no-such-package")
    assert (row.status, row.value) == ("no", "not installed") and "make lab" in row.advice


def test_a_package_that_does_not_import_is_told_apart_from_a_missing_one(monkeypatch):
    def broken(name):
        raise OSError("libgomp.so.1: cannot open shared object file")

    monkeypatch.setattr(doctor.importlib, "import_module", broken)
    row = doctor.package_row("numpy")
    assert row.status == "no" and "libgomp" in row.value


def test_a_version_out_of_range_is_a_note_and_shows_the_range(monkeypatch):
    monkeypatch.setattr(doctor.metadata, "version", lambda name: "1.0")
    row = doctor.package_row("matplotlib")
    assert row.status == "note" and doctor.declared_range("matplotlib") in row.value


def test_a_onednn_that_breaks_when_it_is_stopped_is_a_note(monkeypatch):
    monkeypatch.setattr(onednn, "PRESENT", True)
    monkeypatch.setattr(onednn, "version", lambda: (3, 7, 1))
    monkeypatch.setattr(onednn, "STOPPABLE", False)
    row = doctor.stop_row()
    assert row.status == "note" and "3.7.1" in row.value and "torch>=2.13" in row.advice
    monkeypatch.setattr(onednn, "STOPPABLE", True)
    assert doctor.stop_row() == Row("stop button", "safe, oneDNN 3.7.1")


@pytest.mark.parametrize(("version", "status"), [((3, 10, 4), "no"), ((3, 11, 0), "ok"), ((3, 14, 0), "ok")])
def test_python_older_than_3_11_cannot_run_a_lesson(version, status):
    assert doctor.python_row(version).status == status


@pytest.mark.parametrize(("gigabytes", "status"), [(2, "no"), (4, "note"), (7, "note"), (8, "ok"), (None, "note")])
def test_memory_is_judged_by_what_a_lesson_takes(gigabytes, status):
    assert doctor.memory_row(gigabytes).status == status


def test_the_lesson_that_takes_most_memory_is_named():
    lessons = json.loads((RESULTS / "lessons.json").read_text(encoding="utf-8"))
    peaks = {name[:2]: cost["peak_gb"] for name, cost in lessons.items()}
    largest = max(peaks, key=peaks.get)
    assert (largest, math.ceil(peaks[largest])) == (doctor.LARGEST_LESSON, doctor.ITS_MEMORY_GB)
    assert "lesson 10 takes nearly 5 GB" in doctor.memory_row(4.0).advice
    assert all(peak < doctor.LEAST_MEMORY_GB for lesson, peak in peaks.items() if lesson != largest)


def test_one_core_is_a_note_and_two_are_enough():
    assert (doctor.cores_row(1).status, doctor.cores_row(2).status) == ("note", "ok")


@pytest.mark.parametrize(("network", "status"), [(True, "note"), (False, "no")])
def test_a_missing_asset_stops_a_lesson_only_without_a_network(monkeypatch, network, status):
    from course_utils import assets

    monkeypatch.setattr(assets, "names", lambda: ["sotu", "names"])
    monkeypatch.setattr(assets, "is_present", lambda name: name == "names")
    missing, present = doctor.asset_rows(network)
    assert (missing.status, present.status) == (status, "ok")
    assert missing.advice.startswith("python -m course_utils.assets sotu")


def test_an_asset_that_no_standing_lesson_reads_is_only_a_note(monkeypatch):
    from course_utils import assets

    monkeypatch.setattr(assets, "names", lambda: ["emoji"])
    monkeypatch.setattr(assets, "is_present", lambda name: False)
    assert doctor.asset_rows(network=False)[0].status == "note"


def test_an_asset_that_something_can_stand_in_for_is_only_a_note(monkeypatch):
    from course_utils import assets

    monkeypatch.setattr(assets, "is_present", lambda name: False)
    status = {row.name: row.status for row in doctor.asset_rows(network=False)}
    assert (status["asset fashion_mnist"], status["asset sotu"]) == ("note", "no")


def test_what_make_lab_fetches_is_read_by_lessons():
    assert set(bootstrap.ASSETS["learner"]) <= set(doctor.READ_BY_LESSONS)


def test_offline_mode_opens_no_socket(monkeypatch):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: pytest.fail("opened a socket"))
    assert doctor.network_row().value == "not asked: COURSE_OFFLINE=1"


def test_a_closed_port_is_no_answer_and_only_a_note(monkeypatch):
    monkeypatch.delenv("COURSE_OFFLINE", raising=False)
    monkeypatch.setattr(doctor, "index_address", lambda: ("127.0.0.1", 9))
    assert (doctor.network_row().value, doctor.network_row().status) == ("no answer", "note")


def test_a_listening_index_answers(monkeypatch):
    monkeypatch.delenv("COURSE_OFFLINE", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(doctor, "index_address", lambda: server.getsockname())
        assert doctor.network_row().value == "answers"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://index.example/simple", ("index.example", 80)),
        ("https://a.example:8443/s", ("a.example", 8443)),
        ("file:///wheels", None),
    ],
)
def test_the_index_that_pip_is_told_of_is_the_one_asked(monkeypatch, url, address):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", url)
    assert doctor.index_address() == address


def test_the_doctor_still_prints_its_table_and_exits_with_1_where_nothing_is_installed():
    without_packages = [sys.executable, "-S", "-m", "course_utils.doctor"]
    result = subprocess.run(
        without_packages, capture_output=True, text=True, cwd=REPOSITORY, env={"COURSE_OFFLINE": "1"}, check=False
    )
    assert result.returncode == 1
    assert "no    torch         not installed" in result.stdout and result.stderr == ""


def test_the_table_covers_software_machine_assets_and_network(monkeypatch):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    names = [row.name for row in doctor.rows()]
    assert names[:11] == ["Python", *doctor.PACKAGES, "stop button", "device", "cores", "memory", "disk"]
    assert names[-1] == "network" and any(name.startswith("asset") for name in names)
