"""The generated parts of README.md are current, and a stale one is noticed."""

import pytest

from course_utils.leaderboard import Result
from tools import readme

TEXT = readme.README.read_text(encoding="utf-8")


def test_the_generated_parts_and_the_pictures_are_those_of_the_committed_results():
    assert readme.is_current(TEXT), "README.md is stale: run `make readme`"


def test_a_changed_figure_makes_the_readme_stale():
    stale = TEXT.replace("| 8.000 |", "| 7.999 |")
    assert stale != TEXT
    assert not readme.is_current(stale)


def test_a_changed_picture_is_noticed(tmp_path):
    drawn = readme.strip()
    readme.packed(drawn).save(tmp_path / "strip.png")
    assert readme.is_drawn(tmp_path / "strip.png", drawn)
    drawn.paste((255, 0, 0), (5, 5, 20, 20))
    assert not readme.is_drawn(tmp_path / "strip.png", drawn)
    assert not readme.is_drawn(tmp_path / "none.png", drawn)


def test_the_table_of_images_gives_each_mean_with_half_of_what_lies_between_the_seeds():
    assert readme._over_seeds([3.0, 4.0, 3.8], 2) == "3.60 ± 0.50"
    assert readme._trained(None) == ["–", "–", "–"]
    known = {"parameters": 1_000_000, "training_flops": 5e14, "bits_per_dim": 2.8}
    assert readme._trained(known) == ["2.80", "1,000,000", "5.00e+14"]
    del known["bits_per_dim"]
    assert readme._trained(known)[0] == "none"
    rows = [line.split(" | ")[0].removeprefix("| ") for line in readme.images().split("\n")[2:]]
    assert rows == ["real images", "class means", "pixel noise", "VAE", "GAN", "diffusion", "transformer"]


def test_a_missing_part_is_named():
    with pytest.raises(SystemExit, match="<!-- yardstick -->"):
        readme.written(TEXT.replace("<!-- yardstick -->", ""))


def test_every_lesson_that_has_a_cost_is_linked_and_every_link_leads_to_a_notebook():
    linked = [lesson.slug for lesson in readme.LESSONS if f"(notebooks/{lesson.slug}.ipynb)" in TEXT]
    assert linked == sorted(path.stem for path in readme.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


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
