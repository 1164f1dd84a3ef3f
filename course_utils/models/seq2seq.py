"""Encoder and decoder: read one sequence, write another, with or without looking back. Sutskever et al. 2014.

Notation: B batch, S source length, T target length, D width. Ids 0, 1, 2 are padding, start and end of a sequence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from course_utils.errors import CourseError
from course_utils.models.attention import check_each_sees
from course_utils.models.language_model import as_ids, check_ids, check_targets, measuring
from course_utils.models.recurrent import fused, initialise
from course_utils.shapes import check_alike, check_counts, check_floats, check_shape, check_shapes, check_whole

PAD, START, END = 0, 1, 2


# --- attention ------------------------------------------------------------------------------------


def mix(scores: torch.Tensor, memory: torch.Tensor, mask: torch.Tensor):
    """Softmax the scores (B, T, S) over the source and average the memory (B, S, D) by them.

    mask (B, S), True where there is a source. Returns the context (B, T, D) and the weights (B, T, S).
    """
    check_floats("B T S, B S D", scores=scores, memory=memory)
    check_alike(scores=scores, memory=memory)
    _check_mask(mask, memory)
    weights = scores.masked_fill(~mask[:, None], float("-inf")).softmax(dim=-1)
    return weights @ memory, weights


def _check_parts(query: torch.Tensor, memory: torch.Tensor, mask: torch.Tensor) -> None:
    """Raises ShapeError or CourseError where query (B, T, D), memory (B, S, D) and mask (B, S) do not fit."""
    check_floats("B T D, B S D", query=query, memory=memory)
    check_alike(query=query, memory=memory)
    _check_mask(mask, memory)


def _check_mask(mask: torch.Tensor, memory: torch.Tensor) -> None:
    check_shape(mask, f"{memory.shape[0]} {memory.shape[1]}", "mask")
    if mask.dtype != torch.bool:
        raise CourseError(f"mask is {mask.dtype}; expected torch.bool, True on the source.")
    check_each_sees(mask)


class NoAttention(nn.Module):
    """The same summary of the whole source at every step: what the encoder held at the end. Cho et al. 2014.

    The weights say so: all of it comes from the last position.
    """

    def __init__(self, width: int):
        super().__init__()

    def forward(self, query: torch.Tensor, memory: torch.Tensor, mask: torch.Tensor):
        _check_parts(query, memory, mask)
        last = functional.one_hot(mask.sum(dim=1) - 1, mask.shape[1]).to(memory.dtype)      # (B, S)
        weights = last[:, None].expand(-1, query.shape[1], -1)
        return weights @ memory, weights


class DotAttention(nn.Module):
    """score = query · memory. Luong, Pham and Manning 2015. Has no weights of its own."""

    def __init__(self, width: int):
        super().__init__()

    def forward(self, query: torch.Tensor, memory: torch.Tensor, mask: torch.Tensor):
        _check_parts(query, memory, mask)
        return mix(query @ memory.transpose(1, 2), memory, mask)


class AdditiveAttention(nn.Module):
    """score = v · tanh(W query + U memory). Bahdanau, Cho and Bengio 2015."""

    def __init__(self, width: int):
        super().__init__()
        check_counts(width=width)
        self.query, self.memory = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, query: torch.Tensor, memory: torch.Tensor, mask: torch.Tensor):
        _check_parts(query, memory, mask)
        check_shape(query, f"B T {self.query.in_features}", "query")
        check_alike(query=query, weight=self.query.weight)
        together = self.query(query)[:, :, None] + self.memory(memory)[:, None]             # (B, T, S, D)
        return mix(self.score(torch.tanh(together)).squeeze(-1), memory, mask)


ATTENTIONS = {"none": NoAttention, "dot": DotAttention, "additive": AdditiveAttention}


# --- the model ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seq2SeqConfig:
    """Sizes of an encoder–decoder. `attention` is none, dot or additive; the width is split between two directions."""

    source_size: int
    target_size: int
    attention: str = "additive"
    embedding: int = 128
    width: int = 256
    layers: int = 1
    dropout: float = 0.0

    def __post_init__(self):
        if self.attention not in ATTENTIONS:
            raise CourseError(f"attention is {self.attention!r}; expected one of {', '.join(ATTENTIONS)}.")
        if min(self.source_size, self.target_size, self.embedding, self.layers) < 1 or self.width < 2 or self.width % 2:
            raise CourseError(f"{self}: expected sizes of 1 or more, and an even width.")


@dataclass(frozen=True)
class Encoded:
    """A source for the decoder: memory (B, S, D), mask (B, S) True on the source, and the decoder's first state."""

    memory: torch.Tensor
    mask: torch.Tensor
    state: tuple[torch.Tensor, torch.Tensor]

    def rows(self, index: torch.Tensor) -> "Encoded":
        """The sources in these rows, in this order; a row may be taken more than once."""
        check_whole("N", index=index)
        check_ids(index, len(self.mask), "index")
        return Encoded(self.memory[index], self.mask[index], tuple(part[:, index] for part in self.state))


