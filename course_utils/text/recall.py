"""A probe of memory: recall the first letter of a sequence, k steps after it was read.

`h k q z … p ?` asks for `h`. The letters between are drawn at random and mean nothing: they are there to be read, and
to be kept from overwriting the first. Bengio, Simard and Frasconi 1994 and Hochreiter and Schmidhuber 1997 have tasks
of this kind.
"""

import reprlib
from dataclasses import dataclass

import torch

from course_utils.errors import CourseError
from course_utils.seeding import generator
from course_utils.shapes import check_counts, check_whole
from course_utils.text.batches import Batches, mixed

NOT_ASKED = -100                                                   # the target where nothing is asked; losses skip it
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class RecallTask:
    """The task and the setting in which the course compares models on it, the same for every model.

    letters: how many different ones (ids 0, 1, …; the mark `?` comes after them); longest: the largest distance in
    training; the other fields size the models and `fit`.
    """

    letters: int = 26
    longest: int = 30
    batch: int = 64
    steps: int = 400
    learning_rate: float = 5e-3
    embedding: int = 32
    width: int = 32

    def __post_init__(self):
        if not 2 <= self.letters <= len(LETTERS):
            raise CourseError(f"letters is {self.letters}; expected 2 to {len(LETTERS)}.")
        if self.longest < 1:
            raise CourseError(f"longest is {self.longest}; expected a distance of 1 or more.")

    @property
    def mark(self) -> int:
        """The id of `?`."""
        return self.letters

    @property
    def vocabulary_size(self) -> int:
        """The letters and the mark."""
        return self.letters + 1

    @property
    def chance(self) -> float:
        """The share right of whoever has forgotten everything."""
        return 1 / self.letters

    def text(self, ids) -> str:
        """Ids as a reader sees them: `h k q ?`."""
        ids = [int(i) for i in ids]
        if ids and not 0 <= min(ids) <= max(ids) < self.vocabulary_size:
            raise CourseError(f"ids must lie in 0 … {self.vocabulary_size - 1}; got {min(ids)} … {max(ids)}.")
        return " ".join([*LETTERS[: self.letters], "?"][i] for i in ids)


def recall_sequences(
    task: RecallTask, distances: torch.Tensor, draws: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """One sequence for each of the `distances` (B,): ids and targets, each (B, T) with T = 1 + the largest distance.

    Row b asks at position distances[b] for the letter at position 0; its other targets are −100. What follows the mark
    is random letters, which no target asks for. Raises CourseError where a distance is below 1, or none is given.
    """
    check_whole("B", distances=distances)
    if len(distances) == 0 or distances.min() < 1:
        got = reprlib.repr(distances.tolist())
        raise CourseError(f"distances are {got}; expected one or more, from 1 up: steps from its letter to the mark.")
    rows = torch.arange(len(distances))
    ids = torch.randint(task.letters, (len(distances), 1 + int(distances.max())), generator=draws)
    targets = torch.full_like(ids, NOT_ASKED)
    targets[rows, distances] = ids[:, 0]
    ids[rows, distances] = task.mark
    return ids, targets


def recall_batches(task: RecallTask, seed: int) -> Batches:
    """Batches to train on, a function of the step. The distances are mixed, 1 to `task.longest`, short ones oftener.

    With u uniform in 0 … 1 the distance is 1 + longest · u², rounded down: half of them are in the first quarter.
    """

    def at(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        draws = generator(mixed(seed, step))
        distances = 1 + (torch.rand(task.batch, generator=draws).square() * task.longest).long()
        return recall_sequences(task, distances, draws)

    return at


def recall_accuracy(model, task: RecallTask, distance: int, sequences: int = 1000, seed: int = 0) -> float:
    """The share of `sequences` whose first letter the model ranks first at the mark, `distance` steps later.

    model: any language model over the task's vocabulary, `model(ids) -> (logits (B, T, V), loss)`. The same seed asks
    every model the same. Raises CourseError for a vocabulary of another size.
    """
    check_counts(sequences=sequences)
    if model.vocabulary_size != task.vocabulary_size:
        raise CourseError(f"The model has {model.vocabulary_size} ids; the task has {task.vocabulary_size}.")
    distances = torch.full((sequences,), distance)
    ids, targets = recall_sequences(task, distances, generator(mixed(seed, -distance)))
    training = model.training
    model.eval()
    with torch.no_grad():
        answers = model(ids.to(model.device))[0][:, -1, : task.letters].argmax(dim=-1).cpu()
    model.train(training)
    return (answers == targets[:, -1]).double().mean().item()
