"""The shipped Spanish–English pairs: how they are cleaned and split, and that no part has read another."""

import lzma
import statistics

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.text.batches import END, NO_TARGET, PAD, START
from course_utils.text.parallel import (
    ES_EN,
    ES_EN_BPE_SIZE,
    PARTS,
    Pair,
    load_es_en,
    load_es_en_bpe,
    normalised,
    read_pairs,
    sentence_ids,
    source_ids,
    train_es_en_bpe,
    translation_batches,
)
from course_utils.text.splits import part_by_hash
from tools import es_en
from tools.data_cards import CARDS

DOMAINS = ("help", "bible")
LARGEST = 2_500_000


@pytest.fixture(scope="module")
def pairs():
    return load_es_en()


def of(part, domain) -> list[Pair]:
    return [pair for pair in part if pair.domain == domain]


def card() -> str:
    return " ".join((CARDS / "es_en.md").read_text(encoding="utf-8").split())


# --- the shipped file


def test_the_file_is_small_and_carries_its_notice():
    assert ES_EN.stat().st_size <= LARGEST
    text = lzma.decompress(ES_EN.read_bytes()).decode()
    assert text.startswith(es_en.NOTICE) and "https://mozilla.org/MPL/2.0/" in es_en.NOTICE


def test_no_sentence_of_either_language_is_in_two_parts_even_with_other_digits_and_marks(pairs):
    for side in ("spanish", "english"):
        sets = [{normalised(getattr(pair, side)) for pair in getattr(pairs, part)} for part in PARTS]
        assert not sets[0] & sets[1] and not sets[0] & sets[2] and not sets[1] & sets[2]
        assert "" not in set.union(*sets)


def test_no_pair_is_there_twice_and_each_is_as_clean_as_the_card_says(pairs):
    everything = [*pairs.train, *pairs.validation, *pairs.test]
    assert len({(normalised(pair.spanish), normalised(pair.english)) for pair in everything}) == len(everything)
    assert all(es_en.is_clean(pair.spanish, pair.english) for pair in everything)


def test_each_pair_is_in_the_part_that_the_hash_of_its_english_gives(pairs):
    for part in PARTS:
        assert {part_by_hash(normalised(pair.english), 1, 3) for pair in getattr(pairs, part)} == {part}


def test_the_card_gives_the_true_sizes_and_medians(pairs):
    for domain in DOMAINS:
        sizes = " | ".join(f"{len(of(getattr(pairs, part), domain)):,}" for part in PARTS)
        train = of(pairs.train, domain)
        words = [statistics.median(len(getattr(p, side).split()) for p in train) for side in ("spanish", "english")]
        assert f"| {domain} | {sizes} | {words[0]:g}, {words[1]:g} |" in card()


def test_the_card_says_how_many_runs_of_five_words_are_shared_with_the_training_part(pairs):
    shares = []
    for domain in DOMAINS:
        read = {run for pair in pairs.train for run in runs(pair.english)}
        asked = [run for pair in of(pairs.test, domain) for run in runs(pair.english)]
        shares.append(100 * sum(run in read for run in asked) / len(asked))
    assert f"{shares[0]:.0f} % (help) and {shares[1]:.0f} % (bible) also stand" in card()


def runs(sentence: str) -> list[tuple[str, ...]]:
    words = normalised(sentence).split()
    return list(zip(*(words[i:] for i in range(5)), strict=False))


def test_the_card_says_how_rare_everyday_words_are(pairs):
    words = [word for pair in pairs.train for word in normalised(pair.spanish).split()]
    assert [words.count(word) for word in ("perro", "interesante", "curso")] == [8, 1, 1]
    assert "`perro`, `interesante` and `curso` occur 8 times, once and once" in card()


def test_the_card_names_the_packages_that_the_tool_reads():
    for package in es_en.PACKAGES:
        assert f"| `{package.name}` | `{package.version}` | `{package.sha256}` |" in card()


