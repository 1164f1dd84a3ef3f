"""The contract of every language model here, so that one `fit`, one `generate` and one yardstick serve them all."""

import reprlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, groupby, islice

import torch
from torch import nn
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.shapes import check_counts, check_shape, check_whole

TOKENS_A_PASS = 8_192                                              # for an LSTM of width 384 more was not faster
NO_TARGET = -100                                                   # what a loss leaves out
LOGITS_A_PASS = 2**24                                              # 64 MB: with a large vocabulary they fill the memory


class LanguageModel(nn.Module):
    """Predicts the next token at every position.

    A subclass sets `vocabulary_size` (V) and writes `forward(ids, targets=None) -> (logits, loss)`: ids and targets
    (B, T) int64, where targets[b, t] is the token that follows ids[b, t]; logits (B, T, V), log-probabilities up to a
    constant per position; loss the mean of −ln p(target) in nats per token, or None without targets. To train, use the
    loss; `token_nats` and `next_probabilities` only measure. `context`: how many tokens one forward pass reads.
    """

    vocabulary_size: int
    context: int = 512

    def forward(self, ids: torch.Tensor, targets: torch.Tensor | None = None):
        raise NotImplementedError

    @property
    def parameter_count(self) -> int:
        """How many numbers the model consists of."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def device(self) -> torch.device:
        """Where the model's numbers are."""
        tensor = next(chain(self.parameters(), self.buffers()), None)
        return torch.device("cpu") if tensor is None else tensor.device

    def token_nats(self, ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """−ln p of each target given the ids up to its position: (B, T) in nats, on the CPU, without dropout.

        A text of any length: it is read in overlapping windows of `context` tokens, so that each token sees at least
        `context // 2` tokens before it (fewer only at the start of the text). A pass reads many windows at once. Raises
        ShapeError where ids and targets do not fit, CourseError for an id outside the vocabulary.
        """
        check_shape(ids, "B T", "ids")
        check_shape(targets, f"{ids.shape[0]} {ids.shape[1]}", "targets")
        check_ids(ids, self.vocabulary_size, "ids")
        check_ids(targets, self.vocabulary_size, "targets")
        nats, tokens = [torch.empty(ids.shape[0], 0)], min(TOKENS_A_PASS, LOGITS_A_PASS // self.vocabulary_size)
        with measuring(self):
            for windows in passes(ids.shape[1], self.context, tokens // max(1, ids.shape[0])):
                read = torch.stack([ids[:, window.first : window.end] for window in windows])          # (windows, B, S)
                wanted = torch.stack([targets[:, window.begin : window.end] for window in windows])    # (windows, B, T)
                nats += self._last_nats(read.flatten(0, 1), wanted.flatten(0, 1)).view(wanted.shape)
        return torch.cat(nats, dim=1)

    def _last_nats(self, ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """One pass over ids (B, S): −ln p of targets (B, T), which follow the last T of them; (B, T) on the CPU."""
        logits = self(ids.to(self.device))[0][:, -targets.shape[1] :].float()
        return functional.cross_entropy(logits.transpose(1, 2), targets.to(self.device), reduction="none").cpu()

    def next_probabilities(self, ids: Sequence[int]) -> torch.Tensor:
        """(V,) probabilities of the token after `ids`: what `next_logits` come to, and raises what it raises."""
        return self.next_logits(ids).softmax(dim=-1)

    def next_logits(self, ids: Sequence[int]) -> torch.Tensor:
        """(V,) logits of the token after `ids`, of which the last `context` are read; on the CPU, no dropout.

        Raises CourseError where there is no id to go on from, or one outside the vocabulary.
        """
        if len(ids) == 0:
            raise CourseError("There are no ids to go on from; expected at least one: begin with [vocabulary.start].")
        recent = as_ids(ids[-self.context :])
        check_ids(recent, self.vocabulary_size, "ids")
        with measuring(self):
            logits, _ = self(recent[None].to(self.device))
        return logits[0, -1].float().cpu()

    def read(self, ids: Sequence[int], memory=None):
        """(V,) probabilities of the token after `ids`, which follow what `memory` holds, and the memory of both.

        A memory is a value: nobody changes it, so it may be gone on from in several ways. None is that of nothing read.
        Here it is the tuple of the last `context` ids; a network that carries a state keeps that instead. Raises
        CourseError where there is no id to go on from, or one outside the vocabulary.
        """
        recent = self._recent(ids, memory)
        return self.next_probabilities(recent), recent

    def read_logits(self, ids: Sequence[int], memory=None):
        """`read` with the model's own logits (V,) in place of the probabilities, which are their softmax."""
        recent = self._recent(ids, memory)
        return self.next_logits(recent), recent

    def _recent(self, ids: Sequence[int], memory) -> tuple[int, ...]:
        return (*(memory or ()), *(int(i) for i in ids))[-self.context :]


def one_by_one(read, ids: Sequence[int], memory) -> tuple[torch.Tensor, list]:
    """Rows (T, V) and the memory after each of the T ids, where `read(ids, memory)` gives one row (V,) and a memory."""
    rows, memories = [], [memory]
    for id_ in ids:
        row, memory = read([id_], memories[-1])
        rows.append(row)
        memories.append(memory)
    return torch.stack(rows), memories[1:]


@dataclass(frozen=True)
class Window:
    """A pass reads the tokens `first:end` of a text and answers for `begin:end`; those before are only context."""

    first: int
    begin: int
    end: int

    @property
    def shape(self) -> tuple[int, int]:
        """How many tokens are read, and for how many of them there is an answer."""
        return self.end - self.first, self.end - self.begin


def passes(length: int, context: int, tokens: int) -> Iterator[list[Window]]:
    """Windows over a text in order, those of one shape together as long as they hold at most `tokens` tokens.

    One window is the least, however long. They move by half a context.
    """
    check_counts(context=context)
    check_counts(0, length=length, tokens=tokens)
    step = max(1, context // 2)
    begins = range(0, length, step)
    windows = [Window(max(0, begin + step - context), begin, min(begin + step, length)) for begin in begins]
    for (read, _), alike in groupby(windows, key=lambda window: window.shape):
        most = max(1, tokens // read)
        while together := list(islice(alike, most)):
            yield together


@contextmanager
def measuring(model: nn.Module) -> Iterator[None]:
    """No dropout and no gradients inside; afterwards, also after an error, each part is in the mode it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


def as_ids(ids: Sequence[int]) -> torch.Tensor:
    """(T,) int64 of a row of whole numbers. Raises CourseError for anything else."""
    try:
        found = torch.as_tensor(ids)
    except (RuntimeError, ValueError, TypeError) as error:
        raise CourseError(f"ids are {reprlib.repr(ids)}; expected whole numbers: {error}.") from error
    check_whole("T", ids=found)
    return found.long()


def check_ids(ids, vocabulary_size: int, name: str) -> None:
    """Raises CourseError where the array or tensor `ids` holds one that a vocabulary of this size does not have."""
    check_whole("…", **{name: ids})
    if 0 not in ids.shape and not 0 <= ids.min() <= ids.max() < vocabulary_size:
        raise CourseError(f"{name} must lie in 0 … {vocabulary_size - 1}; got {ids.min()} … {ids.max()}.")


def check_targets(targets: torch.Tensor, logits: torch.Tensor) -> None:
    """Raises where targets (B, T) do not fit logits (B, T, V): in shape, or by an id that is neither one nor −100.

    And where there is none, of which no mean loss could be taken.
    """
    check_whole(" ".join(map(str, logits.shape[:-1])), targets=targets)
    if 0 in targets.shape:
        raise CourseError(f"targets have shape {tuple(targets.shape)}; expected at least one, to take a mean loss of.")
    check_ids(targets.masked_fill(targets == NO_TARGET, 0), logits.shape[-1], "targets")
