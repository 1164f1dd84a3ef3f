"""What can go wrong with a package of Debian. The package and the apt-get that has it are our own: no network."""

import errno
import http.server
import os
import sys
import threading
import time

import pytest

from course_utils import assets, sources
from tests.faults.toy_asset import CONTENT, SmallHub, World, sha256
from tests.faults.toy_deb import deb_manifest, write_apt_get, write_deb
from tools import bootstrap

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no apt-get, nor a shell to imitate it")


@pytest.fixture
def debian(tmp_path, monkeypatch):
    """A Debian whose apt-get has the package; `world.log` is what that apt-get was asked."""
    programs = tmp_path / "bin"
    programs.mkdir()
    deb = tmp_path / "toydata_1.0-1_all.deb"
    write_deb(deb)
    world = World(deb, tmp_path / "assets.toml", tmp_path / "cache", write_apt_get(programs, deb))
    world.manifest.write_text(deb_manifest(deb), encoding="utf-8")
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    monkeypatch.setenv("COURSE_CACHE", str(world.cache))
    monkeypatch.delenv("COURSE_OFFLINE", raising=False)
    return world


def without_apt_get(world, monkeypatch):
    (world.log.parent / "apt-get").unlink()
    monkeypatch.setenv("PATH", str(world.log.parent))


def assert_right(world):
    """The asset is there to the last byte, and nothing else is left in the cache."""
    found = {path.relative_to(world.cache / "toy").as_posix() for path in (world.cache / "toy").rglob("*")}
    assert found == {*CONTENT, "deep"}
    assert all((world.cache / "toy" / name).read_bytes() == content for name, content in CONTENT.items())
    assert {path.name for path in world.cache.iterdir()} <= {"toy", ".toy.lock", ".toy.verified.json"}


def assert_nothing_usable(world):
    assert not (world.cache / "toy").exists() and not list(world.cache.glob(".toy.*.partial"))


def test_a_package_of_debian_is_downloaded_once_and_not_installed(debian, capfd):
    assets.path("toy", debian.manifest)
    assert_right(debian)
    assert "toy: 0.0 MB from the Debian archive (toydata=1.0-1) in " in capfd.readouterr().out
    assets.path("toy", debian.manifest)
    assert debian.log.read_text() == "--quiet download toydata=1.0-1\n"


@pytest.mark.fault("package altered on its index")
def test_a_package_with_another_hash_is_not_used_and_both_hashes_are_shown(debian):
    expected = sha256(debian.index.read_bytes())
    debian.index.write_bytes(debian.index.read_bytes() + b"\n")
    with pytest.raises(assets.AssetError) as caught:
        assets.path("toy", debian.manifest)
    assert expected in str(caught.value) and sha256(debian.index.read_bytes()) in str(caught.value)
    assert_nothing_usable(debian)


def test_a_system_without_apt_get_is_told_so(debian, monkeypatch):
    without_apt_get(debian, monkeypatch)
    said = r"Debian archive \(toydata=1\.0-1\): this system has no apt-get; expected Debian or a relative of it"
    with pytest.raises(assets.AssetError, match=said):
        assets.path("toy", debian.manifest)
    assert_nothing_usable(debian)


def test_what_apt_get_leaves_lying_about_is_gone_with_the_rest(debian, monkeypatch):
    told = debian.log.parent / "told"
    say = f'for folder in "$TMPDIR" "$TEMP" "$TMP"; do touch "$folder/rest"; echo "$folder" >> {told}; done'
    write_apt_get(debian.log.parent, debian.index, before=f"{say}; echo $OURS >> {told}")
    monkeypatch.setenv("OURS", "kept")                       # a proxy, say
    assets.path("toy", debian.manifest)
    *folders, ours = told.read_text().splitlines()
    assert len(folders) == 3 and all(folder.startswith(f"{debian.cache}{os.sep}.toy.") for folder in folders)
    assert ours == "kept"
    assert_right(debian)


def test_an_apt_get_that_hangs_is_killed_where_the_reader_stops_waiting(debian, monkeypatch):
    number = debian.log.parent / "number"
    write_apt_get(debian.log.parent, debian.index, before=f"echo $$ > {number}; exec sleep 30")

    def stopped(folder):
        if number.exists() and number.read_text().endswith("\n"):
            raise KeyboardInterrupt
        return 0

    monkeypatch.setattr(sources, "_bytes_in", stopped)       # asked again and again while apt-get runs
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        assets.path("toy", debian.manifest)
    assert time.monotonic() - start < 15
    with pytest.raises(ProcessLookupError):
        os.kill(int(number.read_text()), 0)
    assert_nothing_usable(debian)


