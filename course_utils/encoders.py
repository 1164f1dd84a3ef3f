"""A real, trained encoder, from its verified asset: a network that reads a whole text at once, in both directions."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from safetensors.torch import load_file
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from course_utils import assets
from course_utils.errors import CourseError
from course_utils.models import porting
from course_utils.models.encoder import Encoder
from course_utils.models.transformer import FUSED, Operations
from course_utils.pretrained import Pretrained
from course_utils.seeding import generator

READ_AT_ONCE = 32                                                  # texts


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

    @torch.no_grad()
    def vectors(self, texts: Sequence[str]) -> torch.Tensor:
        """(N, D) the mean over the tokens of each text, divided by its length: how all-MiniLM was trained to be read.

        Raises CourseError as `attention` does.
        """
        rows = [self._encode(text).input_ids[0] for text in texts]
        return functional.normalize(text_vectors(self.model, rows, self.tokenizer.pad_token_id), dim=-1)

    def _encode(self, text: str):
        if not text.strip():
            raise CourseError("The text is empty; write at least one word for the encoder to read.")
        encoded = self.tokenizer(text, return_tensors="pt", truncation=False, verbose=False)
        count, most = encoded.input_ids.shape[1], self.model.config.max_position_embeddings
        if count > most:
            raise CourseError(f"The text has {count:,} tokens, and the encoder has {most} positions; shorten the text.")
        return encoded


@torch.no_grad()
def text_vectors(model, rows: Sequence[torch.Tensor], padding: int, pooling: str = "mean") -> torch.Tensor:
    """Texts as rows of ids, to a vector each by an encoder of transformers: (N, D).

    pooling: "mean" of the vectors at all tokens, or "cls", the one at the first. Texts of like length are read
    together, so that little is padded; padding is the id to do it with.
    """
    order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
    vectors = torch.empty(len(rows), model.config.hidden_size)
    for first in range(0, len(order), READ_AT_ONCE):
        chosen = order[first : first + READ_AT_ONCE]
        padded = pad_sequence([rows[row] for row in chosen], batch_first=True, padding_value=padding)       # (B, T)
        mask = pad_sequence([torch.ones_like(rows[row]) for row in chosen], batch_first=True)               # (B, T)
        hidden = model(input_ids=padded, attention_mask=mask).last_hidden_state                             # (B, T, D)
        mean = (hidden * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        vectors[chosen] = hidden[:, 0] if pooling == "cls" else mean
    return vectors


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
