"""What can go wrong between a name and its files. Wheels, manifests and servers are small and our own: no network."""

import errno
import http.server
import os
import shutil
import signal
import sys
import threading
import venv
import zipfile
from pathlib import Path

import pytest

from course_utils import assets, sources
from tests.faults.toy_asset import (
    CONTENT,
    SmallHub,
    Stall,
    assert_nothing_usable,
    assert_right,
    fill_cache,
    flip_a_bit,
    manifest_text,
    sha256,
    source_manifest,
    truncate,
    write_source,
)

# --- the package ---


def test_an_asset_is_fetched_once_and_then_found(world, capfd):
    first = assets.path("toy", world.manifest)
    assert_right(world)
    assert assets.is_present("toy", world.manifest)
    capfd.readouterr()
    assert assets.path("toy", world.manifest) == first == world.cache / "toy"
    assert world.downloads() == 1
    assert capfd.readouterr() == ("", "")


@pytest.mark.fault("package altered on its index")
def test_a_wheel_with_another_hash_is_not_used_and_both_hashes_are_shown(world):
    expected = sha256(world.wheel.read_bytes())
    with zipfile.ZipFile(world.wheel, "a") as archive:
        archive.writestr("toydata/data/more.txt", "not what we pinned")
    with pytest.raises(assets.AssetError) as caught:
        assets.path("toy", world.manifest)
    assert expected in str(caught.value) and sha256(world.wheel.read_bytes()) in str(caught.value)
    assert_nothing_usable(world)


def test_a_produced_file_with_another_hash_is_not_used_and_both_hashes_are_shown(world):
    right = sha256(CONTENT["one.txt"])
    world.manifest.write_text(world.manifest.read_text(encoding="utf-8").replace(right, "0" * 64), encoding="utf-8")
    with pytest.raises(assets.AssetError) as caught:
        assets.path("toy", world.manifest)
    assert right in str(caught.value) and "0" * 64 in str(caught.value)
    assert_nothing_usable(world)


def test_a_file_that_the_manifest_does_not_know_is_not_let_in(world):
    text = world.manifest.read_text(encoding="utf-8")
    world.manifest.write_text(text.replace('"*.txt", "deep/*.bin"', '"*"'), encoding="utf-8")
    with pytest.raises(assets.AssetError, match=r"unwanted\.py: not in the manifest"):
        assets.path("toy", world.manifest)
    assert_nothing_usable(world)


# --- a source distribution ---


def setup_that_writes(mark: Path) -> str:
    return f"open({str(mark)!r}, 'w').close()"


def test_a_source_distribution_is_read_although_there_is_a_wheel_and_links_in_it_are_not(world, tmp_path):
    write_source(world.source, setup_that_writes(tmp_path / "ran"))
    world.manifest.write_text(source_manifest(world.source), encoding="utf-8")
    assets.path("toy", world.manifest)
    assert_right(world)
    assert world.downloads() == 1 and (tmp_path / "ran").exists()  # pip asks setup.py: the next test can fail


def test_a_source_distribution_with_another_hash_is_refused_before_its_code_runs(world, tmp_path):
    write_source(world.source)
    expected = sha256(world.source.read_bytes())
    world.manifest.write_text(source_manifest(world.source), encoding="utf-8")
    write_source(world.source, setup_that_writes(tmp_path / "ran"))
    with pytest.raises(assets.AssetError) as caught:
        assets.path("toy", world.manifest)
    assert expected in str(caught.value) and sha256(world.source.read_bytes()) in str(caught.value)
    assert not (tmp_path / "ran").exists()
    assert_nothing_usable(world)


def test_a_kind_of_package_that_there_is_not_is_said(world):
    text = manifest_text(world.wheel).replace('version = "1.0"\n', 'version = "1.0"\nkind = "egg"\n')
    world.manifest.write_text(text, encoding="utf-8")
    with pytest.raises(assets.AssetError, match="kind of toydata is 'egg'; expected wheel or source"):
        assets.path("toy", world.manifest)


# --- a damaged cache ---


