"""What can be read off the hidden states of a network by a linear classifier, and how much of that is the classifier's.

Belinkov 2022 is a survey of such probes. Notation: N tokens, D width of a hidden state, C classes.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from course_utils.errors import CourseError
from course_utils.intervals import bootstrap_interval, ratio_of_sums
from course_utils.shapes import check_shape


@dataclass(frozen=True)
class LinearProbe:
    """Scores of the classes, linear in a hidden state: (state − centre) / spread · weight + offset.

    centre, spread (D,), weight (D, C), offset (C,).
    """

    classes: tuple
    centre: np.ndarray
    spread: np.ndarray
    weight: np.ndarray
    offset: np.ndarray

    def predict(self, hidden) -> list:
        """hidden (N, D) to the class with the largest score, N times."""
        hidden = np.asarray(hidden)
        check_shape(hidden, f"N {len(self.centre)}", "hidden")
        hidden = hidden.astype(np.float64)
        scores = (hidden - self.centre) / self.spread @ self.weight + self.offset                  # (N, C)
        return [self.classes[place] for place in scores.argmax(axis=1)]


def fit_probe(hidden, labels: Sequence[Hashable], penalty: float = 1.0) -> LinearProbe:
    """Ridge regression from standardised states (N, D) to 1 for a token's class and 0 for the others.

    In closed form: nothing is drawn and nothing has to converge. penalty: on the sum of squared weights. Raises
    ShapeError where there are not as many labels as states, CourseError for fewer than two classes or no penalty.
    """
    hidden = np.asarray(hidden)
    check_shape(hidden, f"{len(labels)} D", "hidden")
    hidden = hidden.astype(np.float64)
    classes = tuple(sorted(set(labels)))
    if len(classes) < 2 or penalty <= 0:
        raise CourseError(f"{len(classes)} classes and a penalty of {penalty}; expected 2 or more, and more than 0.")
    centre, spread = hidden.mean(axis=0), hidden.std(axis=0)
    spread[spread == 0] = 1.0                                      # a number that never changes tells nothing
    states = (hidden - centre) / spread
    wanted = np.array([[label == known for known in classes] for label in labels], dtype=np.float64)    # (N, C)
    offset = wanted.mean(axis=0)
    squares = states.T @ states + penalty * np.eye(states.shape[1])
    return LinearProbe(classes, centre, spread, np.linalg.solve(squares, states.T @ (wanted - offset)), offset)


def control_labels(words: Sequence[Hashable], labels: Sequence, generator: torch.Generator) -> dict:
    """A control task: to each different word one of the labels, drawn as often as they occur. Hewitt and Liang 2019.

    It has nothing to do with language, so a probe that is good at it has learned words by heart.
    """
    if not len(words) or not len(labels):
        raise CourseError(f"{len(words)} words and {len(labels)} labels; expected one or more of each.")
    kinds = list(dict.fromkeys(words))
    drawn = torch.randint(len(labels), (len(kinds),), generator=generator).tolist()
    return {kind: labels[place] for kind, place in zip(kinds, drawn, strict=True)}


@dataclass(frozen=True)
class Tokens:
    """Tokens to probe: hidden states (N, D), the label of each, and each one's word, which the control task is about.

    groups: which of them are right or wrong together, such as those of one text where a text has one label; where it is
    not given, those of one word. Raises CourseError or ShapeError where there are not as many of one as of the others.
    """

    hidden: np.ndarray
    labels: tuple
    words: tuple
    groups: tuple | None = None

    def __post_init__(self):
        check_shape(self.hidden, f"{len(self.words)} D", "hidden")
        groups = self.words if self.groups is None else self.groups
        if not len(self.labels) == len(self.words) == len(groups):
            got = f"{len(self.labels)} labels and {len(groups)} groups for {len(self.words)} words"
            raise CourseError(f"{got}; expected one of each for every token.")


@dataclass(frozen=True)
class Share:
    """A share, or a difference of shares, with its interval (low, high)."""

    value: float
    interval: tuple[float, float]

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.interval[0]:.3f}, {self.interval[1]:.3f}]"


@dataclass(frozen=True)
class Selectivity:
    """Accuracy of a probe, of an equal one on the control task, and how much the one exceeds the other.

    guess: accuracy of always saying the label that is commonest in training.
    """

    accuracy: Share
    control: Share
    selectivity: Share
    guess: float
    count: int


def selectivity(train: Tokens, test: Tokens, generator: torch.Generator, penalty: float = 1.0) -> Selectivity:
    """Accuracy less control accuracy on the test tokens, of probes that learned on the training tokens.

    Hewitt and Liang 2019. The intervals are the bootstrap's and draw whole groups of test tokens; where a probe is
    fitted to other training tokens, or other control labels are drawn, the result moves by more than they say.
    """
    drawn = control_labels((*train.words, *test.words), train.labels, generator)
    probe = fit_probe(train.hidden, train.labels, penalty)
    other = fit_probe(train.hidden, [drawn[word] for word in train.words], penalty)
    right = _right(probe.predict(test.hidden), test.labels)
    control = _right(other.predict(test.hidden), [drawn[word] for word in test.words])
    commonest = max(probe.classes, key=train.labels.count)
    groups = test.words if test.groups is None else test.groups
    parts = [_by_group(part, groups, generator) for part in (right, control, right - control)]
    return Selectivity(*parts, float(_right([commonest] * len(right), test.labels).mean()), len(right))


def _right(said: Sequence, true: Sequence) -> np.ndarray:
    return np.array([float(one == other) for one, other in zip(said, true, strict=True)])


def _by_group(values: np.ndarray, groups: Sequence[Hashable], generator: torch.Generator) -> Share:
    """The mean of values (N,), and its interval over groups drawn with all their tokens."""
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    places = [numbers[group] for group in groups]
    sums = np.stack([np.bincount(places, weights=values), np.bincount(places)], axis=1)            # (groups, 2)
    return Share(float(values.mean()), bootstrap_interval(sums, ratio_of_sums, generator))
