"""What is compared of the hub client's cache, and the stamps that spare a second look; tests/faults/ has the hub."""

import errno
import os

import pytest

from course_utils import hub, stamps

CONTENT = b"weights"
SHA256 = "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"
OF_GIT = "3ab313fff6f41bb35969cd359e9ddfb8033b3ac2"                # what `git hash-object` says


@pytest.fixture(params=[SHA256, OF_GIT], ids=["sha256", "of Git"])
def file(tmp_path, request):
    """A file as the hub's client keeps it: a name that leads to a content, which lies under its own hash."""
    for folder in ("blobs", "snapshots"):
        (tmp_path / folder).mkdir()
    (tmp_path / "blobs" / request.param).write_bytes(CONTENT)
    link = tmp_path / "snapshots" / "model.safetensors"
    link.symlink_to(tmp_path / "blobs" / request.param)
    return link


def test_a_right_file_stays_and_a_wrong_one_goes_with_its_content(file):
    assert hub.remove_if_wrong(file) is None and file.read_bytes() == CONTENT
    etag = file.resolve().name
    file.resolve().write_bytes(CONTENT + b"?")
    said = hub.remove_if_wrong(file)
    assert said.startswith(f"the wrong hash (expected {etag[:12]}…, got ") and etag[:12] not in said.partition("got")[2]
    assert not file.is_symlink() and not os.listdir(file.parent.parent / "blobs")


def test_what_was_right_and_has_neither_another_size_nor_another_time_is_not_read_again(file):
    assert hub.remove_if_wrong(file) is None
    before = file.stat()
    file.resolve().write_bytes(b"WEIGHTS")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert hub.remove_if_wrong(file) is None
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert hub.remove_if_wrong(file)


def test_a_file_is_compared_with_the_hash_that_the_hub_gave_and_without_any_it_is_not_judged(tmp_path):
    copy = tmp_path / "model.safetensors"                          # a system without links keeps the content itself
    copy.write_bytes(CONTENT)
    assert hub.remove_if_wrong(copy) is None and hub.remove_if_wrong(copy, OF_GIT) is None
    assert hub.remove_if_wrong(copy, SHA256[::-1]) and not copy.exists()


def test_what_another_process_removed_meanwhile_is_said_to_be_gone(file):
    file.resolve().unlink()
    assert hub.remove_if_wrong(file) == "no content: another process has removed it"


def test_only_halves_of_what_is_whole_by_now_are_removed(file):
    blob = file.resolve()
    mine, others = (blob.with_name(f"{name}.1a2b3c4d.incomplete") for name in (blob.name, "f" * 64))
    for half in (mine, others):
        half.write_bytes(b"wei")
    hub.remove_halves(file)
    assert not mine.exists() and others.exists() and blob.exists()


def test_a_stamp_is_read_as_it_was_written_and_a_broken_one_as_nothing(tmp_path):
    path = tmp_path / ".toy.verified.json"
    (tmp_path / ".toy.verified.json.x1").write_text("of a killed writer")
    stamps.write(path, {"one.txt": [3, 4]})
    assert stamps.read(path) == {"one.txt": [3, 4]} and os.listdir(tmp_path) == [path.name]
    for broken in ("", "{", "[]"):
        path.write_text(broken)
        assert stamps.read(path) == {}


def test_a_stamp_that_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / ".toy.verified.json"
    stamps.write(path, {"one.txt": [3, 4]})

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        stamps.write(path, {})
    assert stamps.read(path) == {"one.txt": [3, 4]} and os.listdir(tmp_path) == [path.name]
