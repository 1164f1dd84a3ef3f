"""Set the course up with nothing but Python, then open JupyterLab. `make lab` and `make test` begin here.

    python3 -m tools.bootstrap lab -- --port 8899     set up, fetch what lessons 00 and 01 read, open JupyterLab
    python3 -m tools.bootstrap app                    the same, and open the chat page of a project
    python3 -m tools.bootstrap learner                the same without opening anything
    python3 -m tools.bootstrap tests                  the same with the test tools and every asset

Each step first looks whether it is done: a run cut short goes on where it stopped, and a second run does nothing.
Standard library only, and only syntax that Python 3.6 can read: an old Python gets a sentence instead of a SyntaxError.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 11)
FREE_GB = 3.0                                       # 1.5 GB of packages, 0.6 GB of assets, the rest while unpacking
LOCKS = {"learner": ["requirements.lock"], "tests": ["requirements.lock", "requirements-test.lock"]}
INCLUDES = {"learner": ["learner"], "tests": ["tests", "learner"]}
ASSETS = {
    "learner": [
        "sotu", "names", "smollm2", "cmudict", "tunes", "minilm", "d3", "jquery", "wiki", "flan-t5",
        "ratings", "intents", "fashion_mnist",
    ],
    "tests": ["--all"],
}
NEEDS_COMPILER = "kenlm"                            # the one package of the locks without ready-made wheels
FIRST_LESSON = "notebooks/00_start_here.ipynb"
QUIET_JUPYTERLAB = {                                # file in the environment -> what stands in it
    "share/jupyter/lab/settings/overrides.json": {
        "@jupyterlab/apputils-extension:notification": {
            "fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True,
        }
    },
    # Voilà's button would run a lesson as a page; it is here for the chat page alone.
    "etc/jupyter/labconfig/page_config.json": {"disabledExtensions": {"@voila-dashboards/jupyterlab-preview": True}},
}


class SetupError(Exception):
    """The set-up cannot go on. The message says what was expected, what came and what to type."""

    def __init__(self, expected, got, do):
        super().__init__(f"\nThe set-up cannot go on.\n  expected  {expected}\n  got       {got}\n  type      {do}")


def say(text):
    """Print one line of progress at once, also where the output is a pipe."""
    print(text, flush=True)


# ---- what must be there before anything is written -------------------------------------------------------------------


def check_python(version, which=shutil.which):
    """Raise SetupError where `version`, as in sys.version_info, is too old; name a newer Python if there is one."""
    if tuple(version[:2]) >= OLDEST_PYTHON:
        return
    newer = [name for name in (f"python3.{minor}" for minor in range(20, OLDEST_PYTHON[1] - 1, -1)) if which(name)]
    do = "make lab PYTHON=" + (newer[0] if newer else "python3.11   (after installing Python 3.11 or newer)")
    raise SetupError("Python 3.11 or newer", "Python " + ".".join(map(str, version[:3])), do)


def check_venv_module(has=lambda name: importlib.util.find_spec(name) is not None):
    """Raise SetupError where Python came without `venv` or `ensurepip`, as on a bare Debian or Ubuntu."""
    missing = [name for name in ("venv", "ensurepip") if not has(name)]
    if missing:
        raise SetupError(
            "Python's venv and ensurepip modules",
            f"a Python without {' and '.join(missing)}: {sys.executable}",
            f"sudo apt install python3.{sys.version_info[1]}-venv   (Debian, Ubuntu), then the same command again",
        )


def check_disk(folder, usage=shutil.disk_usage):
    """Raise SetupError where the disk that holds `folder`, which need not exist, has less than FREE_GB left."""
    existing = next(place for place in [folder] + list(folder.absolute().parents) if place.exists())
    free = usage(str(existing)).free / 1e9
    if free < FREE_GB:
        raise SetupError(
            f"{FREE_GB:.0f} GB free on the disk of {folder}",
            f"{free:.1f} GB",
            "free some space, or put the environment elsewhere: make lab VENV=/path/on/another/disk",
        )


# ---- the virtual environment -----------------------------------------------------------------------------------------


def environment_python(venv):
    """Path of the Python inside the virtual environment `venv`, which need not exist yet."""
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"


def python_version(python):
    """The version of a Python that runs and has pip, as (major, minor); None where it does neither."""
    try:
        code = "import pip, sys; print(*sys.version_info[:2])"
        return tuple(map(int, subprocess.check_output([str(python), "-c", code], stderr=subprocess.DEVNULL).split()))
    except (OSError, subprocess.CalledProcessError):
        return None


def ensure_environment(venv):
    """Make the virtual environment, or mend a half-made one, and return its Python. Leaves a sound one alone."""
    python = environment_python(venv)
    version = python_version(python)
    if version is None:
        make_environment(venv)
    elif version < OLDEST_PYTHON:
        raise SetupError(
            f"Python 3.11 or newer in {venv}", f"Python {version[0]}.{version[1]}",
            "remove that folder, or name another: make lab VENV=.venv311",
        )
    return python


def make_environment(venv):
    """Create the virtual environment, over what a killed set-up left; refuses a folder that holds other things."""
    has_files = venv.exists() and any(path.is_file() for path in venv.rglob("*"))
    if has_files and not (venv / "pyvenv.cfg").exists():
        wanted = f"a virtual environment, or nothing, at {venv}"
        raise SetupError(wanted, "a folder with other files", "make lab VENV=.venv")
    check_venv_module()
    check_disk(venv.parent)
    say(f"Making the virtual environment {venv}" + (" afresh: it was incomplete" if has_files else ""))
    # A CUDA build of torch that this Python already has is worth gigabytes: let the environment see it.
    shared = ["--system-site-packages"] if cuda_torch(sys.executable) else []
    result = subprocess.run(
        [sys.executable, "-m", "venv", "--clear"] + shared + [str(venv)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
    )
    if result.returncode:
        raise explained(result.stdout, "a new virtual environment")


def cuda_torch(python):
    """Version, less its local label, of the CUDA build of torch that `python` can import; None where there is none."""
    code = "import torch; print(torch.__version__ if torch.version.cuda else '')"
    try:
        answer = subprocess.check_output([str(python), "-c", code], stderr=subprocess.DEVNULL).decode()
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.strip().split("+")[0] or None


# ---- packages --------------------------------------------------------------------------------------------------------


def locked(purpose, compiler):
    """The requirement lines of a purpose. Without a C++ compiler the package that has to be compiled is left out."""
    text = "".join((REPOSITORY / name).read_text(encoding="utf-8") for name in LOCKS[purpose])
    kept = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [line for line in kept if compiler or not line.startswith(NEEDS_COMPILER + "==")]


def has_compiler():
    """True where a C++ compiler answers."""
    return any(shutil.which(name) for name in ("c++", "g++", "clang++", "cl"))


def is_new_enough(version, pyproject_text):
    """True where a torch `version`, by its first two numbers, lies in the range that pyproject.toml declares."""
    low, high = re.search(r'"torch>=(\d+\.\d+),<(\d+)"', pyproject_text).groups()
    numbers = tuple(map(int, version.split(".")[:2]))
    return tuple(map(int, low.split("."))) <= numbers < (int(high), 0)


def without_existing_cuda_torch(lines, python):
    """`lines` less torch where `python` has a CUDA build that will do: replacing it could cost the reader the GPU."""
    version = cuda_torch(python)
    if version is None or not is_new_enough(version, (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")):
        return lines
    say(f"Leaving the CUDA build of torch {version} in this environment alone")
    return [line for line in lines if not line.startswith("torch==")]


def fingerprint(lines, version):
    """A hash of all that decides what gets installed: the locked lines, pyproject.toml and Python's version."""
    text = "\n".join(lines) + (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8") + str(version)
    return hashlib.sha256(text.encode()).hexdigest()


def drop_half_installed(venv, lines):
    """Forget packages of `lines` that lack a file they list, as a killed pip leaves them; pip then lays them again."""
    names = {re.sub(r"[-_.]+", "_", line.split("==")[0]).lower() for line in lines}
    packages = list(venv.glob("lib/python3*/site-packages")) or [venv / "Lib" / "site-packages"]
    for record in list(packages[0].glob("*.dist-info")):
        if re.sub(r"[-_.]+", "_", record.name.split("-")[0]).lower() not in names:
            continue
        files = (record / "RECORD").read_text(encoding="utf-8").splitlines() if (record / "RECORD").exists() else [""]
        paths = [row.rsplit(",", 2)[0].strip('"') for row in files]
        if not all(path and (record.parent / path).exists() for path in paths if not path.endswith(".pyc")):
            say(f"Laying {record.name.split('-')[0]} again: it was half installed")
            shutil.rmtree(str(record))


def install(purpose, python, venv, lines):
    """Install the locked packages and the course itself, editable. Goes on after an interruption."""
    check_disk(venv)
    unfinished = venv / "course-installing"
    if unfinished.exists():
        drop_half_installed(venv, lines)
    unfinished.touch()
    requirements = venv / "course-requirements.txt"
    requirements.write_text("\n".join(without_existing_cuda_torch(lines, python)) + "\n", encoding="utf-8")
    say(f"Installing {len(lines)} packages; the first time this takes minutes")
    index = os.environ.get("TORCH_INDEX")
    pip(python, ["-r", str(requirements)] + (["--extra-index-url", index] if index else []))
    pip(python, ["--quiet", "--no-deps", "--no-build-isolation", "-e", str(REPOSITORY)])
    quiet_jupyterlab(venv)
    unfinished.unlink()


def quiet_jupyterlab(venv):
    """Turn JupyterLab's news, its update pop-ups and Voilà's button off, in this environment only."""
    for place, settings in QUIET_JUPYTERLAB.items():
        (venv / place).parent.mkdir(parents=True, exist_ok=True)
        (venv / place).write_text(json.dumps(settings, indent=2), encoding="utf-8")


def pip(python, arguments):
    """Run `pip install`, its progress on the terminal; raises SetupError with the reason where it fails."""
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--retries", "3"] + arguments
    environment = dict(os.environ, PIP_USER="0")
    process = subprocess.Popen(command, stderr=subprocess.PIPE, errors="replace", env=environment)
    complaints = []
    reader = threading.Thread(target=echo, args=(process.stderr, complaints))
    reader.start()
    try:
        process.wait()
    except KeyboardInterrupt:
        process.wait()
        raise
    reader.join()
    if process.returncode:
        raise explained("".join(complaints), "pip to install the packages")


def echo(stream, kept):
    """Keep each line of `stream` in the list `kept` and pass it on to our own stderr, up to a traceback of pip's."""
    shown = True
    for line in stream:
        kept.append(line)
        shown = shown and not line.startswith(("ERROR: Exception:", "Traceback"))
        if shown:
            sys.stderr.write(line)


REASONS = [
    (
        r"No space left on device|Errno 28|not enough space",
        "room on the disk",
        "a full disk",
        "the same command again after freeing 3 GB (TMPDIR names the folder for temporary files)",
    ),
    (
        r"NewConnectionError|NameResolutionError|name resolution|getaddrinfo|Network is unreachable|Connection refused"
        r"|ConnectTimeout|Read timed out|ProxyError",
        "an answer from the package index",
        "no network",
        "the same command again once there is one: it goes on where it stopped. To bring the packages by hand,\n"
        "            elsewhere: pip download -r requirements.lock -d wheels\n"
        "            here, with that folder: PIP_NO_INDEX=1 PIP_FIND_LINKS=$PWD/wheels make lab",
    ),
    (
        r"Permission denied|Errno 13",
        "a folder that may be written to",
        "no permission",
        "make lab VENV=$HOME/course-venv   (any folder of yours)",
    ),
]


def explained(output, expected):
    """The SetupError for what a failed command printed: full disk, no network, no permission, or its last error."""
    for pattern, wanted, got, do in REASONS:
        if re.search(pattern, output):
            return SetupError(wanted, got, do)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR: ") and line != "ERROR: Exception:"]
    last = (errors or lines or ["a failure that said nothing"])[-1]
    return SetupError(expected, last, "the same command again; if it fails alike, ask with the lines above")


# ---- the whole -------------------------------------------------------------------------------------------------------


def set_up(purpose, venv):
    """Bring the environment to what `purpose` needs, "learner" or "tests"; returns its Python."""
    python = ensure_environment(venv)
    compiler = purpose == "learner" or has_compiler()
    lines = locked(purpose, compiler)
    version = python_version(python)
    wanted = fingerprint(lines, version)
    stamp = venv / f"course-{purpose}.stamp"
    if not (stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
        install(purpose, python, venv, lines)
        for included in INCLUDES[purpose]:
            mark = wanted if included == purpose else fingerprint(locked(included, True), version)
            (venv / f"course-{included}.stamp").write_text(mark, encoding="utf-8")
    if not compiler:
        say(f"NO C++ COMPILER, so no {NEEDS_COMPILER}: its parity tests WILL BE SKIPPED. Debian: apt install g++")
    fetch_assets(python, ASSETS[purpose])
    return python


def fetch_assets(python, names):
    """Fetch what is missing of the assets `names`; what lessons can do without is allowed to fail, and says so."""
    command = [str(python), "-m", "course_utils.assets", "--stand-ins"] + names
    if subprocess.run(command, cwd=str(REPOSITORY)).returncode:
        wanted = "the data and models: " + " ".join(names)
        raise SetupError(wanted, "the failure above", "the same command again; what is complete stays")


def has_browser(platform=sys.platform, environment=os.environ):
    """True where a browser can be opened: always but on a Linux without a display."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return not platform.startswith("linux") or any(environment.get(name) for name in names)


def lab_command(python, arguments, root=None, browser=None):
    """The command that serves JupyterLab at the first lesson; `arguments` are the reader's own and come last."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0 if root is None else root
    browser = has_browser() if browser is None else browser
    flags = ["--allow-root"] * root + ["--no-browser"] * (not browser)
    # As a default address, not as a file to open: only so does the address that is printed lead to the lesson.
    places = ["--ServerApp.root_dir=" + str(REPOSITORY), "--LabApp.default_url=/lab/tree/" + FIRST_LESSON]
    return [str(python), "-m", "jupyterlab", "--log-level=WARN"] + places + flags + arguments


def app_command(python, arguments, browser=None):
    """The command that serves the chat page; `arguments` are the reader's own and come last."""
    browser = has_browser() if browser is None else browser
    return [str(python), "-m", "tools.chat_page"] + ["--no-browser"] * (not browser) + arguments


def become(command):
    """Become the server that `command` starts, in the course's folder, so that Ctrl-C reaches it and nothing else."""
    os.chdir(str(REPOSITORY))
    if os.name == "nt":
        sys.exit(subprocess.call(command))
    os.execv(command[0], command)


def open_lab(python, arguments):
    """Become the JupyterLab server."""
    say("Opening JupyterLab. No browser? Follow the address it prints. Ctrl-C twice stops it.")
    become(lab_command(python, arguments))


def open_app(python, arguments):
    """Become the server of the chat page."""
    say("Opening the chat page. No browser? Follow the address it prints.")
    become(app_command(python, arguments))


def main(arguments=None):
    """Command line; returns the exit code: 0, 1 with a message, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.bootstrap", description="Set the course up.")
    parser.add_argument("purpose", choices=["lab", "app", "learner", "tests"])
    parser.add_argument("--venv", default=".venv", help="folder of the virtual environment")
    parser.add_argument("rest", nargs="*", help="for lab and app: options for the server, after --")
    chosen = parser.parse_args(arguments)
    try:
        check_python(sys.version_info)
        sys.stdout.reconfigure(errors="backslashreplace")           # a folder's name may have what a terminal has not
        venv = (REPOSITORY / Path(chosen.venv).expanduser()).absolute()
        python = set_up("tests" if chosen.purpose == "tests" else "learner", venv)
        if chosen.purpose == "lab":
            open_lab(python, chosen.rest)
        elif chosen.purpose == "app":
            open_app(python, chosen.rest)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(explained(str(error), "to read and write the course's folder"), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
