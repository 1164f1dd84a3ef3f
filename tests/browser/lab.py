"""JupyterLab in a headless Chromium, used as a reader uses it: open a notebook, run it all, move a slider."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
from playwright.sync_api import ElementHandle, Page, Request, Route, sync_playwright

from course_utils.paths import REPOSITORY

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
VIEWPORT = {"width": 1400, "height": 1000}
TOKEN = "course"
LAB_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    # Every cell stays in the page, so that a look at the page is a look at the whole notebook.
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
OVERLAP = 40  # pixels that two screenshots share: no line of text is cut in two on both
# Below the last cell JupyterLab leaves room to scroll on; nobody needs a picture of that.
LAST_CELL_BOTTOM = """box => Math.max(...[...box.querySelectorAll('.jp-Cell')].map(cell =>
    cell.getBoundingClientRect().bottom)) - box.getBoundingClientRect().top + box.scrollTop"""
# JavaScript: the models of the code cells that hold code, and whether all have run or one has failed.
CODE_CELLS = """[...window.jupyterapp.shell.currentWidget.content.widgets].map(widget => widget.model)
    .filter(cell => cell.type === 'code' && cell.sharedModel.source.trim())"""
ALL_RUN = f"""() => {{
    const cells = {CODE_CELLS};
    const failed = cell => cell.outputs.toJSON().some(output => output.output_type === 'error');
    return cells.every(cell => cell.executionCount) || cells.some(failed);
}}"""
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def find_chromium() -> str | None:
    """Path of a Chromium (`$CHROMIUM`, else the first one on the search path), or None."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def free_port() -> int:
    """A loopback port that nobody listens on at the moment of asking."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def copy_unrun(notebook: Path, folder: Path) -> Path:
    """Copy a notebook without its outputs: whatever is seen later was made by the run that is being watched."""
    document = nbformat.read(notebook, as_version=4)
    for cell in document.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(document, folder / notebook.name)
    return folder / notebook.name


def lab_environment(home: Path, **settings: str) -> dict[str, str]:
    """Environment of a server that reads and writes no setting of the person at this machine."""
    config = home / "config"
    (config / "labconfig").mkdir(parents=True)
    (config / "labconfig" / "default_setting_overrides.json").write_text(json.dumps(LAB_SETTINGS))
    private = {
        "JUPYTER_CONFIG_DIR": config,
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "IPYTHONDIR": home / "ipython",
        "COURSE_PROGRESS": home / "progress",
    }
    python_path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, **{name: str(path) for name, path in private.items()}, "PYTHONPATH": python_path, **settings}


@contextlib.contextmanager
def serve(folder: Path, home: Path, **settings: str) -> Iterator[str]:
    """JupyterLab over `folder` on a free loopback port; yields its address, stops it at the end.

    `home` is an empty folder for its settings and log; `settings` are further environment variables of the kernels.
    """
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        "--expose-app-in-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={folder}",
    ]
    with open(home / "lab.log", "w") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env=lab_environment(home, **settings), cwd=folder
        )
        try:
            wait_until_serving(process, port, home / "lab.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            stop(process)


def wait_until_serving(process: subprocess.Popen, port: int, log: Path, seconds: float = 60) -> None:
    """Return when the server answers. Raises RuntimeError, with the log, where it ended or took too long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token={TOKEN}", timeout=5).close()
            return
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not answer on port {port} within {seconds:.0f} s. Its log:\n{log.read_text()}")


def stop(process: subprocess.Popen) -> None:
    """End the server, and with it its kernels: politely, then not."""
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@dataclass(frozen=True)
class Traffic:
    """What the page asked for and did not get: requests that left this machine (stopped), requests that failed."""

    outside: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def guard(self, route: Route) -> None:
        """Let a request to this machine pass; stop and note every other."""
        if urlsplit(route.request.url).hostname in LOOPBACK:
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()

    def note_failure(self, request: Request) -> None:
        """Note a request that failed, but for those the page itself gave up (it moved on)."""
        if request.failure != "net::ERR_ABORTED":
            self.failed.append(f"{request.url}: {request.failure}")


