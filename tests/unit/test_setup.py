"""The set-up: bootstrap, Makefile, and the agreement of pyproject.toml, the locks and environment.yml."""

import ast
import importlib.util
import os
import re
import stat
import subprocess
import sys
import tomllib
from collections import namedtuple
from contextlib import nullcontext
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools import bootstrap, lock

REPOSITORY = Path(__file__).resolve().parents[2]
TEST_EXTRAS = ("test", "site", "classroom")
EVERYTHING_ELSE = ["tools", "tests", "benchmarks", "docs", "classroom"]
Usage = namedtuple("Usage", "total used free")


def fake_python(folder: Path, script: str) -> Path:
    """An executable that answers like a Python of which we choose the words."""
    path = folder / "python"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def dist_info(packages: Path, name: str, files: list[str], missing: str = "") -> Path:
    """A package as pip leaves it, with the file `missing` absent."""
    folder = packages / f"{name}-1.0.dist-info"
    folder.mkdir(parents=True)
    rows = [*files, f"{name}-1.0.dist-info/RECORD"]
    (folder / "RECORD").write_text("".join(f"{row},sha256=x,1\n" for row in rows))
    for row in files:
        (packages / row).parent.mkdir(exist_ok=True)
        if row != missing:
            (packages / row).touch()
    return folder


# ---- before anything is written


def test_a_python_that_is_too_old_is_told_which_newer_one_to_use():
    with pytest.raises(bootstrap.SetupError, match=r"got +Python 3\.9\.2\n +type +make lab PYTHON=python3\.12$"):
        bootstrap.check_python((3, 9, 2), which=lambda name: name == "python3.12")


def test_python_3_11_and_newer_are_accepted():
    bootstrap.check_python((3, 11, 0))
    bootstrap.check_python((3, 14, 1, "final", 0))


def test_an_old_python_can_read_the_bootstrap_at_all():
    source = (REPOSITORY / "tools/bootstrap.py").read_text()
    assert ast.parse(source, feature_version=(3, 6))
    with pytest.raises(SyntaxError):
        ast.parse("if (n := 1): pass", feature_version=(3, 6))   # so that the line above can fail


def test_the_bootstrap_imports_the_standard_library_only():
    assert third_party_imports([REPOSITORY / "tools/bootstrap.py"]) == set()


def test_a_debian_python_without_ensurepip_is_told_the_package_to_install():
    with pytest.raises(bootstrap.SetupError, match=r"without ensurepip(.|\n)*apt install python3\.\d+-venv"):
        bootstrap.check_venv_module(has=lambda name: name != "ensurepip")


def test_too_little_disk_is_told_in_gigabytes(tmp_path):
    with pytest.raises(bootstrap.SetupError, match=r"expected +3 GB free(.|\n)*got +1\.2 GB"):
        bootstrap.check_disk(tmp_path, usage=lambda folder: Usage(9e9, 7.8e9, 1.2e9))
    bootstrap.check_disk(tmp_path, usage=lambda folder: Usage(9e9, 1e9, 8e9))


# ---- the environment


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("ten years of work")
    with pytest.raises(bootstrap.SetupError, match="a folder with other files"):
        bootstrap.ensure_environment(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "ten years of work"


@pytest.mark.slow
def test_a_half_made_environment_is_made_again(tmp_path, monkeypatch):
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "pyvenv.cfg").write_text("home = /nowhere\n")
    (venv / "bin" / "python").symlink_to("/nowhere/python3")
    monkeypatch.setattr(bootstrap, "check_disk", lambda folder: None)
    monkeypatch.setattr(bootstrap, "cuda_torch", lambda python: None)
    python = bootstrap.ensure_environment(venv)
    assert bootstrap.python_version(python) == sys.version_info[:2]


def test_a_sound_environment_is_left_alone(monkeypatch):
    monkeypatch.setattr(bootstrap, "make_environment", lambda venv: pytest.fail("made it again"))
    monkeypatch.setattr(bootstrap, "environment_python", lambda venv: Path(sys.executable))
    assert bootstrap.ensure_environment(Path("anywhere")) == Path(sys.executable)


def test_an_environment_of_an_old_python_is_refused(tmp_path, monkeypatch):
    old = fake_python(tmp_path, "echo 3 10\n")
    monkeypatch.setattr(bootstrap, "environment_python", lambda venv: old)
    with pytest.raises(bootstrap.SetupError, match=r"got +Python 3\.10"):
        bootstrap.ensure_environment(tmp_path)


# ---- packages


