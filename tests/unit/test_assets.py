"""The manifest, the readers, the cards, and what a lesson sees when the assets are there."""

import csv
import dataclasses
import hashlib
import io
import json
import re
import shutil
import tarfile

import pyarrow
import pyarrow.parquet
import pytest
import torch

from course_utils import assets, unpack
from course_utils.sources import AssetError, Debian, Hub, Package
from tools import data_cards

ALL = assets.load_manifest()


def test_the_manifest_lists_the_assets_of_the_first_lessons():
    assert {"sotu", "wiki", "names", "smollm2"} <= set(assets.names())


@pytest.mark.parametrize("asset", ALL.values(), ids=ALL)
def test_every_entry_says_whose_it_is_and_what_its_files_must_be(asset):
    assert all(getattr(asset, field) for field in ("title", "author", "licence", "homepage", "citation"))
    assert asset.reader in assets.READERS
    assert asset.sources and isinstance(asset.sources[0], Package | Debian)
    assert re.fullmatch("[0-9a-f]{64}", asset.sources[0].sha256) and asset.sources[0].bytes > 0
    assert asset.files and all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in asset.files.values())
    assert all(re.fullmatch("[0-9a-f]{40}", hub.revision) for hub in asset.sources if isinstance(hub, Hub))


def test_an_unknown_name_is_answered_with_the_nearest_and_the_list():
    with pytest.raises(AssetError, match=r"'smolm'.*Did you mean 'smollm2'\?.*sotu, wiki, names, smollm2"):
        assets.path("smolm")
    with pytest.raises(AssetError, match="The assets are: sotu"):
        assets.is_present("zzz")
    with pytest.raises(AssetError, match="'sotus'"):
        assets.fetch(["sotus"])


def test_an_entry_without_files_is_refused_rather_than_believed(tmp_path):
    text = assets.MANIFEST.read_text(encoding="utf-8")
    manifest = tmp_path / "assets.toml"
    manifest.write_text(re.sub(r"\n\[names\.files\]\n[^\[]*", "\n", text), encoding="utf-8")
    with pytest.raises(AssetError, match="--pin names"):
        assets.path("names", manifest)


def test_an_empty_cache_has_nothing_present(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "nowhere"))
    assert not any(assets.is_present(name) for name in assets.names())
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("", False), ("0", False), (None, False)])
def test_offline_follows_the_environment(monkeypatch, value, expected):
    monkeypatch.delenv("COURSE_OFFLINE", raising=False)
    if value is not None:
        monkeypatch.setenv("COURSE_OFFLINE", value)
    assert assets.offline() is expected


def test_the_command_line_lists_all_and_fails_on_an_unknown_name(capsys):
    assert assets.main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(re.search(rf"^{name} +(present|absent)", listed, re.MULTILINE) for name in assets.names())
    assert assets.main(["nams"]) == 1
    assert "Did you mean 'names'?" in capsys.readouterr().err


def test_the_room_that_is_asked_for_holds_the_download_what_is_read_from_it_and_what_is_made():
    smollm2 = ALL["smollm2"]
    packed = next(source.bytes for source in smollm2.sources if isinstance(source, Hub))
    assert smollm2.bytes_to_build >= 0.98 * (smollm2.sources[0].bytes + packed + smollm2.bytes)


# --- readers ---


def test_names_are_summed_over_years_and_sexes_and_sorted(tmp_path):
    rows = {"name": ["Zoe", "Ann", "Zoe", "José", "Mary Ann"], "n": [5, 7, 6, 9, 8], "year": [1880.0] * 5}
    pyarrow.parquet.write_table(pyarrow.table(rows), tmp_path / "babynames.parquet")
    unpack.names(tmp_path, tmp_path)
    assert (tmp_path / "names.csv").read_bytes() == b"name,births\nann,7\nzoe,11\n"


def test_copy_keeps_folders_and_bytes(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "deep").mkdir(parents=True)
    target.mkdir()
    (source / "deep" / "file.txt").write_bytes(b"line\r\n\xff")
    unpack.copy(source, target)
    assert (target / "deep" / "file.txt").read_bytes() == b"line\r\n\xff"


