"""Keeps every Python process that has this folder on PYTHONPATH off the network.

    PYTHONPATH=$PWD/tests/support/no_network pytest …

Connections and name look-ups that leave this machine raise an OSError; the loopback and Unix sockets work as ever, so
that kernels and servers run. The folder must be named by its whole path: a kernel starts in another folder. An audit
hook sees what goes through Python's own sockets, in whatever library; code in C that opens its own is not seen.
"""

import importlib.machinery
import importlib.util
import socket
import sys
from pathlib import Path

LOCAL_NAMES = {"", "localhost", "::1", "0.0.0.0", "::"}


def is_local(host) -> bool:
    """True where a host, as text or bytes, is the loopback of this machine; None means any of its own addresses."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else str(host or "")
    return name in LOCAL_NAMES or name.startswith("127.")


def leaves(event: str, arguments: tuple) -> str | None:
    """The host that an audited action would reach beyond this machine, or None."""
    if event in ("socket.connect", "socket.sendto"):
        endpoint, address = arguments
        inside = endpoint.family not in (socket.AF_INET, socket.AF_INET6) or not address or is_local(address[0])
        return None if inside else str(address[0])
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        return None if is_local(arguments[0]) else str(arguments[0])
    return None


def refuse(event: str, arguments: tuple) -> None:
    """Audit hook: raise OSError where an action would leave this machine."""
    if event.startswith("socket.") and (host := leaves(event, arguments)):
        raise OSError(
            f"the network is closed in this test: {host!r} was asked for; only this machine itself can be reached."
        )


def run_the_other_one() -> None:
    """Run the sitecustomize that this file hides, if there is one."""
    here = Path(__file__).resolve().parent
    others = [folder for folder in sys.path if Path(folder or ".").resolve() != here]
    specification = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if specification and specification.loader:
        specification.loader.exec_module(importlib.util.module_from_spec(specification))


sys.addaudithook(refuse)
run_the_other_one()