def test_what_apt_get_complains_of_is_passed_on_with_what_to_type(debian):
    write_apt_get(debian.log.parent, debian.index, before="echo 'E: Unable to locate package toydata' >&2; exit 100")
    with pytest.raises(assets.AssetError) as caught:
        assets.path("toy", debian.manifest)
    assert "apt-get download failed: E: Unable to locate package toydata" in str(caught.value)
    assert "apt-get update" in str(caught.value)
    assert_nothing_usable(debian)


@pytest.mark.fault("disk full while an asset is written")
def test_a_disk_that_fills_up_under_apt_get_is_recognised(debian):
    write_apt_get(debian.log.parent, debian.index, before=f"echo 'E: {os.strerror(errno.ENOSPC)}'; exit 100")
    with pytest.raises(assets.AssetError, match="No room for the asset 'toy'"):
        assets.path("toy", debian.manifest)
    assert_nothing_usable(debian)


def test_offline_apt_get_is_not_asked(debian, monkeypatch):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    with pytest.raises(assets.AssetError, match="Debian archive .*: not tried, because COURSE_OFFLINE is set"):
        assets.path("toy", debian.manifest)
    assert not debian.log.exists()


def test_a_package_without_data_is_refused():
    with pytest.raises(assets.AssetError, match=r"no data\.tar\.\*; expected a \.deb"):
        sources.data_of(b"!<arch>\n")


# --- the next source, and what stands in ---


@pytest.fixture
def hub(debian, monkeypatch):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), SmallHub)
    server.content = dict(CONTENT)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    debian.manifest.write_text(deb_manifest(debian.index, hub=True), encoding="utf-8")
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_HOME", str(debian.log.parent / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    yield server
    server.shutdown()


def test_where_there_is_no_apt_get_the_hub_is_asked(debian, hub, monkeypatch):
    without_apt_get(debian, monkeypatch)
    out, complaint = debian.start().communicate(timeout=60)
    assert "from the hub (us/toy at 01234567)" in out, complaint
    assert_right(debian)


def test_a_package_that_a_relative_of_debian_built_itself_is_passed_over_for_the_hub(debian, hub):
    debian.index.write_bytes(debian.index.read_bytes() + b"\n")
    out, complaint = debian.start().communicate(timeout=60)
    assert "from the hub (us/toy at 01234567)" in out, complaint
    assert_right(debian)


@pytest.mark.parametrize("stand_in", ["", "digits"])
def test_the_set_up_goes_on_only_without_what_something_can_stand_in_for(debian, monkeypatch, capsys, stand_in):
    debian.manifest.write_text(deb_manifest(debian.index, stand_in=stand_in), encoding="utf-8")
    without_apt_get(debian, monkeypatch)
    assert assets.main(["toy", "--stand-ins"], debian.manifest) == (0 if stand_in else 1)
    out, complaint = capsys.readouterr()
    if stand_in:
        assert out.startswith("toy: digits stands in for it, because The asset 'toy' is not to be had.")
        assert out.count("\n") == 1 and "no apt-get" in out and complaint == ""
    else:
        assert out == "" and "no apt-get" in complaint


def test_who_asks_for_the_asset_itself_is_told_that_it_failed(debian, monkeypatch, capsys):
    debian.manifest.write_text(deb_manifest(debian.index, stand_in="digits"), encoding="utf-8")
    without_apt_get(debian, monkeypatch)
    assert assets.main(["toy"], debian.manifest) == 1
    assert "no apt-get" in capsys.readouterr().err


def test_a_stand_in_is_not_spoken_of_where_the_asset_is_to_be_had(debian, capsys):
    debian.manifest.write_text(deb_manifest(debian.index, stand_in="digits"), encoding="utf-8")
    assert assets.main(["toy", "--stand-ins"], debian.manifest) == 0
    assert "stands in" not in capsys.readouterr().out
    assert_right(debian)


@pytest.mark.fault("network gone before a download")
def test_without_apt_get_and_without_a_hub_the_set_up_goes_on_with_one_line(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("COURSE_OFFLINE", "0")
    monkeypatch.setenv("PATH", str(tmp_path))                # no apt-get
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # the discard port: nobody listens
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    start = time.monotonic()
    bootstrap.fetch_assets(sys.executable, ["fashion_mnist"])
    assert time.monotonic() - start < 15                     # the hub's client alone tries for 23 seconds
    said = [line for line in capfd.readouterr().out.splitlines() if line]
    assert len(said) == 1 and said[0].startswith("fashion_mnist: digits stands in for it, because")
    assert "no apt-get" in said[0] and "zalando-datasets/fashion_mnist" in said[0]
