"""What tests of an assistant share: a card, texts with vectors of three numbers, an engine whose tokens are words."""

from dataclasses import fields
from types import SimpleNamespace

import torch

from course_utils.cards import DataSheet, ModelCard
from course_utils.sampling import greedy

DIRECTIONS = {"ghana": [1.0, 0.5, 0.0], "born": [0.0, 1.0, 0.5], "tea": [0.0, 0.0, 1.0], "else": [-1.0, -1.0, -1.0]}


def card() -> ModelCard:
    """A finished model card."""
    return _finished(ModelCard)


def sheet() -> DataSheet:
    """A finished data sheet."""
    return _finished(DataSheet)


def _finished(kind):
    long = "This is an answer of one sentence."
    return kind.of({each.name: "Door 1" if each.metadata["short"] else long for each in fields(kind)})


def embed(texts) -> torch.Tensor:
    """The vector of the first word of DIRECTIONS that stands in each text, (n, 3)."""
    return torch.tensor([next(v for word, v in DIRECTIONS.items() if word in text.lower()) for text in texts])


class Words:
    """An engine of words, each a token. It writes `says`, and then a number that was drawn, unless it is greedy."""

    context = 120

    def __init__(self, *says: str):
        self.says, self.texts = says, []

    def prompt(self, messages):
        return "".join(f"<{one['role']}> {one['content']} <end> " for one in messages) + "<assistant> "

    def tokenizer(self, text, add_special_tokens, verbose=True):
        return SimpleNamespace(input_ids=text.split())

    tokenizer.all_special_tokens = ["<end>", "<system>"]

    def stream(self, text, longest, generator, sample):
        self.texts.append(text)
        yield from self.says
        if sample is not greedy:
            yield f" {torch.randint(1000, (1,), generator=generator).item()}"
