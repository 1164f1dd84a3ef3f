"""A class on JupyterHub: two students on loopback, kept apart; a killed hub loses nothing; the files for a cluster."""

import importlib.util
import json
import os
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import urllib.error
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
import yaml
from jupyterhub.app import JupyterHub

from course_utils.paths import REPOSITORY, RESULTS, cache_dir
from tools import hub_load, hub_readme
from tools.hub_server import CONFIG, NOTEBOOKS, Hub, hub
from tools.hub_student import HubError, Student, errors, joined
from tools.notebooks.files import lesson_paths

HUB_FOLDER = REPOSITORY / "classroom" / "jupyterhub"
VALUES = yaml.safe_load((HUB_FOLDER / "values.yaml").read_text(encoding="utf-8"))
TINY = "00_tiny.ipynb"
CELLS = ["import os", "print(6 * 7)", "print(os.environ['COURSE_PROFILE'], os.environ['OMP_NUM_THREADS'])"]
SECONDS = 120


def write_lessons(folder: Path, cells: list[str]) -> Path:
    """A folder of lessons with the one notebook TINY."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    written = [nbformat.v4.new_code_cell(source) for source in cells]
    folder.mkdir(exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=written, metadata={"kernelspec": kernel}), folder / TINY)
    return folder


# ---- the configuration that a teacher starts with --------------------------------------------------------------------


def configuration(monkeypatch: pytest.MonkeyPatch, folder: Path, **settings: str):
    """The hub's configuration under these settings alone."""
    for name in [name for name in os.environ if name.startswith("COURSE_HUB_")]:
        monkeypatch.delenv(name)
    for name, value in {"STATE": str(folder / "state"), **settings}.items():
        monkeypatch.setenv(f"COURSE_HUB_{name}", value)
    app = JupyterHub()
    app.load_config_file(str(CONFIG))
    return app.config


def test_a_class_logs_in_as_the_machines_own_users_of_one_group_on_loopback(monkeypatch, tmp_path):
    (tmp_path / "state").mkdir(mode=0o755)
    found = configuration(monkeypatch, tmp_path, TEACHERS="grace, alan,", SUBDOMAINS="https://hub.example.org")
    assert found.JupyterHub.authenticator_class == "pam"
    assert found.PAMAuthenticator.allowed_groups == {"course"}
    assert found.Authenticator.admin_users == {"grace", "alan"}
    assert "allow_all" not in found.Authenticator
    assert found.JupyterHub.bind_url == "http://127.0.0.1:8000"
    assert found.JupyterHub.subdomain_host == "https://hub.example.org"
    assert found.JupyterHub.spawner_class.__name__ == "StudentServer"
    assert "--allow-root" not in found.Spawner.args
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700      # it holds the secret of every cookie


def test_the_setting_that_lets_anybody_in_is_refused_beyond_loopback(monkeypatch, tmp_path):
    with pytest.raises(SystemExit, match="expected a loopback address, got http://0.0.0.0:8000"):
        configuration(monkeypatch, tmp_path, LOAD_TEST="open-sesame", ADDRESS="http://0.0.0.0:8000")


# ---- the lessons that are handed out ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def start_server():
    """The module that starts a student's server; it lies in no package, so that it runs without one."""
    place = importlib.util.spec_from_file_location("start_server", HUB_FOLDER / "start_server.py")
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    return module


def test_every_lesson_is_handed_out_once(start_server, tmp_path):
    names = sorted(path.name for path in lesson_paths())
    assert start_server.hand_out(REPOSITORY / "notebooks", tmp_path / "home") == names
    assert start_server.hand_out(REPOSITORY / "notebooks", tmp_path / "home") == []


def test_a_lesson_that_the_student_changed_is_never_touched_and_an_untouched_one_is_renewed(start_server, tmp_path):
    lessons, home = tmp_path / "lessons", tmp_path / "home"
    lessons.mkdir()
    for name in ("a.ipynb", "b.ipynb", "c.ipynb"):
        (lessons / name).write_text("first edition")
    start_server.hand_out(lessons, home)
    (home / "a.ipynb").write_text("my own work")
    (home / "c.ipynb").unlink()
    for name in ("a.ipynb", "b.ipynb", "c.ipynb"):
        (lessons / name).write_text("second edition")
    assert start_server.hand_out(lessons, home) == ["b.ipynb", "c.ipynb"]
    assert [(home / name).read_text() for name in ("a.ipynb", "b.ipynb")] == ["my own work", "second edition"]
    (lessons / "a.ipynb").write_text("third edition")
    assert start_server.hand_out(lessons, home) == []


