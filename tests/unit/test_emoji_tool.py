"""How the file of emoji is made, from a package of three pictures that is made here."""

import hashlib
import io
import json
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from course_utils.errors import CourseError
from course_utils.images import corpora
from tools import emoji

NOTHING, RED, GREEN = (0, 0, 0, 0), (255, 0, 0, 255), (0, 255, 0, 255)


def entry(name: str, image: str, order: int, category: str = "Food & Drink", drawn: bool = True) -> dict:
    """An emoji as emoji.json describes it, beside a field that nobody reads."""
    return {
        "name": name, "short_name": name.lower().replace(" ", "-") + "_x", "image": image, "sort_order": order,
        "category": category, "has_img_google": drawn, "unified": "1F32D",
    }  # fmt: skip


ENTRIES = [
    entry("HOT DOG", "b.png", order=20),
    entry("FLAG_OF NOWHERE", "c.png", order=1, category="Flags"),
    entry("KISS", "a.png", order=10, category="Animals & Nature"),
    entry("NOT DRAWN", "none.png", order=5, drawn=False),
]


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


def flat(colour: tuple[int, ...]) -> np.ndarray:
    return np.full((64, 64, 4), colour, np.uint8)


@pytest.fixture
def package() -> bytes:
    """A package with a red, a green and an empty picture, some of them elsewhere too, and a folder as a member."""
    files = {
        "package/emoji.json": json.dumps(ENTRIES).encode(),
        "package/img/google/64/a.png": png(flat(RED)),
        "package/img/google/64/b.png": png(flat(GREEN)),
        "package/img/google/64/c.png": png(flat(NOTHING)),
        "package/img/google/sheets/64.png": b"no picture",
    }
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        folder = tarfile.TarInfo("package/img/google/64/")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def test_what_is_drawn_and_no_flag_is_kept_in_the_order_of_unicode(package):
    arrays = emoji.arrays_of(package)
    assert arrays["names"].tolist() == ["kiss", "hot dog"]
    assert arrays["short_names"].tolist() == ["kiss x", "hot dog x"]
    assert arrays["categories"].tolist() == ["Animals & Nature", "Food & Drink"] and arrays["labels"].tolist() == [0, 1]
    assert arrays["images"].shape == (2, 32, 32, 4) and arrays["images"].dtype == np.uint8
    assert arrays["images"][:, 5, 7].tolist() == [list(RED), list(GREEN)]


def test_a_pixel_is_the_mean_of_two_by_two_by_opacity_and_what_is_not_seen_is_zero():
    pixels = flat((255, 0, 255, 0))                                        # purple, but nothing of it is seen
    pixels[0, 0], pixels[0, 1] = RED, (0, 0, 0, 255)                       # red and black, and two unseen below
    pixels[2:4, 2:4] = RED
    pixels[2, 2] = (0, 255, 0, 0)                                          # an unseen green leaves the red as it is
    found = emoji.reduced(png(pixels))
    assert np.abs(found[0, 0].astype(int) - (128, 0, 0, 128)).max() <= 1
    assert np.abs(found[1, 1].astype(int) - (255, 0, 0, 191)).max() <= 1
    assert found[2:].sum() == 0


def test_pictures_with_a_palette_are_read_too():
    palette = Image.fromarray(flat(RED)).convert("RGB").quantize(4)
    stream = io.BytesIO()
    palette.save(stream, format="PNG")
    assert (emoji.reduced(stream.getvalue()) == RED).all()


def test_what_is_made_is_what_the_corpus_reads(package, tmp_path, monkeypatch, capsys):
    archive, made = tmp_path / "e.tgz", tmp_path / "emoji.npz"
    archive.write_bytes(package)
    monkeypatch.setattr(emoji, "SHA256", hashlib.sha256(package).hexdigest())
    monkeypatch.setattr(emoji, "EMOJI", made)
    assert emoji.main(["--tgz", str(archive)]) == 0
    printed = capsys.readouterr().out.split()
    corpus = corpora.read_emoji(made, printed[-1])
    names = corpus.train.names + corpus.validation.names + corpus.test.names
    assert set(names) == {"kiss", "hot dog"} and "2 emoji" in " ".join(printed)
    with zipfile.ZipFile(made) as parts:                                   # no time of day: the same bytes tomorrow
        assert {part.date_time for part in parts.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_another_package_is_refused_and_nothing_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(emoji, "EMOJI", tmp_path / "emoji.npz")
    (tmp_path / "e.tgz").write_bytes(b"something else")
    assert emoji.main(["--tgz", str(tmp_path / "e.tgz")]) == 1
    said = capsys.readouterr().err
    assert hashlib.sha256(b"something else").hexdigest() in said and emoji.SHA256 in said
    assert not (tmp_path / "emoji.npz").exists()


def test_without_npm_what_was_expected_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CourseError, match=r"npm pack emoji-datasource-google@16\.0\.0 failed .*; expected npm"):
        emoji.download(tmp_path)


def test_the_notice_is_in_the_file_that_is_shipped():
    with np.load(corpora.EMOJI) as arrays:
        assert str(arrays["notice"]) == emoji.NOTICE and "Apache" in emoji.NOTICE and "MIT" in emoji.NOTICE
    assert "Apache License" in (corpora.EMOJI.parent / "emoji.LICENSE.txt").read_text(encoding="utf-8")
