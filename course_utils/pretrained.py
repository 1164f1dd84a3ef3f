"""Real, trained language models, from their verified assets."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from inspect import signature

import torch
from safetensors.torch import load_file

from course_utils import assets
from course_utils.errors import CourseError
from course_utils.interrupts import held_back
from course_utils.models import porting
from course_utils.models.transformer import FUSED, Operations, Transformer
from course_utils.seeding import generator

with held_back():                                                  # half imported, it could not be imported again
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        AutoTokenizer,
        DynamicCache,
        PreTrainedModel,
        PreTrainedTokenizerBase,
        TextStreamer,
    )
    from transformers.utils.logging import disable_progress_bar


def read_on(model: PreTrainedModel, ids: torch.Tensor, cache: DynamicCache, **settings):
    """What the model says of ids (B, T) that follow those in the cache; they are added to it.

    The argument is called `cache` since transformers 5.24, `past_key_values` before.
    """
    name = "cache" if "cache" in signature(model.forward).parameters else "past_key_values"
    return model(ids, use_cache=True, **{name: cache}, **settings)


class Pieces(TextStreamer):
    """Hands each new piece of text to a function instead of printing it."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, on_text: Callable[[str], None]):
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self.on_text = on_text

    def on_finalized_text(self, text: str, stream_end: bool = False):
        self.on_text(text)


@dataclass(frozen=True)
class Pretrained:
    """A pretrained model with its tokenizer."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    @property
    def parameter_count(self) -> int:
        """How many numbers the model consists of."""
        return sum(parameter.numel() for parameter in self.model.parameters())


@dataclass(frozen=True)
class ChatModel(Pretrained):
    """A pretrained chat model, and what lesson 00 asks of it: what comes next, answers, surprise."""

    @torch.no_grad()
    def next_token(self, text: str, top: int = 10) -> dict[str, float]:
        """The `top` likeliest next tokens after `text` with their probabilities, likeliest first.

        Tokens that read alike are one entry with the sum of their probabilities: a part of an emoji, say, shows as
        U+FFFD, like any other bytes that are no character.
        """
        ids = self._encode(text).input_ids
        probability = self.model(ids).logits[0, -1].float().softmax(dim=-1)
        values, order = probability.topk(top)
        expected: dict[str, float] = {}
        for i, p in zip(order.tolist(), values.tolist(), strict=True):
            token = self.tokenizer.decode([i])
            expected[token] = expected.get(token, 0.0) + p
        return dict(sorted(expected.items(), key=lambda entry: -entry[1]))

    @torch.no_grad()
    def write(self, text: str, length: int, generator: torch.Generator) -> str:
        """`text` and `length` more tokens, each drawn with the probability the model gives it."""
        ids = self._encode(text).input_ids
        out, cache = ids, DynamicCache(config=self.model.config)
        for _ in range(length):
            probability = read_on(self.model, ids, cache).logits[0, -1].float().softmax(dim=-1)
            ids = torch.multinomial(probability, 1, generator=generator)[None]
            out = torch.cat([out, ids], dim=1)
        return self.tokenizer.decode(out[0])

    @torch.no_grad()
    def bits(self, text: str) -> float:
        """−log2 p of the text after its first token: how surprised the model is by it, in bits."""
        ids = self._encode(text).input_ids
        log_p = self.model(ids).logits[0, :-1].float().log_softmax(dim=-1)
        return -log_p.gather(1, ids[0, 1:, None]).sum().item() / math.log(2)

    @torch.no_grad()
    def attention(self, text: str) -> tuple[list[str], torch.Tensor]:
        """The tokens of `text`, T of them, and where each head looked: (layers, heads, T, T), rows summing to 1."""
        encoded = self._encode(text)
        weights = self.model(**encoded, output_attentions=True).attentions
        return [self.tokenizer.decode([i]) for i in encoded.input_ids[0]], torch.cat(weights)

    def _encode(self, text: str):
        if not text:
            raise CourseError("The text is empty; write at least one word for the model to go on from.")
        return self.tokenizer(text, return_tensors="pt")

    def untrained(self, seed: int) -> "ChatModel":
        """The same network with random numbers for weights: the model before school."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)                           # transformers draws initial weights from the global state
            return ChatModel(AutoModelForCausalLM.from_config(self.model.config).eval(), self.tokenizer)

    def prompt(self, question: str) -> str:
        """The question as the model was trained to see it: wrapped in its chat template, ready for the answer."""
        message = [{"role": "user", "content": question}]
        return self.tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)

    def answer(
        self, question: str, longest: int = 60, begin: str = "", on_text: Callable[[str], None] | None = None
    ) -> str:
        """Answer with the likeliest token each time, at most `longest` of them.

        `begin` is put into the model's mouth as the start of its answer; `on_text` gets each new piece of text.
        """
        if not question.strip():
            raise CourseError("The question is empty; write one.")
        ids = self.tokenizer(self.prompt(question) + begin, return_tensors="pt", add_special_tokens=False)
        streamer = Pieces(self.tokenizer, on_text) if on_text else None
        out = self.model.generate(**ids, max_new_tokens=longest, do_sample=False, streamer=streamer)
        return self.tokenizer.decode(out[0, ids.input_ids.shape[1] :], skip_special_tokens=True).strip()


def load_chat_model(dtype: torch.dtype = torch.float32) -> ChatModel:
    """SmolLM2-135M-Instruct (Ben Allal et al. 2025), 134.5 million parameters, from the `smollm2` asset."""
    folder = assets.path("smollm2")
    disable_progress_bar()                                         # it would draw over the reader's page
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="eager")
    return ChatModel(model.eval(), AutoTokenizer.from_pretrained(folder))


DECODERS = ("smollm2",)


def load_decoder(name: str, operations: Operations = FUSED, context: int = 2048):
    """A pretrained model's weights in our own decoder, in float32, and its tokenizer: (Transformer, tokenizer).

    context: how many tokens it reads at most; those of SmolLM2 were trained with up to 8,192. Raises CourseError for a
    name that is none of DECODERS.
    """
    if name not in DECODERS:
        raise CourseError(f"There is no decoder {name!r} here; expected {' or '.join(DECODERS)}.")
    folder = assets.path(name)
    config = porting.llama_config(AutoConfig.from_pretrained(folder))
    shorter = replace(config, context=min(context, config.context))
    weights = porting.llama_weights(load_file(folder / "model.safetensors"), config.tied)
    model = porting.filled(lambda: Transformer(shorter, generator(0), operations), weights)
    return model, AutoTokenizer.from_pretrained(folder)