class Encoder(nn.Module):
    """A bidirectional LSTM over the source: each position's state has read what is before it and what is after it."""

    def __init__(self, config: Seq2SeqConfig):
        super().__init__()
        self.layers = config.layers
        self.embedding = nn.Embedding(config.source_size, config.embedding)
        self.dropout = nn.Dropout(config.dropout)
        self.recurrence = fused(
            "lstm", config.embedding, config.width // 2, config.layers, config.dropout, bidirectional=True
        )
        self.bridge = nn.ModuleList(nn.Linear(config.width, config.width) for _ in range(2))

    def forward(self, source: torch.Tensor) -> Encoded:
        mask = source != PAD
        packed = pack_padded_sequence(
            self.dropout(self.embedding(source)), mask.sum(dim=1).cpu(), batch_first=True, enforce_sorted=False
        )                                                                # or the backward half would begin in padding
        states, last = self.recurrence(packed)
        memory, _ = pad_packed_sequence(states, batch_first=True, total_length=source.shape[1])
        both = [part.unflatten(0, (self.layers, 2)).transpose(1, 2).flatten(2) for part in last]    # (layers, B, D)
        hidden, cell = (torch.tanh(bridge(part)) for bridge, part in zip(self.bridge, both, strict=True))
        return Encoded(memory, mask, (hidden, cell))


class Decoder(nn.Module):
    """An LSTM over the target. At each step its state asks the attention for a context and predicts from both.

    So in Luong et al. 2015; Bahdanau et al. 2015 ask with the state before, and feed the context to the recurrence.
    """

    def __init__(self, config: Seq2SeqConfig):
        super().__init__()
        self.embedding = nn.Embedding(config.target_size, config.embedding)
        self.dropout = nn.Dropout(config.dropout)
        self.recurrence = fused("lstm", config.embedding, config.width, config.layers, config.dropout)
        self.attention = ATTENTIONS[config.attention](config.width)
        self.combine = nn.Linear(2 * config.width, config.width)
        self.output = nn.Linear(config.width, config.target_size)

    def forward(self, inputs: torch.Tensor, encoded: Encoded, state=None):
        query, state = self.recurrence(self.dropout(self.embedding(inputs)), state or encoded.state)     # (B, T, D)
        context, weights = self.attention(query, encoded.memory, encoded.mask)
        together = torch.tanh(self.combine(torch.cat([context, query], dim=-1)))
        return self.output(self.dropout(together)), state, weights


class Seq2Seq(nn.Module):
    """p(target | source), one target token at a time. Keeps the contract of `fit`: model(*batch) is (logits, loss)."""

    def __init__(self, config: Seq2SeqConfig, generator: torch.Generator):
        super().__init__()
        self.config = config
        self.encoder, self.decoder = Encoder(config), Decoder(config)
        initialise(self, config.width, generator)

    @property
    def parameter_count(self) -> int:
        """How many numbers the model consists of."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def device(self) -> torch.device:
        """Where the model's numbers are."""
        return self.decoder.output.weight.device

    def encode(self, source: torch.Tensor) -> Encoded:
        """source (B, S) int64, padded at the end with 0. Raises CourseError for an id out of range or an empty row."""
        check_shape(source, "B S", "source")
        check_ids(source, self.config.source_size, "source")
        if source.shape[1] == 0 or bool((source[:, 0] == PAD).any()):
            raise CourseError("A source is empty; each row needs at least one symbol before its padding.")
        check_shapes("B+ S", source=source)
        return self.encoder(source)

    def decode(self, inputs: torch.Tensor, encoded: Encoded, state=None):
        """inputs (B, T): the target so far. Returns logits (B, T, V), the state after them, and weights (B, T, S)."""
        check_shape(inputs, f"{len(encoded.mask)} T", "inputs")
        check_shapes("B+ T+", inputs=inputs)
        check_ids(inputs, self.config.target_size, "inputs")
        return self.decoder(inputs, encoded, state)

    def forward(self, source: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor | None = None):
        """Teacher forcing: inputs are the true targets one place later. Targets of −100 are not counted.

        Returns logits (B, T, V) and the loss in nats per token, None without targets.
        """
        logits, _, _ = self.decode(inputs, self.encode(source))
        if targets is not None:
            check_targets(targets, logits)
        return logits, None if targets is None else functional.cross_entropy(logits.transpose(1, 2), targets)

    @torch.no_grad()
    def alignment(self, source: Sequence[int], target: Sequence[int]) -> torch.Tensor:
        """(T, S) where the decoder looks in `source` as it writes each id of `target`; each row sums to 1."""
        with measuring(self):
            encoded = self.encode(as_ids(source)[None].to(self.device))
            inputs = as_ids([START, *target][:-1] or [START]).to(self.device)
            return self.decode(inputs[None], encoded)[2][0, : len(target)].cpu()


class Conditioned:
    """A Seq2Seq with its source fixed: a model of the target alone, for `generate`. Begin with the prompt [START]."""

    def __init__(self, model: Seq2Seq, source: Sequence[int]):
        self.model, self.vocabulary_size = model, model.config.target_size
        with measuring(model):
            self.encoded = model.encode(as_ids(source)[None].to(model.device))

    def read(self, ids: Sequence[int], memory=None):
        """(V,) probabilities of the token after `ids`, which follow what `memory` holds, and the memory of both."""
        if len(ids) == 0:
            raise CourseError("There are no ids to go on from; expected at least one: begin with [START].")
        with measuring(self.model):
            inputs = as_ids(ids).to(self.model.device)
            logits, state, _ = self.model.decode(inputs[None], self.encoded, memory)
        return logits[0, -1].float().softmax(dim=-1).cpu(), state
