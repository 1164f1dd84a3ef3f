"""Speculative decoding: a small model guesses ahead, the large one judges all guesses in one pass, and nothing is lost.

Reading five tokens costs a large model little more than reading one: either way all its weights are fetched once. What
is kept of the guesses is arranged so that the text has the large model's distribution, whatever the small one guesses.
Leviathan et al. 2023; Chen et al. 2023.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.logit_rules import Rule
from course_utils.reading import allowed, begun, logits_after, logits_after_each
from course_utils.sampling import Sampling, greedy, sample
from course_utils.shapes import check_floats


@dataclass(frozen=True)
class Speculation:
    """What was written, and how it came about: guesses made, how many were judged and kept, passes of the large model.

    Guesses that come after a rejected one are never judged. Reading the prompt is no pass.
    """

    ids: list[int]
    guessed: int
    judged: int
    kept: int
    passes: int

    @property
    def acceptance_rate(self) -> float:
        """The share of the judged guesses that was kept, α of Leviathan et al. 2023; nan where none was judged."""
        return self.kept / self.judged if self.judged else float("nan")

    @property
    def tokens_per_pass(self) -> float:
        """How many tokens a pass of the large model brought; 1 is what it does alone. nan where nothing was written."""
        return len(self.ids) / self.passes if self.passes else float("nan")


def speculate(
    model,
    draft,
    prompt: Sequence[int],
    length: int,
    strategy: Callable | Sampling = greedy,
    generator: torch.Generator | None = None,
    stop: int | None = None,
    rules: Sequence[Rule] = (),
    ahead: int = 4,
) -> Speculation:
    """Write what `generate(model, prompt, length, strategy, generator, stop, rules)` would, in fewer passes of `model`.

    With `greedy` the ids are the same, save where two tokens are equally likely but for rounding; else they are another
    draw from the same distribution. `draft`, a faster model over the same vocabulary, guesses up to `ahead` tokens at a
    time. Raises what `generate` raises; CourseError for any other strategy, for two vocabularies, for an `ahead` of 0.
    """
    _check(model, draft, ahead)
    text, choice, rounds = begun(prompt), _Choice(strategy, generator, rules), []
    first, place, draft_place = len(text), _all_but_the_last(model, text), Place(None, 0)
    while len(text) < first + length and not (rounds and text[-1] == stop):
        most = min(ahead, first + length - len(text) - 1)          # the large model itself adds one
        guesses, draft_places = _guess(draft, draft_place, text, most, stop, choice)
        logits, places = _read(model, place, text, guesses)
        new, kept = _judge(logits, guesses, text, stop, choice)
        text += new
        place, draft_place = _last_before(places, len(text)), _last_before(draft_places, len(text))
        rounds.append((len(guesses), min(kept + 1, len(guesses)), kept))
    guessed, judged, kept = (sum(column) for column in zip(*rounds, strict=True)) if rounds else (0, 0, 0)
    return Speculation(text[first:], guessed, judged, kept, len(rounds))


@dataclass(frozen=True)
class Place:
    """How far a model has read: its memory of the first `count` ids of the text. To go back is to take an older one."""

    memory: object
    count: int


@dataclass(frozen=True)
class Guess:
    """A token that the draft proposes, and the distribution (V,) it was drawn from."""

    token: int
    distribution: torch.Tensor


@dataclass(frozen=True)
class _Choice:
    """How both models choose: the distribution to draw from, and the drawing."""

    strategy: Callable | Sampling
    generator: torch.Generator | None
    rules: Sequence[Rule]

    def __post_init__(self):
        if self.strategy not in (greedy, sample) and not isinstance(self.strategy, Sampling):
            raise CourseError(f"The strategy is {self.strategy}; expected greedy, sample or a Sampling.")

    def distribution(self, logits: torch.Tensor, text: Sequence[int]) -> torch.Tensor:
        """(V,) what the token after `text` is drawn from; of `greedy` all lies on one token."""
        probability = allowed(logits, text, self.rules)
        if self.strategy is greedy:
            return functional.one_hot(torch.tensor(greedy(probability)), len(probability)).to(probability.dtype)
        return probability if self.strategy is sample else self.strategy.distribution(probability)

    def draw(self, distribution: torch.Tensor) -> int:
        """A token; what is certain needs no generator."""
        certain = int(distribution.count_nonzero()) == 1
        return greedy(distribution) if certain else sample(distribution, self.generator)

    def happens(self, probability: float) -> bool:
        """Something that has this probability; what is certain or impossible needs no generator."""
        return probability >= 1 or (probability > 0 and float(torch.rand((), generator=self.generator)) < probability)


def _check(model, draft, ahead: int) -> None:
    if ahead < 1:
        raise CourseError(f"ahead is {ahead}; expected a number of tokens to guess at a time, 1 or more.")
    sizes = [getattr(each, "vocabulary_size", None) for each in (model, draft)]
    if None not in sizes and sizes[0] != sizes[1]:
        raise CourseError(
            f"The model knows {sizes[0]} tokens and the draft {sizes[1]}; expected one vocabulary. Take a draft "
            "that was trained with the model's tokenizer."
        )


def _all_but_the_last(model, text: list[int]) -> Place:
    """The model has read the prompt except for its last token."""
    return Place(logits_after(model, text[:-1])[1], len(text) - 1) if len(text) > 1 else Place(None, 0)


def _guess(draft, place: Place, text: list[int], most: int, stop, choice: _Choice) -> tuple[list[Guess], list[Place]]:
    """Up to `most` tokens that the draft would go on with, none after `stop`, and where it stood on its way."""
    text, guesses, places = list(text), [], [place]
    while len(guesses) < most and not (guesses and text[-1] == stop):
        logits, memory = logits_after(draft, text[places[-1].count :], places[-1].memory)
        places.append(Place(memory, len(text)))
        distribution = choice.distribution(logits, text)
        text.append(choice.draw(distribution))
        guesses.append(Guess(text[-1], distribution))
    return guesses, places


def _read(model, place: Place, text: list[int], guesses: list[Guess]) -> tuple[torch.Tensor, list[Place]]:
    """(n + 1, V) the model's logits at each of the n guesses and after the last, in one pass, and where it stood."""
    unread = [*text[place.count :], *(guess.token for guess in guesses)]
    logits, memories = logits_after_each(model, unread, place.memory)
    return logits, [Place(memory, count) for count, memory in enumerate(memories, place.count + 1)]


