"""The guard that keeps test processes off the network: it must refuse what leaves the machine and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

GUARD = Path(__file__).parents[1] / "support" / "no_network"
LOOPBACK_TALK = """
import socket
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(("localhost", server.getsockname()[1]))
client.sendall(b"hello")
print(server.accept()[0].recv(5).decode())
"""


def run_guarded(code: str, *folders: Path) -> subprocess.CompletedProcess:
    """Run code in a Python of its own that has the guard, and then `folders`, on its path."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (GUARD, *folders)))}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)",
        "import socket; socket.socket().connect_ex(('192.0.2.1', 80))",
        "import socket; socket.socket(socket.AF_INET6).connect(('2001:db8::1', 80))",
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
        "import socket; socket.getaddrinfo('example.org', 443)",
        "import socket; socket.gethostbyname('example.org')",
        "import urllib.request; urllib.request.urlopen('http://example.org', timeout=1)",
    ],
)
def test_what_leaves_the_machine_is_refused_with_a_sentence(code: str):
    done = run_guarded(code)
    assert done.returncode == 1
    assert "the network is closed in this test" in done.stderr


def test_the_refusal_is_an_oserror_that_libraries_catch():
    done = run_guarded(
        "import socket\ntry: socket.create_connection(('example.org', 80))\nexcept OSError: print('caught')"
    )
    assert done.stdout == "caught\n"


def test_the_loopback_works():
    assert run_guarded(LOOPBACK_TALK).stdout == "hello\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no Unix sockets in Python")
def test_unix_sockets_work(tmp_path: Path):
    code = (
        f"import socket; s = socket.socket(socket.AF_UNIX); s.bind({str(tmp_path / 's')!r}); s.listen(); "
        f"socket.socket(socket.AF_UNIX).connect({str(tmp_path / 's')!r}); print('connected')"
    )
    assert run_guarded(code).stdout == "connected\n"


def test_the_sitecustomize_it_hides_is_run_too(tmp_path: Path):
    (tmp_path / "sitecustomize.py").write_text("print('the other one')")
    assert run_guarded("", tmp_path).stdout == "the other one\n"


def test_child_processes_are_guarded():
    inner = "import socket; socket.getaddrinfo('example.org', 443)"
    done = run_guarded(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])")
    assert "the network is closed in this test" in done.stderr
