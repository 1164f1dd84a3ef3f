"""The classifier over an encoder: what learns, what is read, and that `fit` teaches it; with an encoder of seconds."""

import pytest
import torch

from course_utils.classification import TextClassifier, labelled_batches, predicted
from course_utils.errors import CourseError
from course_utils.models.encoder import Encoder, EncoderConfig
from course_utils.seeding import generator
from course_utils.training import FitConfig, fit

pytestmark = pytest.mark.usefixtures("one_thread")
ROWS = [[1, *torch.randint(4, 20, (3 + i % 4,), generator=generator(i)).tolist()] for i in range(40)]
CLASSES = [int(sum(row[1:]) / len(row[1:]) > 11.5) for row in ROWS]  # 0 or 1: the mean of the ids


def classifier(learned: int = 1) -> TextClassifier:
    return TextClassifier(Encoder(EncoderConfig(20, 16, 16, 2, 3), generator(1)), 2, learned)


def test_the_last_blocks_and_the_head_learn_and_nothing_else_changes():
    model = classifier(1)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fit(model, labelled_batches(ROWS, CLASSES, 8, 1), FitConfig(steps=5, learning_rate=1e-2))
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed and all(name.startswith(("encoder.blocks.2.", "head.")) for name in changed)
    assert any(name.startswith("encoder.blocks.2.") for name in changed)


def test_it_begins_undecided_and_its_loss_is_that_of_guessing():
    logits, loss = classifier()(torch.tensor([ROWS[0]]), torch.tensor([1]))
    assert logits.tolist() == [[0, 0]] and loss.item() == pytest.approx(0.6931472)


def test_the_logits_are_the_head_on_the_mean_of_the_texts_own_vectors_at_length_1():
    model = classifier()
    torch.nn.init.normal_(model.head.weight, generator=generator(2))
    long, short = max(ROWS, key=len), min(ROWS, key=len)
    together = torch.tensor([long, short + [0] * (len(long) - len(short))])
    with torch.no_grad():
        mean = model.encoder(torch.tensor([short]))[0].mean(dim=0)
        alone = model.head(mean / mean.norm())
        assert torch.allclose(model(together)[0][1], alone, atol=1e-5)


def test_it_can_start_from_a_classifier_of_frozen_vectors_and_refuses_one_of_another_size():
    model, weight = classifier(), torch.randn(2, 16, generator=generator(3))
    model.start_from(weight.numpy(), [0.5, -0.5])
    with torch.no_grad():
        mean = model.encoder(torch.tensor([ROWS[0]]))[0].mean(dim=0)
        expected = weight @ (mean / mean.norm()) + torch.tensor([0.5, -0.5])
        assert torch.allclose(model(torch.tensor([ROWS[0]]))[0][0], expected, atol=1e-5)
    for wrong in (weight[:1], weight[:, :5]):
        with pytest.raises(CourseError, match="weight"):
            model.start_from(wrong, [0.0, 0.0])


@pytest.mark.slow
def test_it_learns_what_it_is_shown_and_its_answers_keep_their_places():
    model = classifier(3)
    fit(model, labelled_batches(ROWS, CLASSES, 8, 1), FitConfig(steps=300, learning_rate=1e-2))
    assert predicted(model, ROWS) == CLASSES
    assert predicted(model, ROWS[::-1]) == CLASSES[::-1]


def test_every_text_comes_once_an_epoch_with_its_own_label():
    at = labelled_batches(ROWS, CLASSES, 7, 3)
    pairs = [pair for step in range(6) for pair in zip(*at(step), strict=True)]
    seen = [(tuple(i for i in row.tolist() if i), int(label)) for row, label in pairs]
    assert sorted(seen) == sorted((tuple(row), label) for row, label in zip(ROWS, CLASSES, strict=True))


@pytest.mark.parametrize(("classes", "learned"), [(1, 1), (2, -1), (2, 4)])
def test_sizes_that_make_no_sense_are_refused(classes, learned):
    with pytest.raises(CourseError, match="expected 2 or more, and 0 to 3"):
        TextClassifier(Encoder(EncoderConfig(20, 16, 16, 2, 3), generator(1)), classes, learned)


@pytest.mark.parametrize("texts", [[[0, 0, 0]], [[1, 5, 6], [0, 0, 0]]])
def test_a_text_of_padding_alone_is_refused(texts):
    with pytest.raises(CourseError, match=f"mask has no True in 1 of {len(texts)} rows; .* Leave out texts"):
        classifier()(torch.tensor(texts))


def test_labels_that_do_not_go_with_the_texts_are_refused():
    for rows, numbers in (([], []), ([[1]], [0, 1])):
        with pytest.raises(CourseError, match="expected as many, not none"):
            labelled_batches(rows, numbers, 2, 1)