@pytest.mark.parametrize(
    ("printed", "got"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device", "a full disk"),
        ("WARNING: Retrying after NewConnectionError('Network is unreachable')\nERROR: No matching x", "no network"),
        ("OSError: [Errno 13] Permission denied: '/usr/lib'", "no permission"),
        ("Collecting x\nERROR: No matching distribution found for x==9", "No matching distribution found for x==9"),
        ("ERROR: Exception:\nTraceback (most recent call last):\n  x\nKeyError: 'odd'", "KeyError: 'odd'"),
        ("", "a failure that said nothing"),
    ],
)
def test_what_pip_printed_is_told_as_expected_got_and_type(printed, got):
    message = str(bootstrap.explained(printed, "pip to install"))
    assert got in message
    assert "expected" in message and "\n  type " in message


def test_a_package_index_that_does_not_answer_is_told_as_no_network(tmp_path):
    closed_port = ["--index-url", "http://127.0.0.1:9/simple", "--retries", "1"]
    with pytest.raises(bootstrap.SetupError, match="no network"):
        bootstrap.pip(sys.executable, [*closed_port, "--target", str(tmp_path), "no-such-package"])


def test_a_failing_pip_ends_in_one_message_and_exit_code_1(tmp_path, monkeypatch, capsys):
    said = "ERROR: Exception:\\nTraceback (most recent call last):\\nOSError: [Errno 28] No space left on device"
    python = fake_python(tmp_path, f"printf '{said}' >&2; exit 1\n")
    monkeypatch.setattr(bootstrap, "set_up", lambda purpose, venv: bootstrap.pip(python, ["x"]))
    assert bootstrap.main(["learner"]) == 1
    printed = capsys.readouterr().err
    assert "got       a full disk" in printed and "Traceback" not in printed


def test_ctrl_c_says_that_the_same_command_goes_on(monkeypatch, capsys):
    def interrupted(purpose, venv):
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "set_up", interrupted)
    assert bootstrap.main(["learner"]) == 130
    assert "goes on from here" in capsys.readouterr().err


def test_packages_that_a_killed_pip_left_incomplete_are_forgotten_and_others_kept(tmp_path):
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    (tmp_path / "lib64").symlink_to("lib")
    whole = dist_info(packages, "whole", ["whole/__init__.py"])
    torn = dist_info(packages, "half_laid", ["half_laid/__init__.py", "half_laid/core.py"], missing="half_laid/core.py")
    foreign = dist_info(packages, "foreign", ["foreign/__init__.py"], missing="foreign/__init__.py")
    bootstrap.drop_half_installed(tmp_path, ["whole==1.0", "half-laid==1.0"])
    assert whole.exists() and foreign.exists() and not torn.exists()


@pytest.mark.parametrize(
    ("answer", "left_alone"),
    [("echo 2.9.1+cu128", True), ("echo", False), ("echo 1.13.1+cu117", False), ("exit 1", False)],
    ids=["CUDA build", "CPU build", "CUDA build too old", "no torch"],
)
def test_only_a_sufficient_cuda_torch_is_left_alone(tmp_path, answer, left_alone):
    python = fake_python(tmp_path, answer + "\n")
    kept = bootstrap.without_existing_cuda_torch(["numpy==2.0", "torch==2.13.0"], python)
    assert kept == (["numpy==2.0"] if left_alone else ["numpy==2.0", "torch==2.13.0"])


@pytest.mark.parametrize(
    ("index", "extra"), [("", []), ("http://127.0.0.1/cpu", ["--extra-index-url", "http://127.0.0.1/cpu"])]
)
def test_torch_index_names_a_further_index_for_the_packages(tmp_path, monkeypatch, index, extra):
    asked = []
    monkeypatch.setenv("TORCH_INDEX", index)
    monkeypatch.setattr(bootstrap, "check_disk", lambda folder: None)
    monkeypatch.setattr(bootstrap, "pip", lambda python, arguments: asked.append(arguments))
    bootstrap.install("learner", fake_python(tmp_path, "exit 1\n"), tmp_path, ["torch==2.13.0"])
    assert asked[0] == ["-r", str(tmp_path / "course-requirements.txt"), *extra]
    assert (tmp_path / "course-requirements.txt").read_text() == "torch==2.13.0\n"


@pytest.mark.parametrize(("cuda", "shared"), [("2.9.1", True), (None, False)])
def test_a_new_environment_sees_the_cuda_torch_that_its_python_has(tmp_path, monkeypatch, cuda, shared):
    ran = []
    monkeypatch.setattr(bootstrap, "check_disk", lambda folder: None)
    monkeypatch.setattr(bootstrap, "cuda_torch", lambda python: cuda)
    done = subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(bootstrap.subprocess, "run", lambda command, **rest: ran.append(command) or done)
    bootstrap.make_environment(tmp_path / "venv")
    assert ("--system-site-packages" in ran[0]) is shared


