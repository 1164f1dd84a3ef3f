"""The chat page as `make app` serves it, in a real Chromium without network: ask, watch, stop, ask again, close."""

import contextlib
import queue
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from course_utils.paths import REPOSITORY
from course_utils.project import save_project
from tests.browser.conftest import require_chromium
from tests.browser.lab import LOOPBACK, Traffic, free_port, lab_environment, stop
from tests.support.tiny_project import tiny_project
from tools import bootstrap

ATTACK = "<img src=x onerror=\"window.taken=1;alert(1)\"><script>window.taken=2</script>"
SIZES = {"wide": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
KERNEL_STARTS = 90_000                                             # milliseconds; torch is loaded anew for each page
# JavaScript: note each text that the conversation shows.
WATCH = """() => {
    window.seen = [];
    const log = document.querySelector("[role=log]").closest(".course-chat");
    new MutationObserver(() => window.seen.push(log.innerText)).observe(log, {subtree: true, childList: true});
}"""


@dataclass(frozen=True)
class Server:
    """A running `make app`: its process, and the address with the token that it printed."""

    process: subprocess.Popen
    address: str

    @property
    def port(self) -> int:
        return int(re.search(r":(\d+)/", self.address)[1])

    def kernels(self) -> list[psutil.Process]:
        """What runs for the pages that are open; nothing once the server has ended."""
        try:
            children = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        return [child for child in children if "ipykernel_launcher" in command_of(child)]


def command_of(process: psutil.Process) -> list[str]:
    """The words that started a process; none where it has just ended."""
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


@contextlib.contextmanager
def serve(home: Path, *options: str, **settings: str) -> Iterator[Server]:
    """The command of `make app`, less the set-up before it, on a free port; `settings` go into its environment."""
    require_chromium()
    environment = lab_environment(home, COURSE_OFFLINE="1", OMP_NUM_THREADS="1", **settings)
    command = bootstrap.app_command(sys.executable, ["--port", str(free_port()), *options], browser=False)
    with open(home / "app.log", "w") as log:
        pipes = {"stdout": subprocess.PIPE, "stderr": log, "text": True}
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, **pipes)
        try:
            yield Server(process, address(process, home / "app.log"))
        finally:
            stop(process)


def address(process: subprocess.Popen, log: Path, seconds: float = 60) -> str:
    """What the server prints when it is ready. Raises RuntimeError, with the log, where that does not come."""
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=lambda: [lines.put(line) for line in process.stdout], daemon=True).start()
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(queue.Empty):
            if found := re.search(r"http://\S+", lines.get(timeout=0.5)):
                return found[0]
    raise RuntimeError(f"The chat page was not served within {seconds:.0f} s. Its log:\n{log.read_text()}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved project whose answers take seconds."""
    path = tmp_path_factory.mktemp("project") / "mine"
    save_project(path, tiny_project(longest=4000))
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("home"), COURSE_PROJECT=str(folder)) as server:
        yield server


@contextlib.contextmanager
def page_of(browser: Browser, server: Server, size: str = "wide") -> Iterator[Page]:
    """A new page of the server, with nothing left of it afterwards; every request of its leads to this machine."""
    others, context = server.kernels(), browser.new_context(viewport=SIZES[size])
    traffic, dialogs = Traffic(), []
    page = context.new_page()
    page.route("**/*", lambda route: traffic.guard(route))
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(server.address, wait_until="commit")                   # it is sent while the notebook runs
    yield page
    assert not traffic.outside and not dialogs, (traffic.outside, dialogs)
    with page.expect_event("close"):                                 # not before it has said that it closes
        page.close(run_before_unload=True)
    until(lambda: set(server.kernels()) <= set(others))             # the context's end would cut that word short
    context.close()


@pytest.fixture(scope="module")
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """The page of the tiny project, ready to be written on."""
    with page_of(browser, server) as page:
        page.get_by_label("Message").wait_for(timeout=KERNEL_STARTS)
        yield page


def ask(page: Page, text: str) -> None:
    page.get_by_label("Message").fill(text)
    page.get_by_label("Message").press("Enter")


def said(page: Page) -> str:
    return page.locator(".course-chat").inner_text()


