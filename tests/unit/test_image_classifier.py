"""The classifier of images: shapes, what goes in, what it costs, and that it learns real digits in seconds."""

import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models import classifier
from course_utils.models.classifier import Classifier, ClassifierConfig
from course_utils.seeding import generator
from course_utils.shapes import ShapeError
from course_utils.training import FitConfig, fit

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = ClassifierConfig(classes=10, size=8, widths=(16,), features=16)


def noise(n: int, size: int = 8) -> torch.Tensor:
    return torch.rand(n, 1, size, size, generator=generator(0)) * 2 - 1


def test_images_become_sixty_four_features_and_ten_logits():
    model = Classifier(ClassifierConfig(), generator(1))
    images = noise(3, size=28)
    assert model.features(images).shape == (3, 64)
    logits, loss = model(images)
    assert logits.shape == (3, 10) and loss is None
    assert 200_000 < sum(parameter.numel() for parameter in model.parameters()) < 300_000


def test_the_loss_is_the_cross_entropy_of_the_logits():
    model, targets = Classifier(SMALL, generator(1)).eval(), torch.tensor([3, 0, 9, 1])
    logits, loss = model(noise(4), targets)
    assert loss.item() == pytest.approx(functional.cross_entropy(logits, targets).item())


def test_logits_and_labels_are_read_off_the_features():
    model, images = Classifier(SMALL, generator(1)).eval(), noise(6)
    expected = model.head(functional.gelu(model.features(images)))
    assert torch.equal(model.logits(images), expected) and torch.equal(model.labels(images), expected.argmax(dim=1))


def test_features_do_not_depend_on_what_is_read_beside_them_and_leave_the_mode_alone(monkeypatch):
    model, images = Classifier(SMALL, generator(1)).train(), noise(7)
    whole = model.features(images)
    assert model.training and not whole.requires_grad
    monkeypatch.setattr(classifier, "READ_AT_ONCE", 3)
    assert torch.allclose(model.features(images), whole, atol=1e-6)
    assert torch.allclose(model.features(images[4:5]), whole[4:5], atol=1e-6)
    before = model.stages[0].norm.running_mean.clone()
    model.features(images)
    assert torch.equal(model.stages[0].norm.running_mean, before)  # measuring learns nothing


def test_over_what_it_was_trained_on_every_feature_has_mean_0_and_deviation_1():
    model, images = Classifier(SMALL, generator(1)).train(), noise(64)
    for _ in range(100):
        model(images)                                              # the running mean forgets a tenth at a time
    found = model.features(images)
    assert found.mean(dim=0).abs().max() < 1e-2 and (found.std(dim=0) - 1).abs().max() < 1e-2


def test_a_stage_is_the_convolution_the_norm_the_bend_and_the_largest_of_four():
    stage = Classifier(SMALL, generator(1)).eval().stages[0]
    images = noise(2)
    bent = stage.norm(stage.convolution(images)).relu()
    assert torch.allclose(stage(images), functional.max_pool2d(bent, 2), atol=1e-6)


def test_the_generator_draws_the_weights():
    first, again, other = (Classifier(SMALL, generator(seed)).logits(noise(2)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.allclose(first, other)


def test_weights_rounded_to_halves_come_back_with_every_count():
    model = Classifier(SMALL, generator(1))
    model(noise(5))                                                # one batch is counted by the norm
    other = Classifier(SMALL, generator(2))
    other.load_state_dict({name: tensor.half().float() for name, tensor in model.state_dict().items()})
    assert other.stages[0].norm.num_batches_tracked == 1
    assert torch.allclose(other.logits(noise(3)), model.logits(noise(3)), atol=0.01)


@pytest.mark.parametrize("shape", [(2, 8, 8), (2, 3, 8, 8), (2, 1, 28, 28)])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(ShapeError, match=r"images should have shape \(B, 1, 8, 8\)"):
        Classifier(SMALL, generator(1)).features(torch.zeros(shape))


def test_bytes_and_numbers_out_of_range_are_refused():
    model = Classifier(SMALL, generator(1))
    with pytest.raises(CourseError, match=r"images are torch.uint8; expected floats in \[-1, 1\]"):
        model.features(torch.zeros(2, 1, 8, 8, dtype=torch.uint8))
    with pytest.raises(CourseError, match=r"images go from 0 to 255; expected \[-1, 1\]"):
        model.features(torch.tensor([0.0, 255.0]).repeat(32).view(1, 1, 8, 8))
    with pytest.raises(CourseError, match="images go from nan to nan"):
        model.features(torch.full((1, 1, 8, 8), torch.nan))


@pytest.mark.parametrize(
    "sizes", [{"classes": 1}, {"features": 0}, {"size": 4, "widths": (8, 8, 8)}, {"widths": (8, 0)}]
)
def test_sizes_that_make_no_network_are_refused(sizes):
    with pytest.raises(CourseError, match="expected 2 classes or more"):
        ClassifierConfig(**sizes)


def test_in_a_hundred_steps_it_tells_digits_apart_that_it_has_not_seen():
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 8 - 1       # (1797, 1, 8, 8) from -1 to 1
    labels = torch.tensor(digits.target)
    chosen = torch.randperm(1200, generator=generator(3))

    def batches(step: int):
        rows = chosen[step * 64 % 1152 :][:64]
        return images[rows], labels[rows]

    model = Classifier(SMALL, generator(1))
    fit(model, batches, FitConfig(steps=100, learning_rate=5e-3, seed=1))
    right = (model.labels(images[1200:]) == labels[1200:]).float().mean().item()
    print(f"digits: {right:.3f}")
    assert right > 0.85