DAMAGES = [
    pytest.param(truncate, marks=pytest.mark.fault("cache file truncated")),
    pytest.param(flip_a_bit, marks=pytest.mark.fault("cache file with a wrong bit")),
    pytest.param(Path.unlink, marks=pytest.mark.fault("cache file deleted")),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_noticed_and_fetched_again(world, capsys, damage):
    file = fill_cache(world) / "deep" / "two.bin"
    damage(file)
    assets.path("toy", world.manifest)
    assert_right(world)
    said = capsys.readouterr().out
    assert "deep/two.bin: " in said and (damage is Path.unlink or sha256(CONTENT["deep/two.bin"]) in said)


@pytest.mark.fault("cache file with a wrong bit")
def test_offline_a_damaged_file_is_removed_and_both_hashes_are_shown(world, monkeypatch):
    file = fill_cache(world) / "one.txt"
    flip_a_bit(file)
    damaged = sha256(file.read_bytes())
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    with pytest.raises(assets.AssetError) as caught:
        assets.path("toy", world.manifest)
    assert all(text in str(caught.value) for text in (damaged, sha256(CONTENT["one.txt"]), "unset COURSE_OFFLINE"))
    assert not file.exists() and not assets.is_present("toy", world.manifest)


@pytest.mark.fault("cache file with a wrong bit")
def test_verify_finds_what_size_and_time_hide(world, capsys):
    file = fill_cache(world) / "one.txt"
    before = file.stat()
    flip_a_bit(file)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert assets.main(["--verify"], world.manifest) == 0
    assert "expected sha256" in capsys.readouterr().out
    assert_right(world)


@pytest.mark.parametrize("stamp", ["", "{", "[]", '{"one.txt": 3}'])
def test_a_broken_stamp_only_costs_a_second_look(world, stamp):
    folder = fill_cache(world)
    (world.cache / ".toy.verified.json").write_text(stamp, encoding="utf-8")
    assert assets.path("toy", world.manifest) == folder
    assert world.downloads() == 0


# --- several processes, killed processes ---


CROWDS = [
    pytest.param(2, marks=pytest.mark.fault("two processes ask for an asset at once")),
    pytest.param(8, marks=pytest.mark.fault("eight processes ask for an asset at once")),
]


@pytest.mark.parametrize("count", CROWDS)
def test_many_processes_at_once_fetch_once(world, count):
    processes = [world.start() for _ in range(count)]
    answers = [process.communicate(timeout=60) for process in processes]
    assert [out.splitlines()[-1:] for out, _ in answers] == [["done"]] * count, answers
    assert world.downloads() == 1
    assert_right(world)


HANG = "import os, sys, time\ndef hang(*_): print('hanging', flush=True); time.sleep(60)\n"
MOMENTS = {
    "while unpacking": "import shutil\nshutil.copyfileobj = hang",
    "while reading": "from course_utils import assets\nassets.READERS['copy'] = hang",
    "before moving into place": "from course_utils import assets\nassets._put_in_place = hang",
    "between moving out and in": "import os\nfrom course_utils import assets\nreal = os.replace\n"
    "os.replace = lambda a, b: hang() if str(b).endswith('/toy') else real(a, b)",
}


@pytest.mark.fault("kill -9 while an asset is unpacked")
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_process_killed_leaves_nothing_half_done_and_the_next_one_succeeds(world, moment):
    if "out and in" in moment:
        (fill_cache(world) / "one.txt").unlink()
    process = world.start(HANG + MOMENTS[moment])
    assert any(line == "hanging\n" for line in process.stdout), process.stderr.read()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not assets.is_present("toy", world.manifest)
    assert list(world.cache.glob(".toy.*.partial"))
    assets.path("toy", world.manifest)
    assert_right(world)


@pytest.fixture
def slow_index(world, monkeypatch):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stall)
    server.wheel, server.half_way, server.resumed = world.wheel, threading.Event(), threading.Event()
    server.go_on = lambda: server.resumed.wait(30)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
    yield server
    server.resumed.set()
    server.shutdown()


@pytest.mark.fault("kill -9 during a download")
def test_a_download_killed_half_way_is_started_again(world, slow_index):
    process = world.start()
    assert slow_index.half_way.wait(30)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (world.cache / "toy").exists()
    slow_index.resumed.set()
    assets.path("toy", world.manifest)
    assert_right(world)


# --- nothing to fetch from ---

