"""Colab, without Colab: the first cell where torch, numpy and transformers are there and have to stay as they are.

What is there lies in a layer that pip could only cover up; two small packages are missing; `google.colab` is imported
already, as in Colab's kernel. Nothing leaves this machine.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpecManager

from course_utils.paths import NOTEBOOKS
from tests.support.fresh_environment import COURSE, Fresh, fresh
from tools.notebooks import first_cell
from tools.notebooks.files import Notebook

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="Colab is Linux, and so is its shell"),
]
MISSING = ("pooch", "sacrebleu")
KEPT = ("torch", "numpy", "transformers")
LINE = first_cell.line(**first_cell.setting())
SECONDS = 120
WHAT_IS_THERE = f"""
import importlib, json
from importlib import metadata
print(json.dumps({{name: [metadata.version(name), importlib.import_module(name).__file__] for name in {KEPT}}}))
"""
WHERE = "import os, course_utils; print(os.getcwd(), course_utils.__file__)"
WIDGET = [
    "from ipywidgets import interact\n"
    "from course_utils.viz import bars, show\n"
    "def draw(n=3):\n"
    "    show(bars({str(i): i for i in range(1, n + 1)}, 'n'), alt=f'Bars that grow from 1 to {n}.')\n"
    "interact(draw, n=(1, 5));",
    "draw()",
]


def newest_python() -> str:
    """The newest Python from 3.12 on that answers, on the search path or among pyenv's; the running one without any."""
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for minor in range(20, 11, -1):
        found = [shutil.which(f"python3.{minor}"), *sorted(versions.glob(f"3.{minor}.*/bin/python3.{minor}"))]
        for python in map(str, filter(None, found)):
            if subprocess.run([python, "-c", "import ensurepip"], capture_output=True, check=False).returncode == 0:
                return python
    return sys.executable


def tidy(text: str) -> str:
    """What IPython printed, less the signs of colour and empty lines."""
    return "\n".join(line for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines() if line.strip())


def state_of(environment: Fresh) -> dict[str, int]:
    """Every file of the fresh site-packages and of the clone's branch, and when it was last written."""
    files = [path for path in environment.packages.rglob("*") if path.is_file()]
    return {str(path): path.stat().st_mtime_ns for path in [*files, environment.clone / ".git" / "HEAD"]}


# ---- a whole session


class Session:
    """A kernel of the fresh environment, in a folder that is not the course's."""

    def __init__(self, environment: Fresh):
        specification = environment.folder / "kernels" / "fresh"
        specification.mkdir(parents=True)
        command = [str(environment.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        (specification / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "", "language": ""}))
        specifications = KernelSpecManager(kernel_dirs=[str(specification.parent)], ensure_native_kernel=False)
        self.manager = KernelManager(kernel_name="fresh", kernel_spec_manager=specifications)
        self.manager.start_kernel(env=environment.environment, cwd=str(environment.folder / "content"))
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=SECONDS)

    def run(self, source: str) -> list[dict]:
        """Run a cell; its outputs. Raises AssertionError where it fails."""
        outputs = []

        def keep(message):
            if message["msg_type"] in ("stream", "display_data", "execute_result", "error"):
                outputs.append(message["content"])

        reply = self.client.execute_interactive(source, output_hook=keep, timeout=SECONDS, store_history=False)
        assert reply["content"]["status"] == "ok", "\n".join(reply["content"]["traceback"])
        return outputs

    def printed(self, source: str) -> str:
        """What a cell prints."""
        return "".join(output.get("text", "") for output in self.run(source))

    def close(self) -> None:
        """End the kernel."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def first_real_cells(count: int) -> list[str]:
    """The code of lesson 01 after its first cell."""
    return [cell.source for _, cell in Notebook(NOTEBOOKS / "01_ngrams.ipynb").cells("code")][1 : count + 1]


def test_a_session_on_colab_gets_the_course_and_keeps_torch_numpy_and_transformers(tmp_path):
    environment = fresh(tmp_path, MISSING)
    session = Session(environment)
    try:
        before = session.printed("import google.colab\n" + WHAT_IS_THERE)
        assert tidy(session.printed(LINE)) == ""
        assert session.printed(WHERE) == f"{environment.clone} {environment.clone}/course_utils/__init__.py\n"
        for source in first_real_cells(2):
            session.run(source)
        assert session.printed("print(len(train))") == "200000\n"                          # the profile's share of it
        shown = [session.run(source) for source in WIDGET]                                 # no front end draws a widget
        assert any(output["data"]["text/plain"].startswith("interactive(") for output in shown[0])
        assert shown[1][0]["metadata"]["image/png"]["alt"] == "Bars that grow from 1 to 3."
        assert session.printed(WHAT_IS_THERE) == before
    finally:
        session.close()
    kept = json.loads(before)
    assert all(kept[name][0] == metadata.version(name) for name in KEPT)
    assert all("layer" in kept[name][1] for name in KEPT)
    installed = {path.name.split("-")[0] for path in environment.packages.glob("*.dist-info")}
    assert installed == {*MISSING, COURSE.replace("-", "_")}


# ---- the cell alone, under the newest Python that is here


def test_the_cell_takes_the_tagged_course_installs_what_is_missing_once_and_then_does_nothing(tmp_path):
    environment = fresh(tmp_path, MISSING, python=newest_python())
    versions = "from importlib import metadata\nprint([metadata.version(name) for name in {}])"
    before = environment.run("-c", versions.format(KEPT)).stdout
    first = environment.cell(f"{LINE}\n{WHERE}")
    assert tidy(first.stdout) == f"{environment.clone} {environment.clone}/course_utils/__init__.py", first.stderr
    assert not tidy(first.stderr)
    assert not (environment.clone / "LATER").exists()                                  # the branch went on, the tag not
    assert environment.run("-c", versions.format(MISSING)).returncode == 0
    assert environment.run("-c", versions.format(KEPT)).stdout == before
    elsewhere = environment.run("-c", "import course_utils.errors as found; print(found.__file__)")
    assert elsewhere.stdout == f"{environment.clone}/course_utils/errors.py\n"
    state = state_of(environment)
    again = environment.cell(f"{LINE}\n{WHERE}")
    assert (tidy(again.stdout), tidy(again.stderr)) == (tidy(first.stdout), "")
    assert state_of(environment) == state


def test_elsewhere_the_cell_does_nothing_and_without_an_answer_the_reader_gets_a_sentence(tmp_path):
    environment = fresh(tmp_path, MISSING, reachable=False)
    elsewhere = environment.cell(f"{LINE}\nimport os; print(os.getcwd())", colab=False)
    assert (tidy(elsewhere.stdout), tidy(elsewhere.stderr)) == (str(tmp_path / "content"), "")
    failed = environment.cell(f"{LINE}\nimport os; print(os.getcwd())")
    assert failed.stdout.splitlines()[-2:] == [first_cell.FAILED, str(tmp_path / "content")]
    assert "fatal: " in failed.stdout + failed.stderr and "Traceback" not in failed.stdout + failed.stderr
    assert not environment.clone.exists()
