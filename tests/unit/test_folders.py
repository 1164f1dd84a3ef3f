"""A folder comes back as it was saved, or the error names what is wrong with it; a cut-off save loses nothing."""

import json
import shutil
from pathlib import Path

import pytest

from course_utils.folders import MANIFEST, FolderError, Layout, save_folder, verified

LAYOUT = Layout("two letters", 1, frozenset({"a.txt"}), frozenset({"b.txt"}))


def read(folder: Path) -> str:
    return "".join((folder / name).read_text() for name in sorted(verified(folder, LAYOUT)))


def save(folder: Path, a: str = "one ", b: str = "two", replace: bool = False) -> None:
    def write(partial: Path) -> None:
        (partial / "a.txt").write_text(a)
        (partial / "b.txt").write_text(b)

    save_folder(folder, LAYOUT, write, read, replace)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def change_manifest(folder: Path, **changes) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | changes))


def test_what_is_saved_comes_back_and_nothing_is_left_beside_it(tmp_path):
    save(tmp_path / "new" / "mine")
    assert read(tmp_path / "new" / "mine") == "one two"
    assert names_in(tmp_path / "new") == ["mine"]
    assert names_in(tmp_path / "new" / "mine") == ["a.txt", "b.txt", MANIFEST]


def test_the_manifest_holds_the_sha256_that_other_tools_find(tmp_path):
    save(tmp_path / "mine", a="abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"         # NIST's example for SHA-256
    manifest = json.loads((tmp_path / "mine" / MANIFEST).read_text())
    assert manifest["files"]["a.txt"] == {"bytes": 3, "sha256": known}


def test_a_folder_is_replaced_only_on_demand_and_only_by_its_like(tmp_path):
    save(tmp_path / "mine")
    with pytest.raises(FolderError, match="mine is there already"):
        save(tmp_path / "mine", a="three ")
    assert read(tmp_path / "mine") == "one two"
    save(tmp_path / "mine", a="three ", replace=True)
    assert read(tmp_path / "mine") == "three two" and names_in(tmp_path) == ["mine"]
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("not to be lost")
    with pytest.raises(FolderError, match="not ours to replace"):
        save(tmp_path / "letters", replace=True)
    assert names_in(tmp_path / "letters") == ["dear.txt"]


# --- damage


def test_one_changed_byte_is_found_and_named(tmp_path):
    save(tmp_path / "mine")
    (tmp_path / "mine" / "b.txt").write_text("twO")
    with pytest.raises(FolderError, match=r"b\.txt in mine/ was changed or damaged"):
        read(tmp_path / "mine")


def test_a_missing_file_is_named_and_a_stranger_does_not_count(tmp_path):
    save(tmp_path / "mine")
    (tmp_path / "mine" / "notes.txt").write_text("a note of the reader")
    assert read(tmp_path / "mine") == "one two"
    (tmp_path / "mine" / "a.txt").unlink()
    with pytest.raises(FolderError, match=r"a\.txt is missing from mine/; restore it"):
        read(tmp_path / "mine")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"version": 2}, "version 2, this course reads 1"),
        ({"version": None}, "version None"),
        ({"format": "three letters"}, "says 'three letters'; expected 'two letters'"),
        ({"files": {}}, r"does not name a\.txt"),
        ({"files": {"a.txt": {}, "../../secret": {}}}, r"names \.\./\.\./secret, unknown here"),
        ({"files": ["a.txt"]}, "manifest.json in mine/ is not as this course writes it"),
        ({"files": {"a.txt": None}}, r"a\.txt in mine/ was changed or damaged: expected None"),
    ],
)
def test_a_manifest_of_something_else_is_refused(tmp_path, changes, says):
    save(tmp_path / "mine")
    change_manifest(tmp_path / "mine", **changes)
    with pytest.raises(FolderError, match=says):
        read(tmp_path / "mine")


@pytest.mark.parametrize("text", ["{", "[]", "7", ""])
def test_a_damaged_manifest_is_refused(tmp_path, text):
    save(tmp_path / "mine")
    (tmp_path / "mine" / MANIFEST).write_text(text)
    with pytest.raises(FolderError, match=r"manifest\.json in mine/ is not as this course writes it"):
        read(tmp_path / "mine")


# --- cut off


def test_a_save_that_fails_leaves_the_last_whole_folder_and_no_rubbish(tmp_path):
    save(tmp_path / "mine")

    def write(partial: Path) -> None:
        (partial / "a.txt").write_text("half")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        save_folder(tmp_path / "mine", LAYOUT, write, read, replace=True)
    assert read(tmp_path / "mine") == "one two" and names_in(tmp_path) == ["mine"]


def test_what_cannot_be_read_back_is_not_put_in_place(tmp_path):
    with pytest.raises(FolderError, match=r"does not name a\.txt"):
        save_folder(tmp_path / "mine", LAYOUT, lambda partial: (partial / "b.txt").write_text("alone"), read)
    assert names_in(tmp_path) == []


def test_a_half_written_folder_is_not_read_and_does_not_stop_the_next_save(tmp_path):
    half = tmp_path / ".mine.partial"                              # as a killed process leaves it
    half.mkdir()
    (half / "a.txt").write_text("one ")
    with pytest.raises(FolderError, match=r"holds no manifest\.json: half written"):
        read(half)
    with pytest.raises(FolderError, match="There is no folder mine; check the path"):
        read(tmp_path / "mine")
    save(tmp_path / "mine")
    assert read(tmp_path / "mine") == "one two" and names_in(tmp_path) == ["mine"]


def test_a_save_killed_between_its_two_renames_says_where_the_last_folder_is(tmp_path):
    save(tmp_path / "mine")
    (tmp_path / "mine").rename(tmp_path / ".mine.before")
    with pytest.raises(FolderError, match=r"rename \.mine\.before to mine"):
        read(tmp_path / "mine")
    save(tmp_path / "mine", a="three ")
    assert read(tmp_path / "mine") == "three two" and names_in(tmp_path) == ["mine"]


def test_where_the_last_rename_fails_the_old_folder_is_put_back(tmp_path, monkeypatch):
    save(tmp_path / "mine")
    rename = Path.rename

    def failing(path: Path, target: Path) -> Path:
        if path.name == ".mine.partial":
            raise OSError("not now")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="not now"):
        save(tmp_path / "mine", a="three ", replace=True)
    assert read(tmp_path / "mine") == "one two" and names_in(tmp_path) == ["mine"]


def test_a_copied_folder_is_as_good_as_the_first(tmp_path):
    save(tmp_path / "mine")
    shutil.copytree(tmp_path / "mine", tmp_path / "yours")
    assert read(tmp_path / "yours") == "one two"