def test_another_file_than_that_of_the_course_is_refused(tmp_path):
    path = tmp_path / "es_en.tsv.xz"
    path.write_bytes(lzma.compress(b"train\thelp\tHola\tHello\n"))
    with pytest.raises(CourseError, match="has sha256 [0-9a-f]{64}; expected 0000"):
        read_pairs(path, "0000")


@pytest.mark.parametrize("contents", [None, b"no xz", "cut"])
def test_a_missing_or_damaged_file_is_named(tmp_path, contents):
    path = tmp_path / "es_en.tsv.xz"
    if contents is not None:
        path.write_bytes(ES_EN.read_bytes()[:5000] if contents == "cut" else contents)
    with pytest.raises(CourseError, match=r"es_en.tsv.xz cannot be read .*take it from the repository"):
        read_pairs(path, "0000")


# --- how it is made


def test_near_copies_are_the_same_when_normalised():
    assert normalised("Click  OK (2).") == normalised("click ok, 13!") == "click ok"
    assert normalised("¿Qué año?") == "qué año" and normalised("12 + 3_4") == ""


def test_a_paragraph_is_cut_where_both_sides_have_as_many_sentences():
    whole = ("Pulse  Abrir. ¿Listo? Bien.", "Click Open. Ready? Good.")
    cut = [("Pulse Abrir.", "Click Open."), ("¿Listo?", "Ready?"), ("Bien.", "Good.")]
    assert list(es_en.sentences([whole])) == cut
    uneven = ("Pulse Abrir. Bien.", "Click Open, and that is all.")
    assert list(es_en.sentences([uneven])) == [uneven]


@pytest.mark.parametrize(
    ("spanish", "english"),
    [
        ("Hola", "Hello there"),
        pytest.param("el " * 40, "the " * 25, id="a word again and again"),
        ("dos palabras", "far more words than that on this side"),
        ("Writer Calc", "Writer Calc"),
        ("Vea https://a.b ahora", "See https://a.b now"),
        ("x = 1 aquí", "x = 1 here"),
        ("1 2 3", "1 2 4"),
    ],
)
def test_what_is_no_prose_is_not_clean(spanish, english):
    assert not es_en.is_clean(spanish, english)
    assert es_en.is_clean("La casa blanca", "The white house")


def test_of_near_copies_the_first_is_kept():
    pairs = [("Fila 1", "Row 1"), ("fila 2", "Row 2."), ("Fila 1", "Line 1")]
    assert es_en.distinct(pairs) == [pairs[0], pairs[2]]


def test_a_pair_whose_spanish_is_held_out_elsewhere_is_left_out():
    by_part = {part_by_hash(normalised(english), 1, 3): english for english in (f"row {'x' * n}" for n in range(400))}
    assert set(by_part) == set(PARTS)
    made = es_en.split(("help", "La misma", by_part[part]) for part in PARTS)
    assert made == [Pair("test", "help", "La misma", by_part["test"])]
    alone = es_en.split([("help", "Una", by_part["train"]), ("help", "Otra", by_part["validation"])])
    assert [pair.part for pair in alone] == ["train", "validation"]


def test_paragraphs_of_a_help_page_are_found_by_id_without_their_tags(tmp_path):
    page = tmp_path / "usr/share/libreoffice/help"
    for language, text in (("es", "A&amp;B <b>aquí</b>"), ("en-US", "A&amp;B here")):
        (page / language).mkdir(parents=True)
        body = f'<h1 id="hd_id1">{text}</h1><p class="x" id="par_id2">{text}</p><p id="other">no</p>'
        (page / language / "a.html").write_text(body, encoding="utf-8")
    (page / "es" / "only_here.html").write_text('<p id="par_id3">nada</p>', encoding="utf-8")
    assert list(es_en.help_pairs(tmp_path)) == [("A&B aquí", "A&B here")] * 2


def test_a_verse_loses_its_notes_and_numbers_and_keeps_its_words_apart():
    verse = '<w lemma="G1">os</w><transChange type="added">lo</transChange><w>hubiera</w>: <note n="1">No.</note>voy'
    assert es_en.without_marks(verse) == "os lo hubiera: voy"


