"""Let a language model write. One loop serves every model that keeps the contract; a strategy chooses the token."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral

import torch

from course_utils.errors import CourseError
from course_utils.shapes import check_shape

ROUNDING = 1e-7                                                    # of a sum of float32 probabilities, relative


def greedy(probability: torch.Tensor, generator: torch.Generator | None = None) -> int:
    """The likeliest token, of equally likely ones the first. `probability` (V,)."""
    return int(probability.argmax())


def sample(probability: torch.Tensor, generator: torch.Generator | None = None) -> int:
    """A token drawn with the model's own probabilities (V,). Raises CourseError without a generator to draw with."""
    if generator is None:
        raise CourseError("sample draws at random; pass generator=generator(1), from course_utils.seeding.")
    return int(torch.multinomial(probability, 1, generator=generator))


@dataclass(frozen=True)
class Sampling:
    """Draw from the model's probabilities, sharpened and cut off: first temperature, then top-k, then top-p.

    temperature: below 1 the likely tokens gain, above 1 the unlikely ones. top_k: keep the k likeliest tokens, and
    those as likely as the last of them (Fan et al. 2018). top_p: keep the fewest tokens, likeliest first, that together
    have at least this probability (Holtzman et al. 2020). Raises CourseError for values that make no sense.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self):
        if not 0 < self.temperature < math.inf:
            raise CourseError(f"temperature is {self.temperature}; expected a number above 0. Its limit is `greedy`.")
        if self.top_k is not None and not (isinstance(self.top_k, Integral) and self.top_k >= 1):
            raise CourseError(f"top_k is {self.top_k}; expected a whole number of tokens, 1 or more, or None for all.")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise CourseError(f"top_p is {self.top_p}; expected a number above 0 and up to 1, or None for all.")

    def __call__(self, probability: torch.Tensor, generator: torch.Generator | None = None) -> int:
        """A token drawn from `distribution`. Raises CourseError without a generator to draw with."""
        return sample(self.distribution(probability), generator)

    def distribution(self, probability: torch.Tensor) -> torch.Tensor:
        """(V,) the model's probabilities to those it is drawn from. What was impossible stays so.

        Raises CourseError where a probability is not a number.
        """
        kept = checked(probability).double()
        if self.temperature != 1:
            log_p = kept.log()
            kept = ((log_p - log_p.max()) / self.temperature).exp()  # the largest becomes 1, so nothing overflows
        if self.top_k is not None:
            kept = keep_likeliest(kept, self.top_k)
        if self.top_p is not None:
            kept = keep_nucleus(kept / kept.sum(), self.top_p)
        return (kept / kept.sum()).to(probability.dtype)


def keep_likeliest(probability: torch.Tensor, k: int) -> torch.Tensor:
    """(V,) with 0 for all that is less likely than the k-th likeliest token."""
    kth = probability.topk(min(k, len(probability))).values[-1]
    return torch.where(probability < kth, 0.0, probability)


def keep_nucleus(probability: torch.Tensor, p: float) -> torch.Tensor:
    """(V,) with 0 for all but the fewest tokens, likeliest first, whose sum reaches p; at least one is kept."""
    ordered, places = probability.sort(descending=True, stable=True)
    before = ordered.cumsum(dim=0) - ordered                       # what the likelier tokens have together
    reached = before >= p * (1 - ROUNDING)                         # 0.7f + 0.2f must count as reaching 0.9
    return probability.index_fill(0, places[reached], 0.0)


@dataclass(frozen=True)
class Beam:
    """Keep the `width` likeliest beginnings at every step instead of one: beam search, a strategy for `generate`.

    A finished text is rated log p / length**length_penalty, log p in nats and its stop token counted. Since log p is
    negative, a larger penalty favours *longer* texts; 0 rates by probability alone. This is what `num_beams` and
    `length_penalty` mean in transformers. Raises CourseError for values that make no sense.
    """

    width: int = 4
    length_penalty: float = 1.0

    def __post_init__(self):
        if not (isinstance(self.width, Integral) and self.width >= 1):
            raise CourseError(f"width is {self.width}; expected a whole number of beginnings to keep, 1 or more.")
        if not math.isfinite(self.length_penalty):
            raise CourseError(f"length_penalty is {self.length_penalty}; expected a number. 1 rates log p per token.")

    def score(self, log_probability: float, length: int) -> float:
        """How a text of `length` tokens is rated; more is better."""
        return log_probability / length**self.length_penalty


Strategy = Callable[[torch.Tensor, torch.Generator | None], int] | Beam


def generate(
    model,
    prompt: Sequence[int],
    length: int,
    strategy: Strategy,
    generator: torch.Generator | None = None,
    stop: int | None = None,
) -> list[int]:
    """Append up to `length` tokens to `prompt`, one at a time, and return the new ids.

    `strategy(probability (V,), generator) -> id` chooses, or a `Beam` searches. After the id `stop` nothing more is
    written; it is the last of the ids returned. Raises CourseError for an empty prompt: there must be a token to go on
    from; use the vocabulary's `start`. Raises it also where the model's probabilities are not numbers.
    """
    if isinstance(strategy, Beam):
        return list(beam_search(model, prompt, length, strategy, stop)[0].ids)
    unread, memory, written = begun(prompt), None, []
    for _ in range(length):
        probability, memory = model.read(unread, memory)
        written.append(strategy(checked(probability), generator))
        if written[-1] == stop:
            break
        unread = written[-1:]
    return written


def begun(prompt: Sequence[int]) -> list[int]:
    """The prompt as a list of numbers. Raises CourseError where it is empty."""
    if len(prompt) == 0:
        raise CourseError("The prompt is empty; begin with [vocabulary.start].")
    return [int(i) for i in prompt]


def checked(probability: torch.Tensor) -> torch.Tensor:
    """`probability` (V,) itself. Raises CourseError where one is not a number or is negative, or where all are 0."""
    check_shape(probability, "V", "probability")
    wrong = ~(probability.isfinite() & (probability >= 0))
    if wrong.any():
        token = int(wrong.int().argmax())
        raise CourseError(
            f"The model gives token {token} the probability {probability[token].item()}; expected 0 to 1. Its weights "
            "are broken, as after a training that diverged: load an earlier checkpoint, or train at a lower rate."
        )
    if not probability.any():
        raise CourseError(f"All {len(probability)} probabilities are 0; expected that they sum to 1.")
    return probability


@dataclass(frozen=True)
class Hypothesis:
    """A finished text of beam search: its new ids, their log-probability in nats, and how the `Beam` rates it."""

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


def beam_search(model, prompt: Sequence[int], length: int, beam: Beam, stop: int | None = None) -> list[Hypothesis]:
    """The best `beam.width` of the finished texts, best first. `stop` finishes a text, and so does token `length`.

    Ends early as transformers does by default (`early_stopping=False`): when `width` texts are finished and the
    likeliest beginning, rated as it stands, is no better than the worst of them. Of equally likely continuations the
    lower id goes first, as in `greedy`. Raises what `generate` raises.
    """
    live, finished = [Beginning((), 0.0, *_expected(model, begun(prompt), None))], []
    for n in range(1, length + 1):
        found = _continuations(live, 2 * beam.width)               # twice, because half of them may be finished
        finished += [
            Hypothesis((*each.origin.ids, each.token), each.log_probability, beam.score(each.log_probability, n))
            for each in found[: beam.width]
            if each.token == stop or n == length
        ]
        finished = sorted(finished, key=lambda hypothesis: -hypothesis.score)[: beam.width]
        going_on = [each for each in found if each.token != stop][: beam.width]
        if n == length or not going_on:
            break
        if len(finished) == beam.width and beam.score(going_on[0].log_probability, n) <= finished[-1].score:
            break
        live = [_beginning(model, each) for each in going_on]
    return finished or [Hypothesis((), 0.0, 0.0)]


def _continuations(live: list[Beginning], count: int) -> list[Continuation]:
    """The `count` likeliest ways to go on by one token, likeliest first; none that is impossible."""
    log_p = torch.cat([beginning.log_probability + beginning.next_log_p for beginning in live])
    size = len(log_p) // len(live)
    least = log_p.topk(min(count, len(log_p))).values[-1]
    places = (log_p >= least).nonzero()[:, 0]                      # topk leaves open which of equal ones it takes
    ranked = places[log_p[places].sort(descending=True, stable=True).indices][:count].tolist()
    return [Continuation(live[i // size], i % size, log_p[i].item()) for i in ranked if log_p[i] > -math.inf]


def _beginning(model, step: Continuation) -> Beginning:
    """The continuation as a text that goes on: the model reads its token."""
    expected = _expected(model, [step.token], step.origin.memory)
    return Beginning((*step.origin.ids, step.token), step.log_probability, *expected)


def _expected(model, ids: list[int], memory) -> tuple[torch.Tensor, object]:
    """log p (V,) of the token after `ids`, and the memory to go on from."""
    probability, memory = model.read(ids, memory)
    return checked(probability).double().log(), memory