@dataclass(frozen=True)
class Lab:
    """One JupyterLab page at `address`."""

    page: Page
    address: str
    traffic: Traffic

    def open(self, name: str, seconds: float = 60) -> None:
        """Open a notebook and wait until its kernel is idle."""
        self.page.goto(f"{self.address}/lab/workspaces/auto-look/tree/{name}?token={TOKEN}&reset")
        self.page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=seconds * 1000)
        self.page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=seconds * 1000)
        self.wait_until_idle(seconds)

    def wait_until_idle(self, seconds: float) -> None:
        """Wait for the status bar's word: the notebook's toolbar says idle before there is a kernel."""
        status = self.page.locator("#jp-main-statusbar").get_by_text(re.compile(r"\| Idle$"))
        status.wait_for(timeout=seconds * 1000)

    def start_run(self) -> None:
        """Run → Run All Cells, through the menu."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.locator(".lm-Menu-itemLabel", has_text="Run All Cells").first.click()

    def wait_for_first_output(self, seconds: float) -> None:
        """Wait for anything that a code cell printed or drew."""
        self.page.wait_for_selector(".jp-CodeCell .jp-OutputArea-output", state="visible", timeout=seconds * 1000)

    def wait_until_run(self, seconds: float) -> None:
        """Wait until every code cell with source has run, or one has ended in an error, and the kernel rests."""
        self.page.wait_for_function(ALL_RUN, timeout=seconds * 1000, polling=500)
        self.wait_until_idle(seconds)

    def errors(self) -> list[str]:
        """Every traceback and everything written to stderr in the notebook."""
        outputs = self.page.evaluate(CODE_CELLS + ".flatMap(cell => cell.outputs.toJSON())")
        tracebacks = ["\n".join(output["traceback"]) for output in outputs if output["output_type"] == "error"]
        return tracebacks + [str(output["text"]) for output in outputs if output.get("name") == "stderr"]

    def slider_with_picture(self) -> ElementHandle:
        """The cell of the first slider that has a picture below it. Raises AssertionError where there is none."""
        for cell in self.page.query_selector_all(".jp-CodeCell"):
            if cell.query_selector(".noUi-handle") and cell.query_selector("img"):
                return cell
        raise AssertionError("no cell has both a slider and a picture; expected an interactive figure")

    def move_slider(self, cell: ElementHandle, seconds: float = 20) -> None:
        """Press arrow keys on the cell's first slider until its picture changes. Raises TimeoutError if it stays."""
        picture = cell.query_selector("img").get_attribute("src")
        handle = cell.query_selector(".noUi-handle")
        handle.scroll_into_view_if_needed()
        end = time.monotonic() + seconds
        for key in ("ArrowRight", "ArrowLeft"):  # a slider may stand at its end
            handle.focus()
            handle.press(key)
            while time.monotonic() < end - (seconds / 2 if key == "ArrowRight" else 0):
                image = cell.query_selector("img")
                if image and image.get_attribute("src") != picture:
                    return
                self.page.wait_for_timeout(100)
        raise TimeoutError(f"the picture under the slider was the same {seconds:.0f} s after the arrow keys")

    def photograph_picture(self, cell: ElementHandle, path: Path) -> bytes:
        """A screenshot of the cell's first picture, without the pointer over it; its bytes, also kept at `path`."""
        self.page.mouse.move(0, 0)
        return cell.query_selector("img").screenshot(path=path)

    def notebook(self) -> nbformat.NotebookNode:
        """The open notebook as it stands on the page, outputs included."""
        written = self.page.evaluate("() => window.jupyterapp.shell.currentWidget.content.model.toJSON()")
        return nbformat.from_dict(written)

    def look(self, folder: Path, name: str) -> list[Path]:
        """Screenshots of the whole notebook from top to bottom, `NAME-01.png` and so on; returns their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"{name}-[0-9][0-9].png"):
            old.unlink()
        scroller = self.page.locator(".jp-NotebookPanel .jp-WindowedPanel-outer").first
        visible = scroller.evaluate("box => box.clientHeight")
        paths, top, end = [], 0, 1
        while top < end:
            scroller.evaluate("(box, top) => box.scrollTo({top, behavior: 'instant'})", top)
            self.page.wait_for_timeout(300)
            paths.append(folder / f"{name}-{len(paths) + 1:02d}.png")
            self.page.screenshot(path=paths[-1])
            top += visible - OVERLAP
            end = scroller.evaluate(LAST_CELL_BOTTOM) - OVERLAP
        return paths

    def hide_sidebar(self) -> None:
        """Fold the file browser away."""
        self.page.evaluate("() => window.jupyterapp.shell.collapseLeft()")


def sessions(address: str) -> list[dict]:
    """What the server at `address` has running: a session for each notebook with a kernel."""
    with urllib.request.urlopen(f"{address}/api/sessions?token={TOKEN}", timeout=10) as answer:
        return json.load(answer)


def stop_kernels(address: str) -> None:
    """End all kernels: one that is left alone keeps its gigabytes until the server stops."""
    for session in sessions(address):
        request = urllib.request.Request(f"{address}/api/sessions/{session['id']}", method="DELETE")
        request.add_header("Authorization", f"token {TOKEN}")
        urllib.request.urlopen(request, timeout=30).close()


@contextlib.contextmanager
def browse(address: str) -> Iterator[Lab]:
    """A fresh headless browser for the server at `address`; it can reach nothing but this machine."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), headless=True, args=CHROMIUM_FLAGS)
        page = browser.new_context(viewport=VIEWPORT).new_page()
        traffic = Traffic()
        page.route("**/*", lambda route: traffic.guard(route))  # Playwright writes on the object of a bound method
        page.on("requestfailed", lambda request: traffic.note_failure(request))
        try:
            yield Lab(page, address, traffic)
        finally:
            browser.close()
            stop_kernels(address)