@pytest.fixture
def staged(tmp_path, monkeypatch):
    """A set-up in which only the bookkeeping is real; gives the environment's folder and what was installed."""
    done = []
    monkeypatch.setattr(bootstrap, "ensure_environment", lambda venv: Path(sys.executable))
    monkeypatch.setattr(bootstrap, "install", lambda purpose, python, venv, lines: done.append(purpose))
    monkeypatch.setattr(bootstrap, "fetch_assets", lambda python, names: None)
    monkeypatch.setattr(bootstrap, "has_compiler", lambda: True)
    return tmp_path, done


def test_a_second_set_up_installs_nothing(staged):
    venv, done = staged
    bootstrap.set_up("learner", venv)
    bootstrap.set_up("learner", venv)
    assert done == ["learner"]


def test_the_tests_set_up_serves_a_learner_and_not_the_other_way_round(staged):
    venv, done = staged
    for purpose in ("learner", "tests", "learner", "tests"):
        bootstrap.set_up(purpose, venv)
    assert done == ["learner", "tests"]


def test_a_changed_lock_is_installed(staged, monkeypatch):
    venv, done = staged
    bootstrap.set_up("learner", venv)
    monkeypatch.setattr(bootstrap, "locked", lambda purpose, compiler: ["numpy==9.9"])
    bootstrap.set_up("learner", venv)
    assert done == ["learner", "learner"]


def test_an_interrupted_installation_is_begun_again(staged, monkeypatch):
    venv, done = staged
    working = bootstrap.install

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "install", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bootstrap.set_up("learner", venv)
    monkeypatch.setattr(bootstrap, "install", working)
    bootstrap.set_up("learner", venv)
    assert done == ["learner"]


def test_without_a_compiler_the_tests_set_up_leaves_out_kenlm_and_says_so_loudly(staged, monkeypatch, capsys):
    venv, _ = staged
    monkeypatch.setattr(bootstrap, "has_compiler", lambda: False)
    bootstrap.set_up("tests", venv)
    assert "WILL BE SKIPPED" in capsys.readouterr().out
    assert not any(line.startswith("kenlm") for line in bootstrap.locked("tests", compiler=False))
    assert any(line.startswith("kenlm") for line in bootstrap.locked("tests", compiler=True))


# ---- data and models


@pytest.mark.parametrize("goes", ["0", "1"])
def test_the_set_up_ends_where_an_asset_fails_and_lets_that_fail_for_which_something_stands_in(tmp_path, goes):
    python = fake_python(tmp_path, f'echo "$@" > "{tmp_path}/asked"; exit {goes}\n')
    with nullcontext() if goes == "0" else pytest.raises(bootstrap.SetupError, match="the data and models: sotu"):
        bootstrap.fetch_assets(python, ["sotu", "fashion_mnist"])
    assert (tmp_path / "asked").read_text() == "-m course_utils.assets --stand-ins sotu fashion_mnist\n"


# ---- JupyterLab


def test_the_readers_own_options_come_last_so_that_they_win():
    command = bootstrap.lab_command("python", ["--port", "8899"], root=False, browser=True)
    assert command[-2:] == ["--port", "8899"]
    assert "--allow-root" not in command and "--no-browser" not in command


def test_root_without_a_display_gets_a_server_that_starts_and_opens_no_browser():
    command = bootstrap.lab_command("python", [], root=True, browser=False)
    assert {"--allow-root", "--no-browser"} <= set(command)


def test_the_printed_address_leads_to_the_first_lesson():
    assert "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb" in bootstrap.lab_command("python", [])


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("darwin", {}, True),
    ],
)
def test_a_browser_is_expected_where_there_is_a_display(platform, environment, expected):
    assert bootstrap.has_browser(platform, environment) is expected


def test_news_pop_ups_and_the_button_of_voila_are_off_in_the_environment_alone(tmp_path):
    bootstrap.quiet_jupyterlab(tmp_path)
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {"share/jupyter/lab/settings/overrides.json", "etc/jupyter/labconfig/page_config.json"}


# ---- one version of the truth


def third_party_imports(files: list[Path]) -> set[str]:
    """Top-level names that `files` import and that are neither Python's nor ours."""
    names = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"course_utils", "tools", "tests", "benchmarks"}


