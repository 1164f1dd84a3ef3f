"""A student of a JupyterHub, driven over HTTP and a websocket as a browser does it: log in, start, open, run, save.

Nothing here knows how the hub was started. Every wait ends: each takes the seconds after which it gives up.
"""

import http.cookiejar
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import nbformat
from nbformat import NotebookNode
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

REQUEST_SECONDS = 120
POLL_SECONDS = 0.5
NOT_RUNNING = 424                                                   # what the hub answers for a server that is stopped
OUTPUTS = ("stream", "display_data", "execute_result", "error")


class HubError(Exception):
    """What a student met instead of a lesson: what was asked for, what came."""


@dataclass
class Student:
    """One user's browser: an address, a name, a password, and the cookies that the hub handed out."""

    address: str
    name: str
    password: str
    cookies: http.cookiejar.CookieJar = field(default_factory=http.cookiejar.CookieJar)
    kernel: str = ""

    def request(self, path: str, body: bytes | None = None, method: str | None = None, **headers: str) -> tuple:
        """The final address and the text of an answer, redirects followed. Raises HTTPError for what is refused."""
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        asked = urllib.request.Request(self.address + path, data=body, method=method, headers=headers)
        with opener.open(asked, timeout=REQUEST_SECONDS) as answer:
            return answer.url, answer.read().decode()

    def cookie(self, name: str, path: str) -> str:
        """The value of the cookie `name` that a browser would send to `path`. Raises HubError where there is none."""
        fitting = [each for each in self.cookies if each.name == name and path.startswith(each.path)]
        if not fitting:
            got = sorted(each.name for each in self.cookies)
            raise HubError(f"{self.name}: expected a cookie {name} for {path}, got {got}; log in first")
        return max(fitting, key=lambda each: len(each.path)).value

    def log_in(self) -> None:
        """Fill in the form of the login page. Raises HubError where the hub does not let the student in."""
        self.request("/hub/login")
        form = {"username": self.name, "password": self.password, "_xsrf": self.cookie("_xsrf", "/hub/")}
        address, _ = self.request("/hub/login?next=%2Fhub%2Fhome", urllib.parse.urlencode(form).encode())
        if not address.endswith("/hub/home"):
            raise HubError(f"{self.name}: expected the page after the login, got {address}")

    def start_server(self, seconds: float) -> None:
        """Open the student's JupyterLab, started where it is not; return once its page is there."""
        self.wait_for_server(seconds, start=True)

    def wait_for_server(self, seconds: float, start: bool = False) -> None:
        """Ask for JupyterLab's page until it comes; with `start`, ask the hub for a server whenever there is none.

        Raises HubError where the page has not come in time.
        """
        end, last = time.monotonic() + seconds, ""
        while time.monotonic() < end:
            try:
                last, _ = self.request(f"/user/{self.name}/lab")
                if urllib.parse.urlsplit(last).path == f"/user/{self.name}/lab":
                    return
            except (urllib.error.URLError, OSError) as error:
                last = str(error)
                if start and getattr(error, "code", None) == NOT_RUNNING:
                    self.request("/hub/spawn")
            time.sleep(POLL_SECONDS)
        raise HubError(f"{self.name}: expected JupyterLab within {seconds:.0f} s, got {last}")

    def api(self, path: str, content: object = None, method: str | None = None, owner: str = "") -> object:
        """What a server's REST answers: the student's own, or that of `owner`. Raises HTTPError for what is refused."""
        home = f"/user/{owner or self.name}/"
        body = None if content is None else json.dumps(content).encode()
        headers = {"X-XSRFToken": self.cookie("_xsrf", f"/user/{self.name}/"), "Content-Type": "application/json"}
        _, text = self.request(f"{home}api/{path}", body, method, **headers)
        return json.loads(text or "null")

    def open(self, notebook: str) -> NotebookNode:
        """The notebook at a path in the student's home, and a kernel for it."""
        kernel = {"path": notebook, "name": notebook, "type": "notebook", "kernel": {"name": "python3"}}
        self.kernel = self.api("sessions", kernel)["kernel"]["id"]
        return nbformat.from_dict(self.api(f"contents/{notebook}?content=1")["content"])

    def save(self, notebook: str, document: NotebookNode) -> None:
        """Write the notebook as JupyterLab's save does."""
        self.api(f"contents/{notebook}", {"type": "notebook", "content": document}, method="PUT")

    def run(self, codes: Iterable[str], seconds: float, seen: Callable[[], None] = lambda: None) -> list[list]:
        """Run pieces of code in the kernel, one after the other; the outputs of each. `seen` is called at every output.

        `seconds` is for all of them together. Raises TimeoutError where they take longer, HubError where it is cut off.
        """
        end, session = time.monotonic() + seconds, uuid.uuid4().hex
        try:
            with self._channel(session) as socket:
                outputs = []
                for code in codes:
                    request = execute_request(code, session, self.name)
                    socket.send(json.dumps(request))
                    outputs.append(joined(answers(socket, request["header"]["msg_id"], end, seen)))
                return outputs
        except WebSocketException as error:
            raise HubError(f"{self.name}: the way to the kernel was cut: {error}") from error

    def _channel(self, session: str) -> ClientConnection:
        """A websocket to the kernel, opened with the cookies that a browser would send."""
        place = f"/user/{self.name}/api/kernels/{self.kernel}/channels"
        cookies = "; ".join(f"{each.name}={each.value}" for each in self.cookies if place.startswith(each.path))
        return connect(
            f"{self.address.replace('http', 'ws', 1)}{place}?session_id={session}",
            additional_headers={"Cookie": cookies},
            origin=self.address,
            max_size=None,
            open_timeout=REQUEST_SECONDS,
            ping_interval=None,
        )


def execute_request(code: str, session: str, name: str) -> dict:
    """Jupyter's message that asks a kernel to run code."""
    header = {
        "msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": name, "session": session,
        "version": "5.3", "date": "",
    }  # fmt: skip
    content = {
        "code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False,
        "stop_on_error": False,
    }  # fmt: skip
    return {
        "channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content, "buffers": [],
    }  # fmt: skip


def answers(socket, request: str, end: float, seen: Callable[[], None]) -> Iterable[NotebookNode]:
    """The outputs that a request causes, until the kernel has replied and is idle again."""
    waiting = {"reply", "idle"}
    while waiting:
        message = json.loads(socket.recv(timeout=max(0.0, end - time.monotonic())))
        kind, content = message["msg_type"], message["content"]
        if message["parent_header"].get("msg_id") != request:
            continue
        if kind == "execute_reply":
            waiting.discard("reply")
        elif kind == "status" and content["execution_state"] == "idle":
            waiting.discard("idle")
        elif kind in OUTPUTS:
            seen()
            yield nbformat.v4.output_from_msg(message)


def joined(outputs: Iterable[NotebookNode]) -> list[NotebookNode]:
    """The outputs with neighbouring pieces of one stream put together: a busy kernel sends a line in pieces."""
    kept = []
    for output in outputs:
        if kept and output.output_type == kept[-1].output_type == "stream" and output.name == kept[-1].name:
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept


def errors(outputs: Iterable[Iterable[NotebookNode]]) -> list[str]:
    """Every error among the outputs of cells, as NAME: VALUE."""
    every = [output for cell in outputs for output in cell]
    return [f"{output.ename}: {output.evalue}" for output in every if output.output_type == "error"]
