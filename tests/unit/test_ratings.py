"""Rated sentences on films and products: what is read, how it is split, and what counts as an opinion."""

import pytest

from course_utils import assets
from course_utils.errors import CourseError
from course_utils.text.ratings import PARTS, SOURCES, Rated, load_ratings, sentiment, words_of
from tools import data_cards


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Ten sentences on films and ten reviews of products, of two sentences each."""
    films = [f"{n}\t{n - 5}\tFilm {n}." for n in range(10)]
    products = [f"{n}_{k}\t{k - 0.5}\tProduct {n} {k}" for n in range(10) for k in range(2)]
    (tmp_path / "movies.txt").write_text("\r\n".join(films), encoding="utf-8", newline="")
    (tmp_path / "products.txt").write_text("\r\n".join(products), encoding="utf-8", newline="")
    monkeypatch.setattr(assets, "path", lambda name: tmp_path)
    load_ratings.cache_clear()
    yield tmp_path
    load_ratings.cache_clear()


def of(source: str, part: str) -> list[Rated]:
    return [rated for rated in load_ratings()[part] if rated.source == source]


def test_eight_tenths_of_the_reviews_are_for_training_and_a_tenth_each_for_the_others(tiny):
    assert [len(of("movies", part)) for part in PARTS] == [8, 1, 1]
    assert [len(of("products", part)) for part in PARTS] == [16, 2, 2]


def test_sentences_of_one_review_are_in_one_part(tiny):
    for part in PARTS:
        numbers = [rated.text.split()[1] for rated in of("products", part)]
        assert all(numbers.count(number) == 2 for number in numbers)


def test_a_line_gives_the_text_without_blanks_about_it_its_rating_and_its_source(tiny):
    (tiny / "movies.txt").write_bytes(b"1\t-2.5\t  It's caf\xc3\xa9 noir: dull. \r\n")
    assert [rated for part in PARTS for rated in of("movies", part)] == [Rated("It's café noir: dull.", -2.5, "movies")]


def test_the_first_of_sentences_with_the_same_words_is_kept_and_one_without_words_is_not(tiny):
    (tiny / "movies.txt").write_bytes(b"1\t2\tGreat fun!\r\n2\t1\t... great FUN\r\n3\t1\t?!\r\n")
    (tiny / "products.txt").write_bytes(b"1_1\t3\tgreat fun\r\n1_2\t3\tgreat, no fun\r\n")
    kept = {(rated.text, rated.rating) for part in PARTS for rated in load_ratings()[part]}
    assert kept == {("Great fun!", 2.0), ("great, no fun", 3.0)}


def test_an_opinion_has_a_mean_rating_of_half_a_point_or_more_on_either_side(tiny):
    values = {"a": 0.5, "b": 0.49, "c": 0.0, "d": -0.49, "e": -0.5, "f": 3.9}
    lines = "".join(f"{n}\t{value}\t{text}\n" for n, (text, value) in enumerate(values.items()))
    (tiny / "movies.txt").write_text(lines, encoding="utf-8")
    found = [sentiment(part) for part in PARTS]
    pairs = {pair for opinions in found for pair in zip(opinions.texts, opinions.labels, strict=True)}
    assert pairs == {("a", "positive"), ("e", "negative"), ("f", "positive")}
    assert sum(opinions.left_out for opinions in found) == 3


def test_parts_and_sources_that_there_are_not_are_said(tiny):
    with pytest.raises(CourseError, match="no part 'dev'; expected train, validation, test"):
        sentiment("dev")
    with pytest.raises(CourseError, match="no source 'tweets'; expected movies or products"):
        sentiment("train", "tweets")


def test_words_of_a_sentence_leave_out_case_and_punctuation():
    assert words_of("  It's GREAT -- café, 10/10!!") == "it s great café 10 10"
    assert words_of("?!…") == ""


# --- the real sentences ---


def test_no_two_sentences_have_the_same_words_and_every_rating_is_on_the_scale():
    every = [rated for part in PARTS for rated in load_ratings()[part]]
    assert len({words_of(rated.text) for rated in every}) == len(every)
    assert all(-4 <= rated.rating <= 4 and rated.text == rated.text.strip() for rated in every)
    # The first line of the file, as Pang and Lee's collection begins with it too.
    assert any(rated.text.startswith("The Rock is destined") and abs(rated.rating - 34 / 15) < 1e-9 for rated in every)


def test_the_parts_are_drawn_the_same_each_time():
    before = load_ratings()
    load_ratings.cache_clear()
    assert load_ratings() == before


def test_a_part_is_in_random_order_so_that_its_beginning_is_a_fair_sample():
    opinions = sentiment("train")
    assert 400 < opinions.labels[:1000].count("positive") < 600
    assert 400 < opinions.labels[-1000:].count("positive") < 600


def test_the_card_gives_the_true_sizes():
    card = (data_cards.CARDS / "ratings.md").read_text(encoding="utf-8")
    for source in SOURCES:
        for part in PARTS:
            count, opinions = len(of(source, part)), sentiment(part, source)
            positive, negative = (opinions.labels.count(label) for label in ("positive", "negative"))
            row = f"| {source} | {part} | {count:,} | {positive:,} | {negative:,} | {opinions.left_out:,} |"
            assert row in card and positive + negative + opinions.left_out == count
    lines = {source: len(_lines(source)) for source in SOURCES}
    lost = {source: lines[source] - sum(len(of(source, part)) for part in PARTS) for source in SOURCES}
    assert f"{lines['movies']:,}\nsentences on films" in card and f"`products.txt` {lines['products']:,}" in card
    assert f"{lost['movies']} on films and {lost['products']} on products go" in card


def _lines(source: str) -> list[str]:
    return (assets.path("ratings") / f"{source}.txt").read_text(encoding="utf-8").splitlines()
