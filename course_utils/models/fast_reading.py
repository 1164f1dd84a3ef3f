"""The fast decoder behind the contract of every language model, for strategies that go back and try another way."""

from collections.abc import Callable, Sequence

import torch

from course_utils.models.fast import FastDecoder
from course_utils.models.language_model import one_by_one
from course_utils.shapes import check_alike, check_floats


class FastReader:
    """A FastDecoder that reads on from a memory: `read`, `read_logits`, `read_each` and `read_hidden` of a Transformer.

    A memory is the ids of the text. What it has in common with the text in the decoder's cache is not read again, so
    to go back, as speculative decoding does, costs nothing; beams, which take turns, are read anew from where they
    part. When the context is full, the older half is forgotten. The decoder is for this reader alone.
    """

    def __init__(self, decoder: FastDecoder):
        self.decoder, self._held = decoder, ()
        self.vocabulary_size, self.context = decoder.config.vocabulary_size, decoder.config.context

    def read(self, ids: Sequence[int], memory=None):
        """(V,) probabilities of the token after `ids`, which follow what `memory` holds, and the memory of both.

        Raises CourseError where there is no id to go on from, or one outside the vocabulary.
        """
        logits, memory = self.read_logits(ids, memory)
        return logits.softmax(dim=-1), memory

    def read_logits(self, ids: Sequence[int], memory=None):
        """`read` with logits (V,) in place of the probabilities."""
        return self._after(ids, memory, self.decoder.read)

    def read_each(self, ids: Sequence[int], memory=None):
        """(T, V) logits of what follows each of the ids, in one pass, and the memory after each of them."""
        if len(memory or ()) + len(ids) > self.context:            # where the past is forgotten, each reads another one
            return one_by_one(self.read_logits, ids, memory)
        rows, text = self._after(ids, memory, self.decoder.logits)
        return rows[-len(ids) :], [text[:end] for end in range(len(text) - len(ids) + 1, len(text) + 1)]

    def read_hidden(self, ids: Sequence[int], memory=None):
        """The normed stream (T, D) at the ids, which `logits` turns into logits, and the memory."""
        states, text = self._after(ids, memory, self.decoder.states)
        return states[-len(ids) :], text

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """The normed stream (…, D) to logits (…, V)."""
        check_floats(f"…+ {self.decoder.config.width}", states=states)
        check_alike(states=states, gain=self.decoder.gain)
        return self.decoder.head(states.reshape(-1, states.shape[-1])).view(*states.shape[:-1], -1)

    def _after(self, ids: Sequence[int], memory, read: Callable) -> tuple[torch.Tensor, tuple[int, ...]]:
        """What `read` gives for the ids, or for more of the text's end if the decoder has to; and the text."""
        text = (*(memory or ()), *(int(i) for i in ids))
        if len(text) > self.context:
            text = text[-(self.context // 2 + 1) :]
        if self.decoder.read_so_far != len(self._held):
            self._held = ()                                        # somebody else has used the decoder
        kept = max(0, min(common(self._held, text), len(text) - len(ids)))
        self.decoder.rewind(kept)
        self._held = text[:kept]
        result = read(text[kept:])
        self._held = text
        return result, text


def common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many ids both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))