def until(holds, seconds: float = 30) -> None:
    """Return when `holds()`. Raises AssertionError after so many seconds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"it did not come true within {seconds} s"
        time.sleep(0.1)


def test_the_answer_grows_and_stop_keeps_what_is_written_and_again_writes_another(page: Page, screenshots: Path):
    chat, again = page.locator(".course-chat"), page.get_by_role("button", name="Again")
    assert page.title() == "Chat · How generative AI works" and page.locator("html").get_attribute("lang") == "en"
    assert page.get_by_role("main").get_by_role("heading", level=1).inner_text() == "Chat with your assistant"
    page.evaluate(WATCH)
    ask(page, "Hello")
    page.wait_for_function("window.seen.length > 5")
    page.screenshot(path=screenshots / "app-wide.png")
    page.get_by_role("button", name="Stop").press("Enter")
    expect(again).to_be_enabled()
    seen, stopped = set(page.evaluate("window.seen")), said(page)
    assert len(seen) > 4 and all(stopped.startswith(text.removesuffix("…")) for text in seen)
    page.wait_for_timeout(300)
    assert said(page) == stopped and 20 < len(stopped) < 4000
    again.press("Enter")
    expect(page.get_by_role("button", name="Stop")).to_be_enabled()  # the other answer is begun
    expect(chat).to_contain_text(re.compile(r"Model: .{20}"))
    page.get_by_role("button", name="Stop").press("Enter")
    expect(again).to_be_enabled()
    assert said(page).count("You: ") == said(page).count("Model: ") == 1 and said(page)[:40] != stopped[:40]
    expect(page.get_by_role("status")).to_have_text("Another answer: seed 2.")
    page.get_by_role("button", name="New").press("Enter")
    expect(chat).to_contain_text("Write a message below")


def test_a_message_with_markup_stays_text_and_runs_nothing(page: Page):
    ask(page, ATTACK)
    expect(page.locator(".course-chat")).to_contain_text(f"You: {ATTACK}")
    page.get_by_role("button", name="Stop").press("Enter")
    expect(page.get_by_role("button", name="Again")).to_be_enabled()
    assert page.locator("main img").count() == 0 and page.evaluate("window.taken") is None
    page.get_by_role("button", name="New").press("Enter")


def test_the_server_and_its_kernels_listen_on_this_machine_alone(page: Page, server: Server):
    running = [psutil.Process(server.process.pid), *server.kernels()]
    listening = [one.laddr for each in running for one in each.net_connections("inet") if one.status == "LISTEN"]
    assert server.port in {place.port for place in listening} and len(running) > 1
    assert {place.ip for place in listening} <= LOOPBACK
    for own in {one.address for all in psutil.net_if_addrs().values() for one in all if one.family == socket.AF_INET}:
        with contextlib.suppress(OSError), socket.create_connection((own, server.port), timeout=2):
            assert own.startswith("127."), own


@pytest.mark.parametrize(("path", "headers"), [("", {}), ("?token=wrong", {}), ("TOKEN", {"Host": "evil.example"})])
def test_without_the_token_or_by_another_name_nobody_gets_in(server: Server, path: str, headers: dict[str, str]):
    before = len(server.kernels())
    bare, token = server.address.split("?")
    request = urllib.request.Request(bare + path.replace("TOKEN", f"?{token}"), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.url.startswith(f"{bare}login")
    except urllib.error.HTTPError as error:
        assert error.code == 403
    assert len(server.kernels()) == before


def test_a_page_that_is_loaded_anew_or_closed_while_it_is_answered_gives_its_memory_back(
    browser: Browser, server: Server, page: Page
):
    others = {kernel.pid for kernel in server.kernels()}

    def own() -> set[int]:
        return {kernel.pid for kernel in server.kernels()} - others

    with page_of(browser, server, "phone") as second:
        second.get_by_label("Message").wait_for(timeout=KERNEL_STARTS)
        first = own()
        ask(second, "Hello")
        expect(second.locator(".course-chat")).to_contain_text("Model: ")
        second.reload()
        second.get_by_label("Message").wait_for(timeout=KERNEL_STARTS)
        until(lambda: len(own()) == 1)
        assert len(first) == 1 and own() != first
    assert not own()


def test_a_page_that_could_not_say_that_it_was_closed_gives_its_memory_back_after_a_while(
    browser: Browser, tmp_path: Path, folder: Path
):
    # Long enough for a busy machine to open the page: before, nobody holds its kernel.
    soon = ("--MappingKernelManager.cull_idle_timeout=8", "--MappingKernelManager.cull_interval=1")
    with serve(tmp_path, *soon, COURSE_PROJECT=str(folder)) as server:
        context = browser.new_context()
        page = context.new_page()
        page.goto(server.address, wait_until="commit")
        page.get_by_label("Message").wait_for(timeout=KERNEL_STARTS)
        page.wait_for_timeout(12_000)                              # as long as it is open it is not forgotten
        assert len(server.kernels()) == 1
        context.close()                                            # the page is gone without a word
        until(lambda: not server.kernels())


def test_on_a_phone_nothing_sticks_out_and_what_was_damaged_is_told(
    browser: Browser, server: Server, page: Page, folder: Path, screenshots: Path
):
    shutil.copy(folder / "weights.safetensors", folder.parent / "kept")
    (folder / "weights.safetensors").write_bytes(b"torn")
    with page_of(browser, server, "phone") as second:
        note = second.get_by_role("alert")
        note.wait_for(timeout=KERNEL_STARTS)
        expect(note).to_contain_text("weights.safetensors")
        assert "Traceback" not in second.content()
        second.screenshot(path=screenshots / "app-damaged.png")
    shutil.copy(folder.parent / "kept", folder / "weights.safetensors")
    page.set_viewport_size(SIZES["phone"])
    page.wait_for_timeout(300)
    page.screenshot(path=screenshots / "app-phone.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    boxes = [page.get_by_role("button", name=name).bounding_box() for name in ("Send", "Stop", "Again", "New")]
    assert all(box["height"] >= 44 and box["x"] + box["width"] <= 390 for box in boxes)
    page.set_viewport_size(SIZES["wide"])


def test_the_courses_helper_answers_and_names_what_it_read(browser: Browser, tmp_path: Path, screenshots: Path):
    with serve(tmp_path) as server, page_of(browser, server) as page:
        expect(page.get_by_role("status")).to_contain_text("Loading the assistant", timeout=20_000)
        page.screenshot(path=screenshots / "app-loading.png")
        page.get_by_label("Message").wait_for(timeout=KERNEL_STARTS)
        page.evaluate(WATCH)
        ask(page, "What is a token?")
        expect(page.get_by_role("button", name="Again")).to_be_enabled(timeout=60_000)
        page.screenshot(path=screenshots / "app-helper.png")
        assert "Passages read:\n[1] " in said(page)
        assert len({len(text) for text in page.evaluate("window.seen")}) > 4
        kernels = server.kernels()
        server.process.terminate()
        until(lambda: kernels and not any(kernel.is_running() for kernel in kernels))
        expect(page.get_by_role("alert")).to_contain_text("has ended", timeout=20_000)
