"""The recipe of the classifier, on digits as large as its images: what is learned from, validated and measured."""

import hashlib
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from course_utils.images.corpora import as_wide_as_fashion, load_digits
from course_utils.images.pixels import to_float
from course_utils.intervals import wilson_interval
from course_utils.models.classifier import Classifier
from course_utils.recipes import fashion_classifier
from course_utils.recipes.fashion_classifier import (
    BATCH,
    CONFIG,
    EPOCH_STEPS,
    FASHION_CLASSIFIER,
    measure,
    nats_per_label,
    prepare,
)
from course_utils.seeding import generator

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def digits(monkeypatch):
    """Digits in place of clothes."""
    corpus = as_wide_as_fashion(load_digits())
    monkeypatch.setattr(fashion_classifier, "load_fashion", lambda stand_in: corpus)
    return corpus


def small() -> Classifier:
    return Classifier(replace(CONFIG, widths=(4, 4)), generator(1))


def test_the_network_has_sixty_four_features_and_fits_a_checkpoint():
    model = FASHION_CLASSIFIER.model()
    assert model.config.features == 64
    assert 2 * sum(tensor.numel() for tensor in model.state_dict().values()) < 600_000


def test_an_epoch_is_all_training_images_once():
    assert (EPOCH_STEPS - 1) * BATCH < 55_000 <= EPOCH_STEPS * BATCH
    assert FASHION_CLASSIFIER.fit.steps % EPOCH_STEPS == 0


def test_batches_are_images_with_their_labels_and_the_data_are_known_by_both(digits, monkeypatch):
    prepared = prepare()
    images, labels = prepared.batches(0)
    assert images.shape == (BATCH, 1, 28, 28) and labels.shape == (BATCH,)
    assert -1 <= images.min() < images.max() <= 1.001
    known = {fingerprint(image): label for image, label in zip(*whole(digits.train), strict=True)}
    turned = [fingerprint(one) not in known for one in images]
    upright = torch.where(torch.tensor(turned)[:, None, None, None], images.flip(-1), images)
    assert all(known[fingerprint(one)] == label for one, label in zip(upright, labels, strict=True))
    assert 0.3 < sum(turned) / BATCH < 0.7                         # half of the images are mirrored, their labels stay
    assert prepare().data == prepared.data
    relabelled = replace(digits, train=replace(digits.train, labels=digits.train.labels.flip(0)))
    monkeypatch.setattr(fashion_classifier, "load_fashion", lambda stand_in: relabelled)
    assert prepare().data != prepared.data


def fingerprint(image: torch.Tensor) -> str:
    return hashlib.sha256(image.contiguous().numpy().tobytes()).hexdigest()


def whole(part) -> tuple[torch.Tensor, list[int]]:
    return to_float(part.images), part.labels.tolist()


def test_what_is_validated_is_the_mean_over_the_validation_images(digits):
    model, part = small(), digits.validation
    with torch.no_grad():
        nats = functional.cross_entropy(model.eval()(to_float(part.images))[0], part.labels)
    assert prepare().validate(model) == pytest.approx(nats.item(), abs=1e-5)


def test_the_metrics_are_of_all_test_images(digits):
    model = small().eval()
    said = model(to_float(digits.test.images))[0].argmax(dim=1)
    right = int((said == digits.test.labels).sum())
    metrics = measure(model)
    assert metrics["test_images"] == 179 and metrics["accuracy"] == pytest.approx(right / 179)
    assert (metrics["accuracy_low"], metrics["accuracy_high"]) == wilson_interval(right, 179)
    assert metrics["nats"] == pytest.approx(nats_per_label(model, digits.test.images, digits.test.labels))


def test_digits_do_not_stand_in_for_the_clothes_it_is_made_of(monkeypatch):
    asked = []

    def refuse(stand_in):
        asked.append(stand_in)
        raise RuntimeError

    monkeypatch.setattr(fashion_classifier, "load_fashion", refuse)
    for use in (prepare, lambda: measure(None)):
        with pytest.raises(RuntimeError):
            use()
    assert asked == [False, False]