def test_a_package_that_is_not_as_pinned_is_refused(tmp_path):
    with pytest.raises(CourseError, match="libreoffice-help-es .* no file; expected 9128"):
        es_en.unpack(tmp_path, tmp_path / "out")
    (tmp_path / "libreoffice-help-es_1_all.deb").write_bytes(b"!<arch>\n")
    with pytest.raises(CourseError, match="has sha256 [0-9a-f]{64}; expected 9128"):
        es_en.unpack(tmp_path, tmp_path / "out")


def test_the_data_of_a_package_are_found_among_its_members():
    def member(name: str, contents: bytes) -> bytes:
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(contents):<10}`\n"
        return header.encode() + contents + b"\n" * (len(contents) % 2)

    deb = b"!<arch>\n" + member("debian-binary", b"2.0") + member("data.tar.xz", b"the data")
    assert es_en.data_of(deb) == b"the data"
    with pytest.raises(CourseError, match=r"no data.tar.\*; expected a .deb"):
        es_en.data_of(deb[: 8 + 60 + 4])


# --- tokens and batches


@pytest.mark.slow
def test_the_shipped_vocabulary_is_learned_from_the_training_pairs():
    assert train_es_en_bpe().merges == load_es_en_bpe().merges


def test_every_sentence_can_be_read_back_and_no_id_pads_starts_or_ends(pairs):
    vocabulary = load_es_en_bpe()
    assert len(vocabulary) == ES_EN_BPE_SIZE
    for pair in [*pairs.validation, *pairs.test]:
        for sentence in (pair.spanish, pair.english):
            ids = sentence_ids(sentence)
            assert vocabulary.decode(ids) == sentence and min(ids) > END


def test_sentences_of_other_scripts_can_be_written_too():
    assert load_es_en_bpe().decode(sentence_ids("¿日本語? 🙂")) == "¿日本語? 🙂"


def test_a_blank_sentence_and_one_that_holds_a_sign_of_ours_are_refused():
    for blank in ("", " \n"):
        with pytest.raises(CourseError, match="The sentence is blank"):
            sentence_ids(blank)
    for sign in "\x00\x01\x02":
        with pytest.raises(CourseError, match=f"control character U.000{ord(sign)}, .* remove"):
            source_ids([f"Hola{sign}."])


def test_sources_end_with_the_end_and_are_padded_to_the_longest():
    short, long = sentence_ids("Sí."), sentence_ids("La casa blanca está cerca.")
    rows = source_ids(["Sí.", "La casa blanca está cerca."])
    assert rows.tolist() == [[*short, END, *[PAD] * (len(long) - len(short))], [*long, END]]


def test_an_epoch_of_batches_holds_every_pair_once_with_inputs_one_place_late(pairs):
    some = pairs.validation[:70]
    batches = translation_batches(some, 16, seed=1)
    found = []
    for step in range(batches.steps_per_epoch):
        source, inputs, targets = batches(step)
        assert (inputs[:, 0] == START).all() and torch.equal(inputs[:, 1:][inputs[:, 1:] != PAD], unended(targets))
        for spanish, english in zip(source, targets, strict=True):
            found.append((text_of(spanish), text_of(english[english != NO_TARGET])))
    assert sorted(found) == sorted((pair.spanish, pair.english) for pair in some)
    assert all(torch.equal(a, b) for a, b in zip(batches(3), translation_batches(some, 16, seed=1)(3), strict=True))


def unended(targets: torch.Tensor) -> torch.Tensor:
    return targets[(targets != NO_TARGET) & (targets != END)]


def text_of(ids: torch.Tensor) -> str:
    ids = ids.tolist()
    return load_es_en_bpe().decode(ids[: ids.index(END)])


def test_batches_of_no_pairs_are_refused():
    with pytest.raises(CourseError, match="at least one pair"):
        translation_batches([], 16, seed=1)