NO_SOCKETS = """
import socket, subprocess
def refuse(*_, **__): raise AssertionError("a socket or a process was asked for")
socket.socket.__init__ = subprocess.Popen.__init__ = refuse
socket.getaddrinfo = refuse
"""


def test_offline_opens_no_socket_and_starts_no_process(world, monkeypatch):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    _, complaint = world.start(NO_SOCKETS).communicate(timeout=30)
    last = complaint[complaint.rindex("AssetError:") :]
    assert "not tried, because COURSE_OFFLINE is set" in last and "type `make assets`" in last
    monkeypatch.delenv("COURSE_OFFLINE")
    fill_cache(world)
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    assert world.start(NO_SOCKETS).communicate(timeout=30) == ("done\n", "")


@pytest.mark.fault("network gone before a download")
def test_without_a_network_the_error_lists_what_was_tried_and_what_to_type(world, monkeypatch, capsys):
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the discard port: nobody listens
    monkeypatch.setenv("PIP_RETRIES", "0")
    assert assets.main(["toy"], world.manifest) == 1
    said = capsys.readouterr().err
    assert "cache" in said and "not there" in said
    assert "package index (toydata==1.0): pip download failed" in said
    assert "check the network and type `make assets`" in said
    assert_nothing_usable(world)


def test_a_python_without_pip_is_told_how_to_get_it(world, monkeypatch, tmp_path):
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / "bin" / "python"))
    with pytest.raises(assets.AssetError, match=r"no pip; type `python -m ensurepip`"):
        assets.path("toy", world.manifest)


# --- the hub ---


@pytest.fixture
def hub(world, monkeypatch):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), SmallHub)
    server.content = dict(CONTENT)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    world.manifest.write_text(manifest_text(world.wheel, hub=True), encoding="utf-8")
    world.wheel.unlink()  # the package index has lost it
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_HOME", str(world.index / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    yield server
    server.shutdown()


def test_the_hub_at_its_pinned_revision_steps_in_for_the_package_index(world, hub):
    out, complaint = world.start().communicate(timeout=60)
    assert "from the hub (us/toy at 01234567)" in out, complaint
    assert_right(world)


@pytest.mark.parametrize("fault", ["another file", "no file"])
def test_what_the_hub_gives_is_checked_too_and_every_source_is_named(world, hub, fault):
    hub.content["one.txt"] = b"not ours"
    if fault == "no file":
        del hub.content["one.txt"]
    _, complaint = world.start().communicate(timeout=60)
    last = complaint[complaint.rindex("AssetError:") :]
    assert "package index (toydata==1.0): pip download failed" in last
    assert (sha256(b"not ours") if fault == "another file" else "HTTP 404") in last[last.index("hub (us/toy") :]
    assert_nothing_usable(world)


# --- no room, no rights ---


@pytest.mark.fault("disk full before an asset is fetched")
def test_a_full_disk_is_said_before_anything_is_fetched(world, monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10))
    with pytest.raises(assets.AssetError, match=r"No room.*needs about \d+ bytes.*10 are free.*COURSE_CACHE"):
        assets.path("toy", world.manifest)
    assert world.downloads() == 0


FULL = [OSError(number, os.strerror(number)) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)]
FULL += [RuntimeError("I/O error: No space left on device (os error 28)")]             # in the words of safetensors


@pytest.mark.fault("disk full while an asset is written")
@pytest.mark.parametrize("error", FULL, ids=["disk", "quota", "file", "safetensors"])
def test_a_disk_that_fills_up_while_unpacking_is_said_and_cleaned(world, monkeypatch, error):
    def full(source, target):
        (target / "one.txt").write_bytes(b"half")
        raise error

    monkeypatch.setitem(assets.READERS, "copy", full)
    with pytest.raises(assets.AssetError, match="No room for the asset 'toy'"):
        assets.path("toy", world.manifest)
    assert_nothing_usable(world)


def test_a_disk_that_fills_up_under_pip_is_recognised():
    failure = sources._failure("pip download", "ERROR: Could not install: [Errno 28] No space left on device")
    assert isinstance(failure, OSError) and failure.errno == errno.ENOSPC


def test_a_cache_that_cannot_be_written_is_said(world, monkeypatch):
    world.cache.write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(assets.AssetError, match=r"Cannot write the asset 'toy'.*COURSE_CACHE"):
        assets.path("toy", world.manifest)
