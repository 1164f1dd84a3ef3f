"""What is kept of the settings that the GAN of clothes was tried with."""

import pytest

from course_utils.checkpoints import read_json
from course_utils.recipes import about
from course_utils.recipes.fashion_gan import FIT
from tools import gan_settings


def test_every_setting_that_was_tried_is_written_down_and_the_shipped_one_is_among_them():
    rows = read_json(gan_settings.RESULT)["settings"]
    assert [(row["r1"], row["rate"]) for row in rows] == list(gan_settings.TRIED)
    assert (FIT.game.r1, FIT.game.generator_rate) in gan_settings.TRIED
    shipped = next(row for row in rows if (row["r1"], row["rate"]) == (FIT.game.r1, FIT.game.generator_rate))
    assert {name: shipped[name] for name in about("fashion_gan")["metrics"]} == about("fashion_gan")["metrics"]
    assert len({(row["steps"], row["training_flops"]) for row in rows}) == 1


def test_only_the_settings_that_are_missing_are_trained_and_each_is_kept_at_once(tmp_path, monkeypatch):
    played = []

    def make(recipe, out, work):
        played.append((recipe.fit.game.r1, recipe.fit.game.discriminator_rate, recipe.fit.steps))
        if len(played) == 3:
            raise KeyboardInterrupt
        return {"steps": 7, "training_flops": 5.0, "metrics": {"frechet": float(len(played))}}

    monkeypatch.setattr(gan_settings, "make", make)
    path = tmp_path / "settings.json"
    with pytest.raises(KeyboardInterrupt):
        gan_settings.measured(path, tmp_path)
    assert [row["frechet"] for row in read_json(path)["settings"]] == [1.0, 2.0]
    rows = gan_settings.measured(path, tmp_path)
    assert [(row["r1"], row["rate"]) for row in rows] == list(gan_settings.TRIED) and len(played) == 6
    assert played[0] == (0.05, 2e-4, FIT.steps) and len(set(played)) == 5