def write_hutto(path, members):
    with tarfile.open(path / "hutto_ICWSM_2014.tar.gz", "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(f"hutto_ICWSM_2014/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def test_ratings_of_films_and_products_are_taken_out_of_the_inner_archive_and_nothing_else(tmp_path):
    target = tmp_path / "made"
    target.mkdir()
    movies, products = b"1\t2.5\tgood\r\n", b"1_1\t-2\tbad\r\n"
    members = {"movieReviewSnippets_GroundTruth.txt": movies, "amazonReviewSnippets_GroundTruth.txt": products}
    write_hutto(tmp_path, {**members, "tweets_GroundTruth.txt": b"x", "../../outside.txt": b"x"})
    unpack.ratings(tmp_path, target)
    assert {file.name: file.read_bytes() for file in target.iterdir()} == {
        "movies.txt": movies,
        "products.txt": products,
    }
    assert not (tmp_path.parent / "outside.txt").exists() and len(list(tmp_path.iterdir())) == 2


def test_an_inner_archive_without_the_products_stops_the_reader(tmp_path):
    write_hutto(tmp_path, {"movieReviewSnippets_GroundTruth.txt": b"1\t2.5\tgood\r\n"})
    with pytest.raises(KeyError, match="amazonReviewSnippets"):
        unpack.ratings(tmp_path, tmp_path)


def test_rotary_pairs_of_neighbours_become_pairs_of_halves():
    neighbours = torch.tensor([[0.0], [10.0], [1.0], [11.0], [2.0], [12.0], [3.0], [13.0]])  # two heads of K = 4
    expected = [0.0, 1.0, 10.0, 11.0, 2.0, 3.0, 12.0, 13.0]
    assert unpack._undo_rotary_order(neighbours, heads=2).flatten().tolist() == expected


@pytest.mark.parametrize(
    ("packed", "expected"),
    [
        ("blk.12.ffn_down.weight", "model.layers.12.mlp.down_proj.weight"),
        ("blk.0.attn_q.weight", "model.layers.0.self_attn.q_proj.weight"),
        ("token_embd.weight", "model.embed_tokens.weight"),
        ("output_norm.weight", "model.norm.weight"),
    ],
)
def test_tensors_get_the_names_that_transformers_knows(packed, expected):
    assert unpack._transformers_name(packed) == expected


def test_a_tensor_nobody_knows_stops_the_reader():
    with pytest.raises(KeyError):
        unpack._transformers_name("blk.0.attn_sinks.weight")


# --- cards ---


def test_the_committed_cards_are_what_the_manifest_and_the_prose_make():
    assert data_cards.README.read_text(encoding="utf-8") == data_cards.cards(), "type `python -m tools.data_cards`"


def test_a_card_shows_licence_citation_source_and_the_hash_of_each_file():
    text = data_cards.card(ALL["smollm2"], data_cards.CARDS)
    smollm2 = ALL["smollm2"]
    shown = [smollm2.licence, smollm2.citation, *(source.bytes for source in smollm2.sources)]
    assert all(f"{item:,}" in text if isinstance(item, int) else item in text for item in shown)
    assert all(file.sha256 in text for file in smollm2.files.values())
    assert all(f"### {heading}" in text for heading in ("What it is", "How it is split", "Known flaws", "Files"))


def test_pinning_replaces_the_table_of_files(tmp_path, monkeypatch):
    manifest = tmp_path / "assets.toml"
    text = assets.MANIFEST.read_text(encoding="utf-8")
    manifest.write_text(text.replace(ALL["names"].files["names.csv"].sha256, "0" * 64), encoding="utf-8")
    monkeypatch.setattr(Package, "read", lambda self, work: assets.path("names"))
    monkeypatch.setitem(assets.READERS, "names", lambda source, made: shutil.copy(source / "names.csv", made))
    data_cards.pin("names", manifest)
    assert assets.load_manifest(manifest)["names"] == ALL["names"]
    assert set(assets.load_manifest(manifest)) == set(ALL)


# --- the real assets ---


def test_present_assets_are_neither_hashed_again_nor_talked_about(monkeypatch, capfd):
    for name in ("sotu", "wiki", "names"):
        assets.path(name)
    capfd.readouterr()
    monkeypatch.setattr(assets.pooch, "file_hash", lambda *_: pytest.fail("hashed again"))
    folders = [assets.path(name) for name in ("sotu", "wiki", "names")]
    assert [folder.name for folder in folders] == ["sotu", "wiki", "names"]
    assert capfd.readouterr() == ("", "")


def test_each_address_has_the_hash_that_its_collectors_give_it():
    folder = assets.path("sotu")
    with open(folder / "metadata.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 249 == len(list((folder / "speeches").iterdir()))
    for row in rows:
        text = (folder / "speeches" / f"{row['fileid']}.txt").read_bytes()
        assert hashlib.sha256(text).hexdigest() == row["sha256"]


def test_the_card_of_the_addresses_gives_the_true_size_of_each_split():
    folder = assets.path("sotu")
    with open(folder / "metadata.csv", encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: (row["date"], row["fileid"]))
    words = [len((folder / "speeches" / f"{row['fileid']}.txt").read_text(encoding="utf-8").split()) for row in rows]
    test, validation = words[9::10], words[8::10]
    text = (data_cards.CARDS / "sotu.md").read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("| by tenths"))
    train = sum(words) - sum(test) - sum(validation)
    assert f"200 addresses, {train:,} words | 25, {sum(validation):,} | 24, {sum(test):,} |" in row


def test_the_card_of_wikipedia_gives_the_true_size_of_each_file():
    text = (data_cards.CARDS / "wiki.md").read_text(encoding="utf-8")
    for file in sorted(assets.path("wiki").glob("*.json")):
        articles = json.loads(file.read_text(encoding="utf-8"))
        letters = sum(len(article["extract"]) for article in articles.values())
        assert f"`{file.name}` | {len(articles):,} | {letters:,} |" in text
        assert all(set(article) == {"title", "extract", "description", "topic"} for article in articles.values())


def test_names_are_what_their_card_says():
    with open(assets.path("names") / "names.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = [row["name"] for row in rows]
    assert len(found) == 97_310 and found == sorted(set(found))
    assert all(re.fullmatch("[a-z]{2,15}", name) for name in found)
    assert sum(int(row["births"]) for row in rows) == 348_120_517


def test_a_manifest_entry_cannot_be_changed_by_accident():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ALL["sotu"].licence = "mine"