def _judge(logits, guesses: list[Guess], text: list[int], stop, choice: _Choice) -> tuple[list[int], int]:
    """The ids to go on with, guesses up to the first rejected one and one of the model's own; how many were kept.

    A guess is kept with probability min(1, p/q). After a rejection the token is drawn from what the draft gave too
    little: (p − q)₊, scaled to sum to 1. Together that is p. Leviathan et al. 2023, appendix A.1.
    """
    new = []
    for row, guess in zip(logits, guesses, strict=False):
        probability = choice.distribution(row, [*text, *new])
        if not choice.happens(float(probability[guess.token] / guess.distribution[guess.token])):
            return [*new, choice.draw(missing(probability, guess.distribution))], len(new)
        new.append(guess.token)
    if new and new[-1] == stop:
        return new, len(new)
    return [*new, choice.draw(choice.distribution(logits[-1], [*text, *new]))], len(new)


def missing(probability: torch.Tensor, guessed: torch.Tensor) -> torch.Tensor:
    """(V,) what `guessed` gives too little of `probability`: the positive part of the difference, summing to 1."""
    check_floats("V, V", probability=probability, guessed=guessed)
    rest = (probability - guessed).clamp(min=0)
    return rest / rest.sum() if rest.any() else probability        # alike but for rounding


def _last_before(places: list[Place], length: int) -> Place:
    """The furthest place that is still right when a text has this many ids, of which the last is new to both models."""
    return [place for place in places if place.count < length][-1]
