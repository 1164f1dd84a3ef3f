"""README.md: its generated parts are current, what it says is so, its links lead somewhere; a stale one is noticed."""

import re

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from course_utils.leaderboard import Result
from course_utils.lessons import LESSONS
from course_utils.paths import REPOSITORY
from course_utils.recipes import about
from tools import bootstrap, readme

TEXT = readme.README.read_text(encoding="utf-8")
FIRST_SCREEN = "\n".join(TEXT.split("\n")[:25])
SIZE = 150_000                                                     # bytes of a picture


@pytest.fixture
def strip():
    return readme.strip()


# --- the generated parts --------------------------------------------------------------------------


def test_the_generated_parts_and_the_pictures_are_those_of_the_committed_results():
    assert readme.is_current(TEXT), "README.md is stale: run `make readme`"


def test_a_changed_figure_makes_the_readme_stale():
    stale = TEXT
    for figure in ("| 8.000 |", "| 1e-12 |", "2½\N{NO-BREAK SPACE}h", "| none |", "blob/v"):
        assert figure in stale
        stale = stale.replace(figure, figure + "?")
    assert readme.written(stale) == TEXT


def test_a_changed_picture_is_noticed(tmp_path):
    drawn = readme.samples()
    readme.packed(drawn).save(tmp_path / "samples.png")
    assert readme.is_drawn(tmp_path / "samples.png", drawn)
    drawn.paste((255, 0, 0), (5, 5, 20, 20))
    assert not readme.is_drawn(tmp_path / "samples.png", drawn)
    assert not readme.is_drawn(tmp_path / "none.png", drawn)


def test_a_changed_figure_or_rank_of_the_strip_is_noticed(strip, tmp_path, monkeypatch):
    path = tmp_path / "strip.png"
    assert not readme.is_strip(path)
    readme.save_strip(path)
    assert readme.is_strip(path)
    with monkeypatch.context() as patch:
        patch.setattr(readme, "AT_THE_RIGHT", readme.AT_THE_RIGHT[:-1])
        assert not readme.is_strip(path)
    shown = Image.open(path).text
    strip.paste((255, 0, 0), (5, 5, 20, 20))
    changed = PngInfo()
    changed.add_text("ranks", shown["ranks"])
    strip.save(path, pnginfo=changed)
    assert not readme.is_strip(path)


def test_the_strip_is_wide_flat_and_keeps_the_colours_of_its_marks(strip):
    assert 2.5 < strip.width / strip.height < 3                    # at a width of 1,000 pixels no taller than 400
    assert strip.width > 1_600                                     # sharp there
    colours = {colour for _, colour in strip.getcolors(strip.width * strip.height)}
    for mark in ((0, 114, 178), (213, 94, 0)):                     # the blue and the orange of the course's figures
        assert min(max(abs(a - b) for a, b in zip(mark, colour, strict=True)) for colour in colours) <= 4


@pytest.mark.parametrize("path", [readme.STRIP, readme.SAMPLES], ids=lambda path: path.stem)
def test_a_picture_is_small_and_has_an_alt_text_that_says_what_is_seen(path):
    assert path.stat().st_size < SIZE
    (alt,) = re.findall(rf"!\[([^\]]+)\]\({path.relative_to(REPOSITORY).as_posix()}\)", TEXT)
    assert len(alt.split()) >= 20


def test_a_part_can_be_empty_before_it_is_written_first():
    empty = re.sub(r"(<!-- (?!end)\w+ -->\n).*?(<!-- end -->)", r"\1\2", TEXT, flags=re.DOTALL)
    assert len(empty) < len(TEXT) / 2
    assert readme.written(empty) == TEXT


def test_a_missing_part_is_named():
    with pytest.raises(SystemExit, match="<!-- yardstick -->"):
        readme.written(TEXT.replace("<!-- yardstick -->", ""))


def test_the_table_of_images_gives_each_mean_with_half_of_what_lies_between_the_seeds():
    assert readme._over_seeds([3.0, 4.0, 3.8], 2) == "3.60 ± 0.50"
    assert readme._trained(None) == ["–", "–", "–"]
    known = {"parameters": 1_000_000, "training_flops": 5e14, "bits_per_dim": 2.8}
    assert readme._trained(known) == ["2.80", "1,000,000", "5.00e+14"]
    del known["bits_per_dim"]
    assert readme._trained(known)[0] == "none"
    rows = [line.split(" | ")[0].removeprefix("| ") for line in readme.images().split("\n")[2:]]
    assert rows == ["real images", "class means", "pixel noise", "VAE", "GAN", "diffusion", "transformer"]


