"""Four families of image models: one budget, one yardstick, and the figures that are published of them."""

import numpy as np
import pytest

from course_utils import image_yardstick as yardstick
from course_utils.checkpoints import read_json
from course_utils.image_yardstick import FAMILIES, KEPT, SEEDS, Yardstick, draw, drawing_network, images_of, kept
from course_utils.paths import RESULTS
from course_utils.recipes import about
from course_utils.recipes.fashion_images import BUDGET
from tools.verified import Verified

TENTH = 0.1
REDRAWN = 8                                                        # images of a slow family
VERIFIES = [
    Verified("14", "training operations and parameters of the four families", "one budget; a million", TENTH, "of it"),
    Verified("14", "the published measures of images", "measured again on the stored images", "their intervals"),
]


@pytest.fixture(scope="module")
def rule() -> Yardstick:
    return Yardstick()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_was_trained_for_the_same_number_of_operations(family):
    assert about(FAMILIES[family])["training_flops"] == pytest.approx(BUDGET, rel=TENTH)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_generator_has_a_million_parameters(family):
    assert sum(p.numel() for p in drawing_network(family).parameters()) == pytest.approx(1e6, rel=TENTH)


def test_the_classifier_names_92_of_100_rightly():
    assert about("fashion_classifier")["metrics"]["accuracy"] >= 0.92


@pytest.mark.slow
@pytest.mark.parametrize("family", KEPT)
def test_the_images_that_are_kept_are_those_that_the_checkpoint_draws(family):
    ours, there = draw(family, REDRAWN, SEEDS[0]), kept(family, SEEDS[0])[:REDRAWN]
    same = (ours.int() - there.int()).abs() <= 2
    # Another processor rounds otherwise: a pixel that is drawn near an edge may then change all that follow it.
    assert same.flatten(1).all(dim=1).double().mean() >= 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FAMILIES, *yardstick.REFERENCES])
def test_the_published_figures_come_out_again(name, rule):
    published = read_json(RESULTS / "images.json")["measures"][name]
    for seed, there in zip(SEEDS, published, strict=True):
        found = rule.measure(images_of(name, seed), seed)
        assert found.frechet.low <= there["frechet"] <= found.frechet.high
        for share in ("precision", "recall", "coverage"):
            one = getattr(found, share)
            assert one.low <= there[share] <= one.high, share


def test_every_family_is_far_under_the_ceiling_and_none_is_under_the_floor():
    measures = read_json(RESULTS / "images.json")["measures"]
    mean = {name: np.mean([seed["frechet"] for seed in seeds]) for name, seeds in measures.items()}
    ceiling = min(mean["class means"], mean["pixel noise"])
    assert all(mean["real images"] < mean[family] < ceiling / 2 for family in FAMILIES)
