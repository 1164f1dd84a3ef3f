"""Beam search: keep several beginnings of a text at every step, since the likeliest token is not always the best."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

import torch

from course_utils.errors import CourseError
from course_utils.logit_rules import Rule, nothing_left, ruled
from course_utils.reading import begun
from course_utils.sampling import checked
from course_utils.shapes import check_counts


@dataclass(frozen=True)
class Beam:
    """Keep the `width` likeliest beginnings at every step instead of one: beam search, a strategy for `generate`.

    A finished text is rated log p / length**length_penalty, log p in nats and its stop token counted. Since log p is
    negative, a larger penalty favours *longer* texts; 0 rates by probability alone. early_stopping: end as soon as
    `width` texts are finished, also where a better one may be on its way. These are `num_beams`, `length_penalty` and
    `early_stopping` of transformers. Raises CourseError for values that make no sense.
    """

    width: int = 4
    length_penalty: float = 1.0
    early_stopping: bool = False

    def __post_init__(self):
        if not (isinstance(self.width, Integral) and self.width >= 1):
            raise CourseError(f"width is {self.width}; expected a whole number of beginnings to keep, 1 or more.")
        if not math.isfinite(self.length_penalty):
            raise CourseError(f"length_penalty is {self.length_penalty}; expected a number. 1 rates log p per token.")

    def score(self, log_probability: float, length: int) -> float:
        """How a text of `length` tokens is rated; more is better. Raises CourseError for less than one token."""
        check_counts(length=length)
        return log_probability / length**self.length_penalty


@dataclass(frozen=True)
class Hypothesis:
    """A finished text of beam search: its new ids, their log-probability in nats, and how the `Beam` rates it.

    With rules it is the sum of what the rules made of each token's log-probability, which need not be one of any text.
    """

    ids: tuple[int, ...]
    log_probability: float
    score: float


@dataclass(frozen=True)
class Beginning:
    """An unfinished text: its new ids, their log-probability, log p (V,) of what may come next, the model's memory."""

    ids: tuple[int, ...]
    log_probability: float
    next_log_p: torch.Tensor
    memory: object


@dataclass(frozen=True)
class Continuation:
    """A beginning and one token more, with the log-probability of both."""

    origin: Beginning
    token: int
    log_probability: float


def beam_search(
    model, prompt: Sequence[int], length: int, beam: Beam, stop: int | None = None, rules: Sequence[Rule] = ()
) -> list[Hypothesis]:
    """The best `beam.width` of the finished texts, best first. `stop` finishes a text, and so does token `length`.

    Of equally likely continuations the lower id goes first, as in `greedy`. The rules change log-probabilities,
    beginning by beginning. Raises what `generate` raises.
    """
    prompt = begun(prompt)
    live, finished = [Beginning((), 0.0, *_expected(model, prompt, None, prompt, rules))], []
    for n in range(1, length + 1):
        found = _continuations(live, 2 * beam.width)               # twice, because half of them may be finished
        if not found and not finished:
            raise nothing_left()
        finished += [
            Hypothesis((*each.origin.ids, each.token), each.log_probability, beam.score(each.log_probability, n))
            for each in found[: beam.width]
            if each.token == stop or n == length
        ]
        finished = sorted(finished, key=lambda hypothesis: -hypothesis.score)[: beam.width]
        going_on = [each for each in found if each.token != stop][: beam.width]
        if n == length or not going_on or _is_over(beam, finished, going_on[0], n):
            break
        live = [_beginning(model, each, prompt, rules) for each in going_on]
    return finished or [Hypothesis((), 0.0, 0.0)]


def _is_over(beam: Beam, finished: list[Hypothesis], likeliest: Continuation, length: int) -> bool:
    """Whether to end early, as transformers does: enough texts are finished, and none that would be better is in sight.

    In sight is only the likeliest beginning, rated as it stands; with `early_stopping` nobody looks.
    """
    if len(finished) < beam.width:
        return False
    return beam.early_stopping or beam.score(likeliest.log_probability, length) <= finished[-1].score


def _continuations(live: list[Beginning], count: int) -> list[Continuation]:
    """The `count` likeliest ways to go on by one token, likeliest first; none that is impossible."""
    log_p = torch.cat([beginning.log_probability + beginning.next_log_p for beginning in live])
    size = len(log_p) // len(live)
    least = log_p.topk(min(count, len(log_p))).values[-1]
    places = (log_p >= least).nonzero()[:, 0]                      # topk leaves open which of equal ones it takes
    ranked = places[log_p[places].sort(descending=True, stable=True).indices][:count].tolist()
    return [Continuation(live[i // size], i % size, log_p[i].item()) for i in ranked if log_p[i] > -math.inf]


def _beginning(model, step: Continuation, prompt: list[int], rules: Sequence[Rule]) -> Beginning:
    """The continuation as a text that goes on: the model reads its token."""
    ids = (*step.origin.ids, step.token)
    expected = _expected(model, [step.token], step.origin.memory, [*prompt, *ids], rules)
    return Beginning(ids, step.log_probability, *expected)


def _expected(model, unread: list[int], memory, text: list[int], rules: Sequence[Rule]) -> tuple[torch.Tensor, object]:
    """log p (V,) of the token after `text`, of which `unread` is the end, and the memory to go on from."""
    probability, memory = model.read(unread, memory)
    return ruled(checked(probability).double().log(), text, rules), memory