@pytest.mark.parametrize(
    ("folders", "requirements"),
    [
        (["course_utils"], lock.declared()),
        (EVERYTHING_ELSE, [one for extra in (None, *TEST_EXTRAS, "corpora") for one in lock.declared(extra)]),
    ],
    ids=["course_utils", "the others"],
)
def test_every_import_is_a_declared_dependency(folders, requirements):
    imported = third_party_imports([file for folder in folders for file in (REPOSITORY / folder).rglob("*.py")])
    declared = {canonicalize_name(requirement.name) for requirement in requirements}
    providers = metadata.packages_distributions()
    undeclared = [name for name in imported if not declared & set(map(canonicalize_name, providers.get(name, [name])))]
    assert not undeclared, f"declare in pyproject.toml what provides {sorted(undeclared)}"


@pytest.mark.parametrize(
    ("path", "extra"), [(lock.LEARNER_LOCK, None), *((lock.TEST_LOCK, extra) for extra in TEST_EXTRAS)]
)
def test_every_declared_range_contains_the_locked_version(path, extra):
    versions = lock.read(lock.LEARNER_LOCK) | lock.read(path)
    for requirement in lock.declared(extra):
        version = versions.get(canonicalize_name(requirement.name))
        assert version and version in requirement.specifier, f"{requirement} but the lock has {version}: run make lock"


def test_the_locks_are_complete_and_are_what_is_installed():
    locked = lock.read(lock.LEARNER_LOCK) | lock.read(lock.TEST_LOCK)
    declared = [one for extra in (None, *TEST_EXTRAS) for one in lock.declared(extra)]
    direct = [one for one in declared if one.name != "kenlm"]                            # needs a compiler
    needed = lock.closure(direct) - {"torch"}                                            # a CUDA build is left alone
    wrong = {name for name in needed if str(locked.get(name)) != Version(metadata.version(name)).public}
    assert not {name for name in wrong if not name.startswith(("nvidia-", "triton", "cuda-"))}


def test_the_learners_lock_needs_no_compiler_and_no_browser_driver():
    assert not {"kenlm", "playwright", "pytest"} & set(lock.read(lock.LEARNER_LOCK))


def test_no_package_is_locked_twice_and_none_with_a_local_label():
    assert not set(lock.read(lock.LEARNER_LOCK)) & set(lock.read(lock.TEST_LOCK))
    assert "+" not in lock.LEARNER_LOCK.read_text() + lock.TEST_LOCK.read_text()


def test_the_lock_follows_extras_and_drops_local_labels(monkeypatch):
    needs = {"a": ["b[fast]", 'w; sys_platform == "win32"'], "b": ['c; extra == "fast"', 'd; extra == "slow"'], "c": []}
    monkeypatch.setattr(lock.metadata, "requires", lambda name: needs[name])
    monkeypatch.setattr(lock.metadata, "version", lambda name: "2.13.0+cpu")
    assert lock.lock_lines([lock.Requirement("a>=1")]) == ["a==2.13.0", "b==2.13.0", "c==2.13.0"]


def test_conda_gets_the_locked_versions_by_reference_and_a_python_that_the_course_accepts():
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
    *conda, from_pip = environment["dependencies"]
    assert from_pip == {"pip": ["-r requirements.lock", "-e ."]}
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert [name for name in conda if name.startswith("python=")] == ["python=3.11"]
    assert Version("3.11") in lock.Requirement("python" + project["requires-python"]).specifier


def test_make_alone_lists_every_target_in_one_screen():
    printed = subprocess.run(["make", "-C", str(REPOSITORY)], capture_output=True, text=True, check=True).stdout
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = next(line for line in makefile.splitlines() if line.startswith(".PHONY:")).split()[1:]
    assert {"lab", "app", "test", "check", "notebooks", "assets", "bench", "site", "clean"} <= set(targets)
    assert all(f"make {target} " in printed for target in targets)
    assert len(printed.splitlines()) <= 24 and max(map(len, printed.splitlines())) <= 100


@pytest.mark.parametrize("target", ["site", "assignments", "slides", "badges"])
def test_a_target_leads_to_a_module_that_is_there(target):
    command = ["make", "-C", str(REPOSITORY), "--dry-run", target, "LESSON=06", "REPO=ada/course"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (module,) = set(re.findall(r"-m (tools\.\w+)", printed)) - {"tools.bootstrap"}
    assert importlib.util.find_spec(module) and module == f"tools.{target}"


def test_ci_ends_in_make_test_and_in_nothing_after_it():
    script = REPOSITORY / ".ci/run"
    assert script.read_text().rstrip().endswith("\nexec make test")
    assert os.access(script, os.X_OK)