@pytest.fixture
def start(start_server, tmp_path, monkeypatch):
    """Starts the server in the home folder that it is given, up to where it becomes jupyterhub-singleuser."""
    lessons, became = write_lessons(tmp_path / "lessons", CELLS), []
    monkeypatch.setattr(os, "execv", lambda program, arguments: became.append(arguments[1:3]))
    monkeypatch.setenv("COURSE_LESSONS", str(lessons))
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", "")

    def begin(home: Path) -> list[list[str]]:
        monkeypatch.setenv("HOME", str(home))
        start_server.main()
        return became

    return begin


def test_the_work_of_a_student_is_closed_to_all_others_also_where_it_stood_open(start, tmp_path):
    course = tmp_path / "home" / "generative-ai-course"
    course.mkdir(parents=True)
    course.chmod(0o755)
    assert start(tmp_path / "home") == [["-m", "jupyterhub.singleuser"]]
    places = (course, tmp_path / "home" / ".kernels")
    assert [stat.S_IMODE(place.stat().st_mode) for place in places] == [0o700, 0o700]
    assert (course / "notebooks" / TINY).exists()


def test_a_home_that_cannot_be_written_starts_its_server_all_the_same(start, tmp_path, capsys):
    (tmp_path / "home").write_text("no folder")
    assert start(tmp_path / "home") == [["-m", "jupyterhub.singleuser"]]
    assert capsys.readouterr().err.startswith("no lessons handed out: ")


@pytest.mark.parametrize("damaged", ["", "{", "[1]"])
def test_with_a_damaged_record_no_notebook_is_taken_for_an_untouched_one(start_server, tmp_path, damaged):
    lessons, home = write_lessons(tmp_path / "lessons", CELLS), tmp_path / "home"
    start_server.hand_out(lessons, home)
    (home / start_server.HANDED_OUT).write_text(damaged)
    (home / TINY).write_text("my own work")
    assert start_server.hand_out(lessons, home) == []
    assert (home / TINY).read_text() == "my own work"


# ---- data and models, shared and read-only ---------------------------------------------------------------------------

READ_TWO = """
from course_utils import assets
print(assets.path("names"))
try:
    assets.path("sotu")
except assets.AssetError as error:
    print(error)
"""


