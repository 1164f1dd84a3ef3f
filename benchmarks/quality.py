"""What fewer bits per weight cost: SmolLM2 in bits per byte on the test addresses, in each precision."""

import math

import torch
from tqdm import tqdm
from transformers import AutoTokenizer

from course_utils import assets
from course_utils.models.fast import PRECISIONS, FastDecoder
from course_utils.pretrained import load_decoder
from course_utils.text import load_sotu

WINDOW = 1024


def measure(n_bytes: int | None) -> dict[str, float]:
    """Bits per byte of the first `n_bytes` of the test text, or of all of it, by precision."""
    tokenizer = AutoTokenizer.from_pretrained(assets.path("smollm2"), model_max_length=10**9)
    text = load_sotu().test if n_bytes is None else load_sotu().test[:n_bytes]
    decoder, _ = load_decoder("smollm2")
    return {precision: bits_per_byte(FastDecoder(decoder, precision), tokenizer, text) for precision in PRECISIONS}


def bits_per_byte(model: FastDecoder, tokenizer, text: str) -> float:
    """In windows of 1,024 tokens, each begun anew; the first token of each window is not counted, nor are its bytes."""
    nats, n_bytes = surprises(model, tokenizer, text)
    return nats.sum().item() / math.log(2) / n_bytes


def surprises(model: FastDecoder, tokenizer, text: str) -> tuple[torch.Tensor, int]:
    """Nats of each token that is counted, and how many bytes they are; see `bits_per_byte`."""
    ids = tokenizer(text).input_ids
    nats, n_bytes = [], 0
    for first in tqdm(range(0, len(ids), WINDOW), unit="window", leave=False, desc=model.precision):
        window = ids[first : first + WINDOW]
        model.reset()
        log_p = model.logits(window)[:-1].log_softmax(dim=-1)
        nats.append(-log_p.gather(1, torch.tensor(window)[1:, None])[:, 0].double())
        n_bytes += len(tokenizer.decode(window[1:]).encode())
    return torch.cat(nats), n_bytes
