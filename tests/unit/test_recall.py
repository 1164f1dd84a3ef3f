"""The recall probe asks for the right letter at the right distance, and tells memory from guessing."""

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.models.language_model import LanguageModel
from course_utils.models.recurrent import RecurrentConfig, RecurrentLM
from course_utils.seeding import generator
from course_utils.text.recall import NOT_ASKED, RecallTask, recall_accuracy, recall_batches, recall_sequences

TASK = RecallTask(letters=4, longest=6, batch=5)


class Oracle(LanguageModel):
    """Answers with the letter read `back` steps before the last; where there is none, with letter 0."""

    def __init__(self, back: int | None, vocabulary_size: int = TASK.vocabulary_size):
        super().__init__()
        self.back, self.vocabulary_size = back, vocabulary_size

    def forward(self, ids, targets=None):
        answers = torch.zeros_like(ids) if self.back is None else ids.roll(self.back, dims=1)
        return torch.nn.functional.one_hot(answers, self.vocabulary_size).float(), None


# --- sequences


def test_each_row_asks_for_its_first_letter_at_its_own_distance():
    distances = torch.tensor([1, 3, 4])
    ids, targets = recall_sequences(TASK, distances, generator(1))
    assert ids.shape == targets.shape == (3, 5)
    assert ids.dtype == targets.dtype == torch.int64
    for row, distance in enumerate(distances):
        assert ids[row, distance] == TASK.mark
        assert targets[row, distance] == ids[row, 0]
        assert (targets[row] != NOT_ASKED).sum() == 1
        assert (ids[row] == TASK.mark).sum() == 1
    letters = ids[ids != TASK.mark]
    assert 0 <= letters.min() <= letters.max() < TASK.letters


def test_the_letters_between_say_nothing_of_the_first():
    ids, _ = recall_sequences(TASK, torch.full((4000,), 3), generator(2))
    for column in (1, 2):
        assert (ids[:, 0] == ids[:, column]).double().mean() == pytest.approx(1 / TASK.letters, abs=0.03)


def test_every_letter_comes_first_about_as_often():
    ids, _ = recall_sequences(TASK, torch.full((4000,), 2), generator(3))
    shares = ids[:, 0].bincount(minlength=TASK.letters) / 4000
    assert shares.tolist() == pytest.approx([TASK.chance] * TASK.letters, abs=0.03)


def test_a_sequence_of_distance_one_is_a_letter_and_the_mark():
    ids, targets = recall_sequences(TASK, torch.tensor([1]), generator(1))
    assert ids.shape == (1, 2)
    assert targets[0].tolist() == [NOT_ASKED, ids[0, 0]]


@pytest.mark.parametrize("distances", [[], [0], [2, 0], [-1]])
def test_a_distance_below_one_or_no_distance_is_refused(distances):
    with pytest.raises(CourseError, match="from 1 up"):
        recall_sequences(TASK, torch.tensor(distances), generator(1))


def test_a_sequence_reads_as_letters_and_a_question_mark():
    assert TASK.text(torch.tensor([3, 0, TASK.mark])) == "d a ?"
    assert TASK.text([]) == ""


# --- batches


def test_a_batch_is_a_function_of_seed_and_step():
    again = recall_batches(TASK, seed=1)(7)
    for one, other in zip(recall_batches(TASK, seed=1)(7), again, strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(recall_batches(TASK, seed=1)(8)[1], again[1])
    assert not torch.equal(recall_batches(TASK, seed=2)(7)[1], again[1])


def test_the_distances_of_training_reach_from_one_to_the_longest_and_half_are_in_the_first_quarter():
    task = RecallTask(letters=4, longest=40, batch=2000)
    _, targets = recall_batches(task, seed=1)(0)
    distances = (targets != NOT_ASKED).nonzero()[:, 1]
    assert len(distances) == 2000
    assert distances.min() == 1
    assert 38 <= distances.max() <= 40
    assert (distances <= 10).double().mean() == pytest.approx(0.5, abs=0.04)


# --- accuracy


@pytest.mark.parametrize("distance", [1, 2, 5, 9])
def test_a_model_that_remembers_is_always_right_and_one_that_forgets_is_at_chance(distance):
    assert recall_accuracy(Oracle(back=distance), TASK, distance) == 1
    assert recall_accuracy(Oracle(back=None), TASK, distance, sequences=4000) == pytest.approx(TASK.chance, abs=0.03)


def test_a_model_that_looks_one_step_too_short_is_at_chance():
    assert recall_accuracy(Oracle(back=4), TASK, 5, sequences=4000) == pytest.approx(TASK.chance, abs=0.03)


def test_the_mark_itself_is_no_answer():
    class Marker(Oracle):
        def forward(self, ids, targets=None):
            logits, _ = super().forward(ids)
            logits[..., TASK.mark] += 10
            return logits, None

    assert recall_accuracy(Marker(back=3), TASK, 3) == 1


def test_measuring_leaves_the_mode_of_the_model_as_it_was():
    for training in (True, False):
        model = Oracle(back=1).train(training)
        recall_accuracy(model, TASK, 1)
        assert model.training is training


def test_a_model_over_another_vocabulary_is_refused():
    with pytest.raises(CourseError, match=r"has 7 ids; the task has 5"):
        recall_accuracy(Oracle(back=1, vocabulary_size=7), TASK, 1)


def test_an_untrained_network_is_near_chance_and_takes_the_batches_of_the_probe():
    model = RecurrentLM(RecurrentConfig(TASK.vocabulary_size, "rnn", 8, 8), generator(1))
    _, loss = model(*recall_batches(TASK, seed=1)(0))
    assert loss.item() == pytest.approx(1.6, abs=0.6)                  # ln 5 = 1.6 nats
    assert recall_accuracy(model, TASK, 5) < 0.5


# --- bad settings


@pytest.mark.parametrize("letters", [0, 1, 27])
def test_a_task_needs_two_letters_and_has_twenty_six(letters):
    with pytest.raises(CourseError, match="expected 2 to 26"):
        RecallTask(letters=letters)


def test_a_task_needs_a_distance():
    with pytest.raises(CourseError, match="a distance of 1 or more"):
        RecallTask(longest=0)
