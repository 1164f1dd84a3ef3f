"""One training step of our GPT beside `transformers`' GPT-2 of the same sizes: forward, backward, AdamW."""

from collections.abc import Callable

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from benchmarks.paired import Spread, Timing, race
from course_utils.models.transformer import Transformer, TransformerConfig
from course_utils.seeding import generator

VOCABULARY, WIDTH, HEADS, LAYERS, LENGTH, BATCH = 2048, 192, 6, 6, 128, 32
TOKENS = BATCH * LENGTH
PRECISIONS = ("float32", "bfloat16 autocast")


def measure(rounds: int) -> tuple[list[dict], int]:
    """Rows of tokens a second and of how many times as fast ours is; and the number of parameters."""
    ours = Transformer(TransformerConfig(VOCABULARY, LENGTH, WIDTH, HEADS, LAYERS), generator(0))
    theirs = GPT2LMHeadModel(_their_config())
    sizes = {sum(parameter.numel() for parameter in model.parameters()) for model in (ours, theirs)}
    if len(sizes) != 1:
        raise AssertionError(f"The two models differ in size: {sizes}.")
    ids = torch.randint(VOCABULARY, (BATCH, LENGTH + 1), generator=generator(1))
    inputs, targets = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()

    def their_loss() -> torch.Tensor:
        logits = theirs(input_ids=inputs).logits
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())

    steps = {}
    for precision in PRECISIONS:
        low = precision != "float32"
        steps[f"ours {precision}"] = _step(ours, lambda: ours(inputs, targets)[1], low)
        steps[f"transformers {precision}"] = _step(theirs, their_loss, low)
    timing = race(steps, rounds)
    return [_row(precision, timing) for precision in PRECISIONS], sizes.pop()


def _their_config() -> GPT2Config:
    return GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=LENGTH,
        n_embd=WIDTH,
        n_layer=LAYERS,
        n_head=HEADS,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
    )


def _step(model, loss: Callable[[], torch.Tensor], low: bool) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            value = loss()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()

    return step


def _row(precision: str, timing: Timing) -> dict[str, str | Spread]:
    return {
        "precision": precision,
        "ours": timing.rate(f"ours {precision}", TOKENS),
        "theirs": timing.rate(f"transformers {precision}", TOKENS),
        "faster": timing.faster(f"ours {precision}", f"transformers {precision}"),
    }
