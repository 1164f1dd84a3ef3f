"""One training step of a GPT: ours beside three others of the same sizes. Forward, backward, AdamW.

All have learned positions, heads, width and layers alike, a feed-forward layer four times as wide, and no dropout. The
same fused AdamW trains them on the same ids; the record states their parameters. The output layer is the embedding
where the peer can do that: llms-from-scratch cannot, and has one more matrix to train.

Each peer runs by the fastest settings that it documents for the same function: the fused tanh GELU, no cache for
writing, and for attention torch's fused kernel in float32. Under bfloat16 autocast that kernel takes several times as
long on a CPU, so there the peers' attention is their own, of products and a softmax; not in llms-from-scratch, where a
slow GELU and slow norms come with it.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional
from transformers import GPT2Config, GPT2LMHeadModel

from benchmarks.paired import Contest, Growth, Measured, Run, growth, operators, peer, race
from course_utils.models.transformer import Transformer, TransformerConfig
from course_utils.seeding import generator

VOCABULARY, HEAD, LAYERS = 2048, 32, 6                             # HEAD: the width of one head
WIDTH, LENGTH, BATCH = 192, 128, 32
PRECISIONS = ("float32", "bfloat16 autocast")
TARGET = 1.1
WIDTHS, LENGTHS, GROWING_BATCH = (64, 128, 256, 512), (64, 128, 256, 512), 8
OURS, GPT2, FROM_SCRATCH, X_TRANSFORMERS = "ours", "transformers GPT-2", "llms-from-scratch", "x-transformers"
KINDS = {                                                          # operators of torch -> what they are for
    "products with the weights": ("_linear_pointwise", "aten::mm", "addmm", "mkldnn_linear"),
    "attention": ("scaled_dot_product", "flash_attention"),
    "loss": ("softmax", "nll_loss"),
    "GELU": ("gelu",),
    "norms": ("layer_norm",),
    "optimizer": ("_fused_adam", "_foreach", "addcdiv", "addcmul", "lerp", "sqrt"),
    "copies": ("copy_",),
}
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def measure(rounds: int) -> Measured:
    """A step beside each peer in both precisions, how it grows with width and length, and the parameters of each."""
    contests = []
    for precision in PRECISIONS:
        made = {name: make(WIDTH, LENGTH) for name, make in makers(precision).items()}
        steps = {name: step(model, loss, BATCH, LENGTH, precision) for name, (model, loss) in made.items()}
        timing, spent = race(steps, rounds), operators(steps[OURS], KINDS)
        contests += [
            Contest.of(timing, f"train a GPT, {precision}", OURS, name, BATCH * LENGTH, "tokens/s", TARGET, spent)
            for name in steps
            if name != OURS
        ]
    parameters = {name: sum(p.numel() for p in model.parameters()) for name, (model, _) in made.items()}
    return Measured(contests, _growth(min(rounds, 3)), {"parameters": parameters})


def makers(precision: str = PRECISIONS[0]) -> dict[str, Callable[[int, int], tuple[nn.Module, Loss]]]:
    """What makes a model of a width for texts of a length, and its loss; without the peers that are not installed."""
    fused = precision == PRECISIONS[0]
    found = {OURS: ours, GPT2: lambda width, length: gpt2(width, length, fused)}
    if module := peer("llms_from_scratch.ch04", FROM_SCRATCH):
        found[FROM_SCRATCH] = lambda width, length: from_scratch(module, width, length)
    if library := peer("x_transformers", X_TRANSFORMERS):
        found[X_TRANSFORMERS] = lambda width, length: x_transformer(library, width, length, fused)
    return found


def ours(width: int, length: int) -> tuple[nn.Module, Loss]:
    """The course's decoder as a GPT-2."""
    model = Transformer(TransformerConfig(VOCABULARY, length, width, width // HEAD, LAYERS), generator(0))
    return model, lambda inputs, targets: model(inputs, targets)[1]


def gpt2(width: int, length: int, fused: bool) -> tuple[nn.Module, Loss]:
    """`transformers`' GPT-2."""
    model = gpt2_of(TransformerConfig(VOCABULARY, length, width, width // HEAD, LAYERS))
    model.set_attn_implementation("sdpa" if fused else "eager")
    return model, lambda inputs, targets: cross_entropy(model(input_ids=inputs).logits, targets)


def gpt2_of(config: TransformerConfig) -> GPT2LMHeadModel:
    """`transformers`' GPT-2 of the sizes of one of ours, without dropout.

    Its own `gelu_new` is the same formula in several steps, and it would fill a cache for writing in training too.
    """
    sizes = {"vocab_size": config.vocabulary_size, "n_positions": config.context, "n_embd": config.width}
    sizes |= {"n_layer": config.layers, "n_head": config.heads}
    no_dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    fast = {"activation_function": "gelu_pytorch_tanh", "use_cache": False}
    return GPT2LMHeadModel(GPT2Config(**sizes, **no_dropout, **fast, bos_token_id=0, eos_token_id=0))


def from_scratch(module, width: int, length: int) -> tuple[nn.Module, Loss]:
    """The fast one of the two models of llms-from-scratch: torch's own attention, GELU and norm."""
    sizes = {"vocab_size": VOCABULARY, "context_length": length, "emb_dim": width, "n_layers": LAYERS}
    model = module.GPTModelFast(sizes | {"n_heads": width // HEAD, "drop_rate": 0.0, "qkv_bias": True})
    return model, lambda inputs, targets: cross_entropy(model(inputs), targets)


def x_transformer(library, width: int, length: int, fused: bool) -> tuple[nn.Module, Loss]:
    """A decoder of x-transformers with the GELU of the others and the output layer tied."""
    sizes = {"dim": width, "depth": LAYERS, "heads": width // HEAD, "attn_dim_head": HEAD}
    layers = library.Decoder(**sizes, attn_flash=fused, ff_custom_activation=nn.GELU(approximate="tanh"))
    model = library.TransformerWrapper(
        num_tokens=VOCABULARY, max_seq_len=length, attn_layers=layers, tie_embedding=True
    )
    return model, lambda inputs, targets: cross_entropy(model(inputs), targets)


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Nats a token: logits (B, T, V) and targets (B, T)."""
    return functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


def step(model: nn.Module, loss: Loss, batch: int, length: int, precision: str) -> Run:
    """One step on random ids."""
    ids = torch.randint(VOCABULARY, (batch, length + 1), generator=generator(1))
    inputs, targets = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def run() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision != "float32"):
            value = loss(inputs, targets)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()

    return run


def _growth(rounds: int) -> list[Growth]:
    def by_width(make: Callable) -> Callable[[int], Run]:
        return lambda width: step(*make(width, LENGTH), GROWING_BATCH, LENGTH, PRECISIONS[0])

    def by_length(make: Callable) -> Callable[[int], Run]:
        return lambda length: step(*make(WIDTH, length), GROWING_BATCH, length, PRECISIONS[0])

    known = makers()
    widths, lengths = ({name: by(make) for name, make in known.items()} for by in (by_width, by_length))
    return [
        *growth("train a GPT", "width", widths, WIDTHS, rounds),
        *growth("train a GPT", "tokens of context", lengths, LENGTHS, rounds),
    ]