def test_the_yardstick_shows_size_and_training_once_a_result_states_its_training():
    counted = Result("5-gram", "01", 1.3229, "t", 7_569_526)
    trained = Result("LSTM", "03", 1.7, "t", 920_064, training_tokens=20_000_000)
    assert readme.ranking([counted]).split("\n") == [
        "| model | lesson | bits per byte |", "|---|---|---|", "| 5-gram | 01 | 1.323 |"
    ]  # fmt: skip
    assert readme.ranking([trained, counted]).split("\n") == [
        "| model | lesson | bits per byte | parameters | train tokens |",
        "|---|---|---|---|---|",
        "| 5-gram | 01 | 1.323 | 7,569,526 | – |",
        "| LSTM | 03 | 1.700 | 920,064 | 20 M |",
    ]


def test_hours_are_those_that_the_lesson_itself_names(tmp_path, monkeypatch):
    assert [readme.hours(slug) for slug in ("00_start_here", "03_lstm_gru", "15_challenges")] == [2 / 3, 2.5, 5]
    assert [readme._duration(time) for time in (2 / 3, 2.5, 5)] == ["40 min", "2½ h", "5 h"]
    source = (readme.NOTEBOOKS / "03_lstm_gru.ipynb").read_text(encoding="utf-8")
    (tmp_path / "03_lstm_gru.ipynb").write_text(source.replace("two and a half hours", "a day"), encoding="utf-8")
    monkeypatch.setattr(readme, "NOTEBOOKS", tmp_path)
    with pytest.raises(SystemExit, match="03_lstm_gru: expected 'Reading and exercises: about N hours'.*got None"):
        readme.hours("03_lstm_gru")


def test_the_link_to_colab_follows_the_one_setting(monkeypatch):
    monkeypatch.setattr(readme, "setting", lambda: {"repository": "https://github.com/some/course", "tag": "v2"})
    assert readme.colab().endswith("/github/some/course/blob/v2/notebooks/00_start_here.ipynb)")


# --- what a newcomer reads first ------------------------------------------------------------------


def test_the_first_screen_says_what_it_is_shows_it_says_for_whom_and_gives_the_two_commands():
    what = TEXT.split("\n\n")[1]
    assert len(re.findall(r"[.!?](?:\s|$)", what)) == 3
    assert f"({readme.STRIP.relative_to(REPOSITORY).as_posix()})" in FIRST_SCREEN
    assert "**For you**" in FIRST_SCREEN and "**Not for you**" in FIRST_SCREEN
    assert "\nmake lab " in FIRST_SCREEN and "\nmake test " in FIRST_SCREEN


def test_the_whole_is_short_and_in_its_order():
    assert re.sub("<details>.*?</details>", "", TEXT, flags=re.DOTALL).count("\n") <= 200
    assert re.findall(r"^## (.+)$", TEXT, re.MULTILINE) == [
        "Two commands", "The lessons", "The yardstick", "The other yardstick", "Speed", "Nothing on trust",
        "For teachers", "More",
    ]  # fmt: skip


def test_the_numbers_of_the_prose_are_those_of_the_course():
    times = [readme.hours(lesson.slug) for lesson in LESSONS]
    assert f"A course in {len(LESSONS)} Jupyter notebooks" in TEXT
    assert f"about {sum(times):.0f} hours: after the first, which is short, a lesson takes two to five" in " ".join(
        TEXT.split()
    )
    assert times[0] < 1 and (min(times[1:]), max(times)) == (2, 5)
    assert "Python {}.{} or newer".format(*bootstrap.OLDEST_PYTHON) in TEXT
    assert f"takes {bootstrap.FREE_GB:.0f} GB of disk" in TEXT
    classifier = about("fashion_classifier")
    assert f"names {100 * classifier['metrics']['accuracy']:.0f} %" in TEXT
    assert f"{classifier['metrics']['test_images']:,} test images" in TEXT
    assert f"in {classifier['recipe']['model']['features']} features" in TEXT


# --- links ----------------------------------------------------------------------------------------


def test_every_link_leads_to_a_file_and_every_command_is_one_of_the_makefile():
    targets = set(re.findall(r"\]\(([^)]+)\)", TEXT))
    outside = {target for target in targets if "://" in target}
    assert outside == {re.search(r"\((.+)\)", readme.colab())[1]}
    assert not [target for target in targets - outside if not (REPOSITORY / target).is_file()]
    known = set(re.findall(r"^([a-z-]+):.*## ", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", TEXT)) <= known


def test_every_lesson_that_has_a_cost_is_linked_and_every_link_leads_to_a_notebook():
    linked = [lesson.slug for lesson in LESSONS if f"(notebooks/{lesson.slug}.ipynb)" in TEXT]
    assert linked == sorted(path.stem for path in readme.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
