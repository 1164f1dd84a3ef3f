"""Prompts with the answer that is wanted, as batches for a decoder: the data of supervised fine-tuning.

Only the answer counts in the loss. The model is not to learn to write prompts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from course_utils.errors import CourseError
from course_utils.seeding import generator
from course_utils.text.batches import NO_TARGET, PAD, mixed, of_like_length, padded


@dataclass(frozen=True)
class Exchange:
    """The ids of a prompt and of its answer, the token that ends it included. Raises CourseError where one is empty."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    def __post_init__(self):
        if not self.prompt or not self.answer:
            raise CourseError(
                f"The prompt has {len(self.prompt)} ids and the answer {len(self.answer)}; expected one or more of "
                "each. An empty answer is its end token alone."
            )

    def __len__(self) -> int:
        """How many tokens a model reads to learn from it."""
        return len(self.prompt) + len(self.answer) - 1


def chat_exchange(
    tokenizer, instruction: str, answer: str, system: str | None = None, examples: Sequence[tuple[str, str]] = ()
) -> Exchange:
    """An instruction and its answer as a chat model sees them: in its own template, ended by its own end token.

    tokenizer: of transformers, with a chat template. system: what it is told before all instructions. examples: other
    instructions with their answers, which stand before this one as turns of the same talk.
    """
    messages = [] if system is None else [{"role": "system", "content": system}]
    for asked, answered in examples:
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    messages.append({"role": "user", "content": instruction})
    prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    ids = [tokenizer(text, add_special_tokens=False).input_ids for text in (prompt, answer)]
    return Exchange(tuple(ids[0]), (*ids[1], tokenizer.eos_token_id))


class ExchangeBatches:
    """A batch for each step: `batch` exchanges of like length, each exchange once an epoch, in an order of its own.

    inputs (B, T) are prompt and answer, the end token and padding apart; targets (B, T) are the answer, and −100 where
    the prompt or padding stands. Padding stands at the end, where a decoder cannot see it. Raises CourseError where
    there is nothing, for `batch` below 1, and for an exchange longer than `context` tokens.
    """

    def __init__(self, exchanges: Sequence[Exchange], batch: int, seed: int, context: int = 2048, padding: int = PAD):
        if not exchanges or batch < 1:
            raise CourseError(f"{len(exchanges)} exchanges in batches of {batch}; expected 1 or more of each.")
        self.lengths = torch.tensor([len(exchange) for exchange in exchanges])          # (N,)
        longest = int(self.lengths.argmax())
        if self.lengths[longest] > context:
            raise CourseError(
                f"Exchange {longest} has {self.lengths[longest]} tokens and the model reads {context}; expected no "
                "more. Leave it out, or shorten its prompt: the answer would be cut."
            )
        self.exchanges, self.batch, self.seed, self.padding = list(exchanges), batch, seed, padding
        self.steps_per_epoch = -(-len(exchanges) // batch)

    def __call__(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs and targets (B, T) int64; the same for the same step."""
        epoch, place = divmod(step, self.steps_per_epoch)
        order = of_like_length(self.lengths, self.batch, generator(mixed(self.seed, epoch)))
        rows = [self.exchanges[i] for i in order[place]]
        inputs = [(*row.prompt, *row.answer[:-1]) for row in rows]
        targets = [(*[NO_TARGET] * (len(row.prompt) - 1), *row.answer) for row in rows]
        return padded(inputs, self.padding, torch.int64), padded(targets, NO_TARGET, torch.int64)