def test_a_cache_that_only_its_owner_may_write_is_read_and_what_lacks_is_said(tmp_path):
    cache = tmp_path / "cache"
    shutil.copytree(cache_dir() / "names", cache / "names")
    for path in (*cache.rglob("*"), cache):
        path.chmod(0o555 if path.is_dir() else 0o444)
    # Root may write anywhere: without these capabilities it may not.
    as_a_student = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    run = subprocess.run(
        [*as_a_student, sys.executable, "-c", READ_TWO],
        env={**os.environ, "COURSE_CACHE": str(cache)}, capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
    for path in (cache, *cache.rglob("*")):
        path.chmod(0o755)
    found, *said = run.stdout.splitlines()
    assert found == str(cache / "names")
    assert "Cannot write the asset 'sotu'" in said[0] and "make assets" in said[0]
    assert [path.name for path in cache.iterdir()] == ["names"]


# ---- two students ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running() -> Iterator[Hub]:
    """A hub that hands out the notebook TINY, with 2 GB for a process."""
    with tempfile.TemporaryDirectory(prefix="hub-", ignore_cleanup_errors=True) as folder:
        lessons = write_lessons(Path(folder) / "lessons", CELLS)
        settings = {"COURSE_LESSONS": str(lessons), "COURSE_PROFILE": "smoke", "COURSE_HUB_MEMORY": "2G"}
        with hub(Path(folder), **settings) as started:
            yield started


@pytest.fixture(scope="module")
def everybody() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture(scope="module")
def lessons(running, everybody) -> list[hub_load.Lesson]:
    """Ada and Bob, who took the lesson at the same time."""
    both = [hub_load.Lesson(running.student(name), f"{NOTEBOOKS}/{TINY}") for name in ("ada", "bob")]
    begin = time.monotonic()
    list(everybody.map(hub_load.attempt, both, [begin, begin]))
    return both


def test_two_students_take_a_lesson_at_once_and_their_notebook_and_progress_are_whole(running, lessons):
    assert [lesson.errors for lesson in lessons] == [[], []], running.tail()
    assert all(hub_load.is_whole(running, lesson) for lesson in lessons)
    saved = nbformat.read(running.home("ada") / NOTEBOOKS / TINY, as_version=4)
    assert [output.text for cell in saved.cells for output in cell.outputs] == ["42\n", "smoke 1\n"]
    steps = list(lessons[0].seconds.items())
    assert [name for name, _ in steps] == ["login", "server", "first result", "lesson"]
    assert sorted(steps, key=lambda step: step[1]) == steps


def test_a_wrong_password_opens_nothing(running, lessons):
    with pytest.raises((HubError, urllib.error.HTTPError)):
        Student(running.address, "ada", secrets.token_hex(16)).log_in()


def test_no_student_reaches_the_server_of_another_by_cookie_or_by_token(running, lessons):
    ada, bob = (lesson.student for lesson in lessons)
    notebook = f"contents/{NOTEBOOKS}/{TINY}"
    bearer = {"Authorization": f"token {json.loads(of_the_hub(ada, 'tokens', 'POST'))['token']}"}
    nobody = running.student("nobody")
    _, own = nobody.request(f"/user/ada/api/{notebook}", **bearer)
    assert json.loads(own)["name"] == TINY                           # the token is good for its own server
    with pytest.raises(urllib.error.HTTPError, match="403"):
        ada.api(notebook, owner="bob")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        nobody.request(f"/user/bob/api/{notebook}", **bearer)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        nobody.request(f"/user/bob/api/kernels/{bob.kernel}", **bearer)


def of_the_hub(student: Student, what: str, method: str) -> str:
    """What the hub answers to a request about a student, made from its own page."""
    headers = {"X-XSRFToken": student.cookie("_xsrf", "/hub/"), "Referer": f"{student.address}/hub/home"}
    headers["Content-Type"] = "application/json"
    return student.request(f"/hub/api/users/{student.name}/{what}", b"{}", method, **headers)[1]


def test_what_a_kernel_prints_goes_through_a_socket_in_a_folder_that_only_its_owner_may_enter(running, lessons):
    places = [running.home(lesson.student.name) / ".kernels" for lesson in lessons]
    assert [place.stat().st_mode & 0o777 for place in places] == [0o700, 0o700]
    assert all(any(path.is_socket() for path in place.iterdir()) for place in places)


def test_who_asks_for_more_than_the_limit_gets_a_memory_error_and_keeps_the_kernel(lessons):
    ada, bob = (lesson.student for lesson in lessons)
    outputs = ada.run(["much = bytearray(3 * 10**9)", "print(whose_kernel)"], SECONDS)
    assert errors(outputs) == ["MemoryError: "]
    assert outputs[1][0].text == "ada\n"
    assert bob.run(["print(len(bytearray(10**9)))"], SECONDS)[0][0].text == "1000000000\n"


def test_a_killed_hub_takes_no_work_and_no_kernel_along_and_the_next_one_finds_them(running, lessons, everybody):
    culler = [process for process in running.family().values() if "jupyterhub_idle_culler" in process.cmdline()]
    after = hub_load.kill_and_restart(running, lessons, everybody)
    assert list(after.values())[1:] == [2, 2, 2]
    assert len(culler) == 1 and culler[0].pid not in running.family()    # the next hub has its own


def test_a_server_that_starts_again_leaves_the_students_notebook_as_it_was(running, lessons):
    ada, place = lessons[0].student, running.home("ada") / NOTEBOOKS / TINY
    before = place.read_bytes()
    write_lessons(running.folder / "lessons", ["print('a new edition')"])
    of_the_hub(ada, "server", "DELETE")
    ada.start_server(SECONDS)
    assert place.read_bytes() == before
    assert running.log.read_text().count("handed out: nothing new") == 1


def test_neighbouring_pieces_of_one_stream_are_put_together_and_no_others():
    piece = lambda text, name="stdout": nbformat.v4.new_output("stream", name=name, text=text)  # noqa: E731
    parts = [piece("a"), piece("b\n"), piece("!", "stderr"), nbformat.v4.new_output("display_data"), piece("c")]
    assert [part.get("text") for part in joined(parts)] == ["ab\n", "!", None, "c"]


# ---- what was measured, and the cluster ------------------------------------------------------------------------------


def test_the_tables_are_those_of_the_record_and_a_changed_figure_makes_them_stale():
    text, found = hub_readme.README.read_text(encoding="utf-8"), hub_readme.record()
    assert hub_readme.written(text, found) == text, "stale: run `python -m tools.hub_load --readme`"
    found["runs"][-1]["pss_gb"]["user, most"] += 1
    assert hub_readme.written(text, found) != text
    with pytest.raises(SystemExit, match="<!-- hub on paper -->"):
        hub_readme.written(text.replace("<!-- hub on paper -->", ""), found)


def test_runs_of_two_machines_are_told_apart_below_the_table():
    found = hub_readme.record()
    assert hub_readme.measured(found).count("Machine: ") == 1
    found["runs"][0]["machine"] = {"cores": 16, "memory_gb": 64}
    assert "Machine: 16 cores, 64 GB; jupyterhub" in hub_readme.measured(found)
    assert hub_readme.measured(found).count("Machine: ") == 2


def test_a_class_of_twenty_was_measured_and_lost_nothing():
    [run] = [run for run in hub_readme.record()["runs"] if run["users"] == 20]
    assert run["errors"] == [] and run["lesson"] == "01"
    assert run["students whose notebook and progress are whole"] == 20
    assert list(run["after kill -9 of the hub"].values())[1:] == [20, 20, 20]


def test_cores_and_memory_on_paper_follow_the_formula_of_the_readme():
    run = {
        "profile": "quick", "processor_seconds": {"user, median": 60},
        "pss_gb": {"hub, proxy, culler": 0.2, "user, most": 1.5},
    }  # fmt: skip
    assert hub_readme.needs(run, 40) == (6, 63)                      # 40 × 60 s ÷ (0.7 × 600 s); 2 + 0.2 + 40 × 1.5 GB
    assert hub_readme.needs(run, 1) == (2, 4)


def gigabytes(text: str) -> float:
    """A size as Kubernetes and JupyterHub write it, in 10⁹ bytes; their G is 2³⁰."""
    return int(text.removesuffix("G")) * 2**30 / 1e9


def test_a_pod_is_promised_what_a_user_was_measured_to_take_and_allowed_the_largest_lesson():
    costs = json.loads((RESULTS / "lessons.json").read_text())
    memory, profiles = VALUES["singleuser"]["memory"], VALUES["singleuser"]["profileList"]
    promised = {profile["slug"]: profile.get("kubespawner_override", {}).get("mem_guarantee") for profile in profiles}
    needed = {run["profile"]: run["pss_gb"]["user, most"] for run in hub_readme.largest(hub_readme.record())}
    assert gigabytes(memory["guarantee"]) >= costs["01_ngrams"]["peak_gb"]
    assert gigabytes(promised["live"]) >= needed["smoke"]
    assert gigabytes(promised["large"]) >= max(cost["peak_gb"] for cost in costs.values())
    assert gigabytes(memory["limit"]) > gigabytes(promised["large"])


def test_the_image_of_the_cluster_starts_the_servers_as_the_machine_does():
    assert VALUES["singleuser"]["cmd"][1] == "/srv/course/classroom/jupyterhub/start_server.py"
    docker = (HUB_FOLDER / "Dockerfile").read_text(encoding="utf-8")
    assert "WORKDIR /srv/course" in docker and "USER jovyan" in docker
    chart = (HUB_FOLDER / "values.yaml").read_text(encoding="utf-8")
    assert f"JupyterHub {docker.split('JUPYTERHUB=')[1].split()[0]}" in chart
