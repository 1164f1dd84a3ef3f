"""A real, trained encoder, from its verified asset: a network that reads a whole text at once, in both directions."""

from dataclasses import dataclass

import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from course_utils import assets
from course_utils.errors import CourseError
from course_utils.models import porting
from course_utils.models.encoder import Encoder
from course_utils.models.transformer import FUSED, Operations
from course_utils.pretrained import Pretrained
from course_utils.seeding import generator


@dataclass(frozen=True)
class SentenceEncoder(Pretrained):
    """A pretrained encoder, and what lesson 06 asks of it: where its heads look."""

    @torch.no_grad()
    def attention(self, text: str) -> tuple[list[str], torch.Tensor]:
        """The tokens of `text`, T of them, and where each head looked: (layers, heads, T, T), rows summing to 1.

        The first token is `[CLS]`, the last `[SEP]`; `##` begins a token that goes on with the word before it. Raises
        CourseError for an empty text and for one with more tokens than the model has positions.
        """
        encoded = self._encode(text)
        weights = self.model(**encoded, output_attentions=True).attentions
        return self.tokenizer.convert_ids_to_tokens(encoded.input_ids[0].tolist()), torch.cat(weights)

    def _encode(self, text: str):
        if not text.strip():
            raise CourseError("The text is empty; write at least one word for the encoder to read.")
        encoded = self.tokenizer(text, return_tensors="pt", truncation=False, verbose=False)
        count, most = encoded.input_ids.shape[1], self.model.config.max_position_embeddings
        if count > most:
            raise CourseError(f"The text has {count:,} tokens, and the encoder has {most} positions; shorten the text.")
        return encoded


def load_minilm() -> SentenceEncoder:
    """all-MiniLM-L6-v2 (Reimers and Gurevych 2019; Wang et al. 2020), 22.7 million parameters, from `minilm`.

    Attention is computed step by step ("eager"), so that its weights can be had.
    """
    folder = assets.path("minilm")
    disable_progress_bar()                                         # it would draw over the reader's page
    model = AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    return SentenceEncoder(model.eval(), AutoTokenizer.from_pretrained(folder))


ENCODERS = ("minilm",)


def load_encoder(name: str, operations: Operations = FUSED) -> tuple[Encoder, PreTrainedTokenizerBase]:
    """A pretrained model's weights in our own encoder, in float32, and its tokenizer.

    Raises CourseError for a name that is none of ENCODERS.
    """
    if name not in ENCODERS:
        raise CourseError(f"There is no encoder {name!r} here; expected {' or '.join(ENCODERS)}.")
    folder = assets.path(name)
    config = porting.bert_config(AutoConfig.from_pretrained(folder))
    weights = porting.bert_weights(load_file(folder / "model.safetensors"))
    model = porting.filled(lambda: Encoder(config, generator(0), operations), weights)
    return model, AutoTokenizer.from_pretrained(folder)
