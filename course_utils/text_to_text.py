"""A real, trained encoder–decoder, from its verified asset: it reads one text and writes another.

Flan-T5 was tuned on some hundred forms of words for each kind of task (Wei et al. 2021; Chung et al. 2022). The prompts
here are of those forms: https://github.com/google-research/FLAN/blob/main/flan/templates.py.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from safetensors.torch import load_file
from torch.nn import functional
from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from course_utils import assets
from course_utils.errors import CourseError
from course_utils.models import porting
from course_utils.models.encoder_decoder import EncoderDecoder
from course_utils.pretrained import Pieces, Pretrained
from course_utils.seeding import generator

SUMMARIZE = "Summarize:\n\n{text}"
ANSWER = "Article: {context}\n\nQuestion: {question}"
TRANSLATE = "Translate from {source} to {target}:\n\n{text}\n\n{target}:"


@dataclass(frozen=True)
class TextToText(Pretrained):
    """A pretrained encoder–decoder, and the tasks that it was tuned for.

    Each method raises CourseError for an empty text and for one with more tokens than the model has positions.
    """

    @torch.no_grad()
    def write(
        self, prompt: str, longest: int, beams: int = 1, on_text: Callable[[str], None] | None = None
    ) -> str:
        """What the model writes after reading `prompt`, at most `longest` tokens.

        beams: 1 takes the likeliest token each time; more keep that many beginnings and return the one with the highest
        log-probability per token. on_text gets each new piece of text once it is settled, with beams only at the end.
        """
        if longest < 1 or beams < 1:
            raise CourseError(f"longest is {longest} and beams is {beams}; expected 1 or more of each.")
        encoded = self._encode(prompt)
        streamer = Pieces(self.tokenizer, on_text) if on_text and beams == 1 else None
        out = self.model.generate(
            **encoded, max_new_tokens=longest, num_beams=beams, do_sample=False, streamer=streamer
        )
        text = self.tokenizer.decode(out[0], skip_special_tokens=True).strip()
        if on_text and streamer is None:
            on_text(text)
        return text

    def summarize(self, text: str, longest: int = 40) -> str:
        """What the text says, in at most `longest` tokens."""
        return self.write(SUMMARIZE.format(text=given("text", text)), longest)

    def answer(self, question: str, context: str, longest: int = 40) -> str:
        """The answer to the question, mostly as words of `context`."""
        context, question = given("context", context), given("question", question)
        return self.write(ANSWER.format(context=context, question=question), longest)

    def translate(self, text: str, source: str, target: str) -> str:
        """The text in the language `target`; languages by their English names, such as `"Spanish"`.

        At most twice as many tokens as the text has, and ten.
        """
        text, source, target = given("text", text), given("source", source), given("target", target)
        longest = 2 * len(self.tokenizer(text, verbose=False).input_ids) + 10
        return self.write(TRANSLATE.format(source=source, target=target, text=text), longest)

    @torch.no_grad()
    def classify(
        self, text: str, labels: Sequence[str], question: str = "What is this text about?"
    ) -> dict[str, float]:
        """How likely each label is as the answer to the question on the text; likeliest first, together 1.

        The probability that the model writes the label and then ends, divided by the sum over the labels.
        """
        labels = self._checked(labels)
        options = "".join(f"\n- {label}" for label in labels)
        encoded = self._encode(f"{given('text', text)}\n\n{given('question', question)}\n\nOPTIONS:{options}")
        probability = (-self._nats(labels, encoded)).double().softmax(dim=0).tolist()
        return dict(sorted(zip(labels, probability, strict=True), key=lambda entry: -entry[1]))

    def classify_calibrated(
        self, text: str, labels: Sequence[str], question: str = "What is this text about?"
    ) -> dict[str, float]:
        """`classify`, each probability divided by the one that the label has for a text without content, "N/A".

        Some labels are likely whatever the text; what reading it has changed is a better guide. Zhao et al. 2021.
        """
        read, unread = self.classify(text, labels, question), self.classify("N/A", labels, question)
        gain = {label: read[label] / unread[label] for label in read}
        total = sum(gain.values())
        return {label: gain[label] / total for label in sorted(gain, key=gain.get, reverse=True)}

    def unreadable(self, text: str) -> list[str]:
        """The parts of the text for which the tokenizer has no sign, in order: the model sees `<unk>` for each."""
        encoded = self.tokenizer(text, return_offsets_mapping=True, add_special_tokens=False, verbose=False)
        unknown = self.tokenizer.unk_token_id
        spans = zip(encoded.input_ids, encoded.offset_mapping, strict=True)
        return [text[start:end].strip() for i, (start, end) in spans if i == unknown]

    def _nats(self, labels: list[str], encoded) -> torch.Tensor:
        """−ln p of each of N labels, and of the end after it, for one encoded source: (N,)."""
        ids = self.tokenizer(labels, return_tensors="pt", padding=True)      # each ends with </s>, then padding
        targets = ids.input_ids.masked_fill(ids.attention_mask == 0, -100)   # (N, T); -100 counts nothing
        memory = self.model.get_encoder()(**encoded).last_hidden_state       # (1, S, D), read once for all labels
        count = len(labels)
        logits = self.model(
            encoder_outputs=(memory.expand(count, -1, -1),),
            attention_mask=encoded.attention_mask.expand(count, -1),
            labels=targets,
        ).logits                                                             # (N, T, V)
        return functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none").sum(dim=1)

    def _encode(self, text: str):
        encoded = self.tokenizer(given("text", text), return_tensors="pt", truncation=False, verbose=False)
        count, most = encoded.input_ids.shape[1], self.model.config.n_positions
        if count > most:
            raise CourseError(
                f"The prompt has {count:,} tokens, and the model was trained on up to {most}; shorten the text."
            )
        return encoded

    def _checked(self, labels: Sequence[str]) -> list[str]:
        """The labels. Raises CourseError unless they are two or more, none empty, each other tokens than the rest."""
        if isinstance(labels, str) or len(labels) < 2 or not all(label.strip() for label in labels):
            raise CourseError(f"labels is {labels!r}; expected a list of two or more, none of them empty.")
        tokens = {tuple(self.tokenizer(label).input_ids) for label in labels}
        if len(tokens) < len(labels):
            raise CourseError(f"Two of the labels {list(labels)} are the same tokens; give each its own words.")
        return list(labels)


def load_flan_t5() -> TextToText:
    """A flan-T5-small (Chung et al. 2022) tuned further, 77.0 million parameters in float32, from the `flan-t5` asset.

    Attention is computed step by step ("eager"), so that its weights can be had.
    """
    folder = assets.path("flan-t5")
    logging.disable_progress_bar()                                 # it would draw over the reader's page
    with quiet():
        model = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    model.config.tie_word_embeddings = False                       # as the file says; see `_config`
    return TextToText(model.eval(), AutoTokenizer.from_pretrained(folder))


ENCODER_DECODERS = ("flan-t5",)


def load_encoder_decoder(name: str) -> tuple[EncoderDecoder, PreTrainedTokenizerBase]:
    """A pretrained model's weights in our own encoder–decoder, in float32, and its tokenizer.

    Raises CourseError for a name that is none of ENCODER_DECODERS.
    """
    if name not in ENCODER_DECODERS:
        raise CourseError(f"There is no encoder–decoder {name!r} here; expected {' or '.join(ENCODER_DECODERS)}.")
    folder = assets.path(name)
    config = porting.t5_config(_config(folder))
    weights = porting.t5_weights(load_file(folder / "model.safetensors"), config.tied)
    model = porting.filled(lambda: EncoderDecoder(config, generator(0)), weights)
    return model, AutoTokenizer.from_pretrained(folder)


def _config(folder):
    """The T5Config of a folder whose output layer is a matrix of its own.

    transformers 5 sets `tie_word_embeddings` to True on every T5Config, whatever config.json says, and remembers what
    that says as `scale_decoder_outputs`; on loading it finds two matrices that differ, keeps both, and warns.
    """
    config = AutoConfig.from_pretrained(folder)
    config.tie_word_embeddings = False
    return config


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings of transformers, whose level is put back afterwards."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def given(name: str, text: str) -> str:
    """The text. Raises CourseError where there is nothing in it."""
    if not text.strip():
        raise CourseError(f"The {name} is empty; write at least one word for the model to read.")
    return text
