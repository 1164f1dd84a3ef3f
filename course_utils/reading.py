"""What a model expects next, asked of every model in one way: its probabilities, its logits, after one id or each."""

import math
from collections.abc import Sequence
from functools import partial

import torch

from course_utils.errors import CourseError
from course_utils.logit_rules import Rule, nothing_left, ruled
from course_utils.models.language_model import one_by_one
from course_utils.sampling import checked
from course_utils.shapes import check_floats


def begun(prompt: Sequence[int]) -> list[int]:
    """The prompt as a list of numbers. Raises CourseError where it is empty."""
    if len(prompt) == 0:
        raise CourseError("The prompt is empty; expected at least one id: begin with [vocabulary.start].")
    return [int(i) for i in prompt]


def expected(
    model, unread: Sequence[int], memory, text: Sequence[int], rules: Sequence[Rule] = ()
) -> tuple[torch.Tensor, object]:
    """(V,) probabilities of what follows `text` as the rules leave them, and the model's memory of it.

    `unread`: the end of the text, which the model has yet to read. Raises CourseError where the probabilities are not
    numbers, and where the rules leave no token.
    """
    if rules:
        logits, memory = logits_after(model, unread, memory)
        return allowed(logits, text, rules), memory
    probability, memory = model.read(unread, memory)
    return checked(probability), memory


def allowed(logits: torch.Tensor, text: Sequence[int], rules: Sequence[Rule]) -> torch.Tensor:
    """(V,) probabilities of what follows `text` from the logits as the rules leave them.

    Raises CourseError where they leave none, or where the logits are not numbers.
    """
    check_floats("V+", logits=logits)
    logits = ruled(logits, text, rules)
    if bool((logits == -math.inf).all()):
        raise nothing_left()
    return checked(logits.softmax(dim=-1))


def logits_after(model, ids: Sequence[int], memory=None) -> tuple[torch.Tensor, object]:
    """(V,) logits of the token after `ids`, and the memory: `model.read_logits`, where the model has it.

    Of a model that tells probabilities alone the logits are log-probabilities: the same up to a constant.
    """
    if hasattr(model, "read_logits"):
        return model.read_logits(ids, memory)
    probability, memory = model.read(ids, memory)
    return checked(probability).log(), memory


def logits_after_each(model, ids: Sequence[int], memory=None) -> tuple[torch.Tensor, list]:
    """(T, V) logits of what follows each of the T ids, and the memory after each: `model.read_each`, where it has it.

    Any other model reads the ids one by one.
    """
    if len(ids) == 0:
        raise CourseError("There are no ids to read; expected one or more.")
    if hasattr(model, "read_each"):
        return model.read_each(ids, memory)
    return one_by_one(partial(logits_after, model), ids, memory)
