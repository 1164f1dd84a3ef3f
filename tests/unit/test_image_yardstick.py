"""The yardstick of images: references of one shape that differ by seed, and real images beat noise in every column."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from course_utils import image_metrics, image_yardstick
from course_utils.checkpoints import CheckpointError
from course_utils.errors import CourseError
from course_utils.image_yardstick import (
    FAMILIES,
    KEPT,
    REFERENCES,
    SEEDS,
    ImageMeasures,
    Yardstick,
    images_of,
    kept,
    load,
    mean_and_spread,
    over_seeds,
)
from course_utils.images.corpora import ImagePart, load_fashion
from course_utils.images.pixels import to_float
from course_utils.seeding import generator
from course_utils.shapes import ShapeError

pytestmark = pytest.mark.usefixtures("one_thread")

FEW = 200                                                          # as many as two subsets of KID take
SHARES = ("precision", "recall", "density", "coverage", "label_entropy")


@pytest.fixture(scope="module")
def rule() -> Yardstick:
    """The yardstick with a twentieth of the test images."""
    test = load_fashion(stand_in=False).test
    return Yardstick(ImagePart(test.images[:500], test.labels[:500]))


@pytest.fixture(scope="module")
def measured(rule):
    """The measures of a few images of each reference."""
    return {name: rule.measure(make(FEW, 1), 1) for name, make in REFERENCES.items()}


class Brush:
    """A model whose images are all of one grey, another for each seed."""

    def sample(self, count, generator):
        return torch.rand((), generator=generator).expand(count, 1, 28, 28)


@pytest.fixture
def samples(tmp_path, monkeypatch):
    """The file of kept images, moved to an empty folder."""
    monkeypatch.setattr(image_yardstick, "SAMPLES", tmp_path / "image_samples.npz")
    return tmp_path / "image_samples.npz"


# --- what is judged


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_has_the_shape_asked_for_and_differs_by_seed_alone(name):
    images = REFERENCES[name](30, 1)
    assert images.shape == (30, 1, 28, 28) and images.dtype == torch.uint8
    assert torch.equal(images, REFERENCES[name](30, 1))
    assert not torch.equal(images, REFERENCES[name](30, 2))


def test_real_images_are_training_images_and_none_comes_twice():
    known = {image.numpy().tobytes() for image in load_fashion(stand_in=False).train.images}
    drawn = [image.numpy().tobytes() for image in REFERENCES["real images"](2_000, 3)]
    assert set(drawn) <= known
    assert len(set(drawn)) == 2_000                                 # no picture of Fashion-MNIST is there twice


def test_the_means_of_classes_are_ten_images_at_most_that_come_about_equally_often():
    images, counts = REFERENCES["class means"](400, 1).unique(dim=0, return_counts=True)
    assert len(images) == 10
    assert counts.min() > 15 and counts.max() < 70                  # 40 expected; four standard deviations are 24
    train = load_fashion(stand_in=False).train
    means = [train.images[train.labels == label].numpy().mean(axis=0, dtype=np.float64).round() for label in range(10)]
    apart = np.abs(images.numpy()[:, None] - np.stack(means)).max(axis=(2, 3, 4))                       # (10, 10)
    assert (apart.min(axis=1) <= 1).all() and sorted(apart.argmin(axis=1)) == list(range(10))


def test_pixel_noise_keeps_each_pixels_mean_and_forgets_its_neighbours():
    noise = REFERENCES["pixel noise"](400, 1)[:, 0].double()
    real = load_fashion(stand_in=False).train.images[:10_000, 0].double()
    middle = slice(12, 16)
    assert noise.mean(dim=0)[middle, middle].sub(real.mean(dim=0)[middle, middle]).abs().max() < 30
    beside = [np.corrcoef(images[:, 14, 14], images[:, 14, 15])[0, 1] for images in (noise, real)]
    assert abs(beside[0]) < 0.2 < 0.5 < beside[1]


def test_pixel_noise_has_the_mean_and_the_spread_of_normal_numbers_cut_at_black_and_white():
    noise = REFERENCES["pixel noise"](400, 1).numpy().reshape(400, -1) / 127.5 - 1                      # (400, 784)
    real = load_fashion(stand_in=False).train.images[:10_000].numpy().reshape(10_000, -1) / 127.5 - 1
    mean, variance = censored(real.mean(axis=0), real.std(axis=0, ddof=1))
    seen = noise.mean(axis=0) - mean, noise.var(axis=0, ddof=1) - variance                              # (784,) each
    squares = (noise - mean) ** 2
    errors = [np.sqrt((values.var(axis=0) / 400).sum()) / 784 for values in (noise, squares)]           # of the means
    assert all(abs(off.mean()) < 4 * error for off, error in zip(seen, errors, strict=True))


def censored(mean, deviation):
    """Mean and variance of normal numbers of which those beyond −1 and 1 are put there. From Φ and φ by parts."""
    deviation = np.maximum(deviation, 1e-9)
    low, high = (-1 - mean) / deviation, (1 - mean) / deviation
    below, above = norm.cdf(low), norm.sf(high)
    inside, lost = 1 - below - above, norm.pdf(low) - norm.pdf(high)
    first = mean * inside + deviation * lost - below + above
    edges = (mean - 1) * norm.pdf(low) - (mean + 1) * norm.pdf(high)
    second = (mean**2 + deviation**2) * inside + deviation * edges + below + above
    return first, second - first**2


def test_a_family_that_there_is_not_is_refused_with_the_names_of_those_there_are():
    with pytest.raises(CourseError, match="no family 'flow'.*VAE, GAN, diffusion, transformer"):
        load("flow")


@pytest.mark.parametrize("family", KEPT)
def test_where_the_file_of_kept_images_is_missing_it_says_how_to_make_it(family, samples):
    with pytest.raises(CheckpointError, match="image_samples.npz is missing.*python -m tools.image_samples"):
        kept(family, 1)


def test_slow_families_come_from_the_file_and_fast_ones_are_drawn(samples, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (5, 1, 28, 28), dtype=np.uint8)
    np.savez(samples, diffusion_2=images)
    monkeypatch.setattr(image_yardstick, "load", lambda family: Brush())
    assert torch.equal(kept("diffusion", 2), torch.from_numpy(images))
    assert torch.equal(images_of("diffusion", 2), torch.from_numpy(images))
    drawn = images_of("GAN", 1)
    assert drawn.shape == (image_yardstick.DRAWN, 1, 28, 28) and drawn.dtype == torch.uint8
    assert not torch.equal(drawn, images_of("GAN", 2))


def test_what_is_kept_is_of_families_that_there_are():
    assert set(KEPT) < set(FAMILIES) and not set(FAMILIES) & set(REFERENCES)


# --- the yardstick


@pytest.mark.parametrize("worse", ["class means", "pixel noise"])
def test_real_images_are_nearer_to_the_test_images_and_the_intervals_do_not_meet(measured, worse):
    assert measured["real images"].frechet.high < measured[worse].frechet.low
    real, other = measured["real images"].kernel, measured[worse].kernel
    assert real.value + 4 * real.standard_error < other.value - 4 * other.standard_error


@pytest.mark.parametrize("share", SHARES)
def test_real_images_beat_pixel_noise_in_every_other_column_too(measured, share):
    assert getattr(measured["real images"], share).low > getattr(measured["pixel noise"], share).high


@pytest.mark.parametrize("share", ["recall", "coverage"])
def test_ten_images_of_means_look_like_clothes_and_cover_hardly_any(measured, share):
    assert measured["class means"].precision.low > measured["pixel noise"].precision.high
    assert getattr(measured["class means"], share).high < 0.3 < 0.7 < getattr(measured["real images"], share).low


def test_a_measure_says_how_many_images_it_was_made_of(measured):
    found = measured["real images"]
    assert (found.frechet.count, found.frechet.reference) == (FEW, 500)
    assert (found.precision.count, found.precision.reference) == (FEW, FEW)
    assert (found.recall.count, found.coverage.count, found.label_entropy.count) == (FEW, FEW, FEW)
    assert (found.kernel.subset, found.kernel.subsets) == (100, 2)


def test_every_measure_is_that_of_all_test_images_or_of_as_many_as_there_are(rule, measured):
    images, random = REFERENCES["real images"](FEW, 1), generator(1)
    rows, as_many = rule.classifier.features(to_float(images)), rule.features[:FEW]
    precision, recall = image_metrics.precision_and_recall(as_many, rows)
    density, coverage = image_metrics.density_and_coverage(as_many, rows, random)
    assert measured["real images"] == ImageMeasures(
        image_metrics.frechet_distance(rule.features, rows, random),
        image_metrics.kernel_distance(rule.features, rows, random, 100),
        precision,
        recall,
        density,
        coverage,
        image_metrics.label_entropy(rule.classifier.labels(to_float(images)), 10, random),
    )


def test_the_order_of_the_images_does_not_matter_to_distance_and_shares(rule, measured):
    turned = rule.measure(REFERENCES["real images"](FEW, 1).flip(0), 1)
    assert turned.frechet.value == pytest.approx(measured["real images"].frechet.value)
    assert (turned.precision, turned.recall) == (measured["real images"].precision, measured["real images"].recall)


@pytest.mark.parametrize("shape", [(FEW, 28, 28), (FEW, 3, 28, 28), (FEW, 1, 32, 32)])
def test_images_of_another_shape_are_refused(rule, shape):
    with pytest.raises(ShapeError, match="images"):
        rule.measure(torch.zeros(shape, dtype=torch.uint8))


def test_floats_are_refused(rule):
    with pytest.raises(CourseError, match="expected uint8"):
        rule.measure(torch.zeros(FEW, 1, 28, 28))


@pytest.mark.parametrize(("count", "why"), [(64, "expected 65 or more"), (199, "expected 200 or more")])
def test_too_few_images_are_refused_with_the_reason(rule, count, why):
    with pytest.raises(CourseError, match=why):
        rule.measure(REFERENCES["real images"](count, 1))


def test_each_seed_has_images_and_measures_of_its_own(rule, monkeypatch):
    asked = []
    monkeypatch.setattr(image_yardstick, "images_of", lambda name, seed: asked.append((name, seed)) or seed)
    monkeypatch.setattr(Yardstick, "measure", lambda self, images, seed: (images, seed))
    assert over_seeds(rule, "GAN") == [(seed, seed) for seed in SEEDS]
    assert asked == [("GAN", seed) for seed in SEEDS]


def test_mean_and_spread_are_the_middle_and_half_the_way_from_least_to_greatest():
    assert mean_and_spread([4.0, 1.0, 4.0]) == (3.0, 1.5)
    assert mean_and_spread([2.5]) == (2.5, 0.0)
