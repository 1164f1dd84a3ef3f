"""A network that goes, and a hub that is busy, slow or wrong, while an asset is fetched; the next call then gets it."""

import http.server
import threading
import time

import pytest

from course_utils import assets
from tests.faults.toy_asset import (
    Stall,
    assert_nothing_usable,
    assert_right,
    fill_cache,
    hub_manifest,
    write_content,
)
from tests.support.hub_server import SLOW_SECONDS, Fault, serving

FAIL_FIRST = """
import pathlib
from course_utils import assets
try:
    assets.path("toy", manifest=pathlib.Path("MANIFEST"))
except assets.AssetError as error:
    print(" ".join(str(error).split()))
print("left:", *sorted(path.name for path in assets.cache_dir().iterdir()))
"""
NO_SOCKETS = """
import socket, subprocess
def refuse(*_, **__): raise AssertionError("a socket or a process was asked for")
socket.socket.__init__ = subprocess.Popen.__init__ = socket.getaddrinfo = refuse
"""


@pytest.fixture
def hub(world, tmp_path, monkeypatch):
    """A hub that alone has the asset, and makes no mistake yet."""
    folders = {"us/toy": write_content(tmp_path / "repository")}
    world.manifest.write_text(hub_manifest(world.wheel), encoding="utf-8")
    with serving(folders) as server:
        settings = {"HF_ENDPOINT": server.endpoint, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}
        settings |= {"HF_HUB_ETAG_TIMEOUT": "1", "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield server


def fault(kind: str, times: int = 1, **more) -> Fault:
    """What goes wrong with the second file, in the first call alone."""
    return Fault(kind, where="two.bin", times=times, **more)


NOW, LATE = {"Retry-After": "0"}, {"Retry-After": "3600"}
FAULTS = [                                                         # what goes wrong, and what the first call says
    pytest.param(
        fault("status", times=4, status=429, headers=NOW), "the hub is busy (HTTP 429, Retry-After: 0)",
        marks=pytest.mark.fault("hub answers 429"),
    ),
    pytest.param(
        fault("status", status=429, headers=LATE), "the hub is busy (HTTP 429, Retry-After: 3600)",
        marks=pytest.mark.fault("hub answers 429"),
    ),
    pytest.param(
        fault("status", status=500), "the hub answered with an error (HTTP 500)",
        marks=pytest.mark.fault("hub answers 500"),
    ),
    pytest.param(fault("slow"), "the hub did not answer in time", marks=pytest.mark.fault("hub is slow")),
    pytest.param(
        fault("short"), "the download failed (OSError: Consistency check failed",
        marks=pytest.mark.fault("hub sends a cut file"),
    ),
    pytest.param(
        fault("broken", times=6), "the connection to the hub broke off", marks=pytest.mark.fault("hub sends a cut file")
    ),
    pytest.param(fault("flip"), "expected sha256", marks=pytest.mark.fault("hub sends an altered file")),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "why"), FAULTS)
def test_what_a_hub_at_fault_gives_is_not_used_and_the_next_call_gets_the_asset(world, hub, fault, why):
    hub.fault = fault
    said, complaint = world.start(FAIL_FIRST.replace("MANIFEST", str(world.manifest))).communicate(timeout=60)
    assert said.endswith("done\n"), complaint
    first, left, *second = said.splitlines()
    assert first.startswith("The asset 'toy' is not to be had.") and f"two.bin: {why}" in first
    assert "type `make assets`" in first
    assert left.split() in (["left:"], ["left:", ".toy.lock"])     # which some filelocks keep
    assert len(second) == 2 and "from the hub (us/toy at 01234567)" in second[0]
    assert_right(world)


def test_a_broken_connection_is_taken_up_again_within_the_same_call(world, hub):
    hub.fault = Fault("broken", where="two.bin", times=1)
    said, complaint = world.start().communicate(timeout=60)
    assert said.endswith("done\n"), complaint
    assert_right(world)


@pytest.mark.fault("hub is slow")
def test_a_hub_that_sends_a_file_in_drips_is_waited_for_as_long_as_something_comes(world, hub):
    hub.fault = Fault("drip", where="two.bin", times=1)
    began = time.monotonic()
    said, complaint = world.start().communicate(timeout=60)
    assert said.endswith("done\n"), complaint
    assert time.monotonic() - began > SLOW_SECONDS > 2              # longer than the second that it may be silent
    assert_right(world)


# --- the network goes -----------------------------------------------------------------------------


@pytest.mark.fault("network gone before a download")
def test_without_a_hub_the_asset_is_not_to_be_had_and_with_it_the_next_call_gets_it(world, hub, monkeypatch):
    with monkeypatch.context() as gone:
        gone.setenv("HF_ENDPOINT", "http://127.0.0.1:9")           # the discard port: nobody listens
        _, complaint = world.start().communicate(timeout=60)
    assert "hub (us/toy at 01234567): one.txt: the hub cannot be reached" in complaint
    assert_nothing_usable(world)
    said, complaint = world.start().communicate(timeout=60)
    assert said.endswith("done\n"), complaint
    assert_right(world)


@pytest.mark.fault("network gone during a download")
def test_a_hub_that_goes_half_way_leaves_nothing_half_done(world, hub, monkeypatch):
    hub.fault = Fault("vanish", where="two.bin", times=1)
    _, complaint = world.start().communicate(timeout=60)
    assert "two.bin: the hub cannot be reached" in complaint
    assert_nothing_usable(world)
    with serving(hub.folders) as again:
        monkeypatch.setenv("HF_ENDPOINT", again.endpoint)
        said, complaint = world.start().communicate(timeout=60)
    assert said.endswith("done\n"), complaint
    assert_right(world)


@pytest.fixture
def index_that_goes(world, monkeypatch):
    """A package index that sends half a wheel, and then nothing more to anybody."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stall)
    server.wheel, server.half_way = world.wheel, threading.Event()
    server.go_on = server.socket.close                             # which says that nothing follows
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with monkeypatch.context() as settings:
        for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS"):
            settings.delenv(name)
        settings.setenv("PIP_NO_CACHE_DIR", "1")
        settings.setenv("PIP_RETRIES", "0")
        settings.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
        yield settings
    server.shutdown()


@pytest.mark.fault("network gone during a download")
def test_an_index_that_goes_half_way_leaves_nothing_half_done(world, index_that_goes):
    with pytest.raises(assets.AssetError, match=r"package index \(toydata==1\.0\): pip download failed"):
        assets.path("toy", world.manifest)
    assert_nothing_usable(world)
    index_that_goes.undo()
    assets.path("toy", world.manifest)
    assert_right(world)


@pytest.mark.fault("network gone after a download")
def test_what_is_in_the_cache_needs_no_network_and_does_not_ask_for_one(world):
    fill_cache(world)
    assert world.start(NO_SOCKETS).communicate(timeout=30) == ("done\n", "")
