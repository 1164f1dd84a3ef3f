"""Instructions to actions: a chat model tuned to write what a smart home should do, as JSON. Only LoRA is learned.

Supervised fine-tuning (Ouyang et al. 2022, their first step) of SmolLM2 with LoRA (Hu et al. 2021). The checkpoint
holds the two narrow matrices of each layer; the rest is SmolLM2's own.
"""

from collections.abc import Sequence
from functools import cache

import torch
from transformers import AutoTokenizer

from course_utils import assets
from course_utils.generation import generate, greedy
from course_utils.intervals import wilson_interval
from course_utils.models.fast import FastDecoder
from course_utils.models.fast_reading import FastReader
from course_utils.models.lora import LoRAConfig, add_lora, load_lora, lora_weights
from course_utils.models.transformer import Transformer
from course_utils.pretrained import load_decoder
from course_utils.recipes.base import Prepared, Recipe, nats_per_target, sha256
from course_utils.seeding import generator
from course_utils.text.exchanges import ExchangeBatches, chat_exchange
from course_utils.text.intents import Instruction, exact_match, load_intents
from course_utils.training import FitConfig

SYSTEM = "Write the action as JSON."
TRAINING, VALIDATION, TESTED, TESTED_BEFORE = 4000, 100, 60, 20    # instructions
BATCH, CONTEXT, LONGEST, SEED = 16, 256, 60, 1


CONFIG = LoRAConfig("smollm2", ("query", "value", "gate", "up", "down"))
FIT = FitConfig(
    steps=250,
    learning_rate=2e-3,
    checkpoint_every=25,
    seed=SEED,
    precision="bfloat16",
)


def with_lora(config: LoRAConfig = CONFIG) -> Transformer:
    """The decoder with LoRA that has learned nothing yet: it writes what it wrote before."""
    model, _ = load_decoder(config.base, context=CONTEXT)
    add_lora(model, config.layers, config.rank, generator(SEED), config.alpha)
    return model


@cache
def tokenizer():
    """The decoder's own."""
    return AutoTokenizer.from_pretrained(assets.path(CONFIG.base))


def exchanges(instructions: Sequence[Instruction], examples: Sequence[Instruction] = ()) -> list:
    """Each instruction and its action as the chat model sees them, after those of `examples`."""
    shown = [(one.text, one.action) for one in examples]
    return [chat_exchange(tokenizer(), one.text, one.action, SYSTEM, shown) for one in instructions]


def prepare() -> Prepared:
    """4,000 training instructions in batches of 16; validated in nats per token of 100 validation actions."""
    intents = load_intents()
    train, held_out = (
        intents.instructions(part, count, SEED) for part, count in (("train", TRAINING), ("validation", VALIDATION))
    )
    validation = ExchangeBatches(exchanges(held_out), BATCH, SEED, CONTEXT)
    return Prepared(
        ExchangeBatches(exchanges(train), BATCH, SEED, CONTEXT),
        lambda model: nats_per_target(model, validation, validation.steps_per_epoch),
        sha256(*(f"{one.text}\t{one.action}\n" for one in train)),
    )


def test_instructions(count: int = TESTED) -> list[Instruction]:
    """Instructions whose wordings and values are not among those of training."""
    return load_intents().instructions("test", count, SEED)


@torch.no_grad()
def actions(
    model: Transformer,
    instructions: Sequence[Instruction],
    precision: str = "float32",
    examples: Sequence[Instruction] = (),
) -> list[str]:
    """What the model answers to each instruction, greedily, at most 60 tokens; with LoRA or without.

    examples: instructions whose actions it is shown before each. Prompt and answer have to fit into 256 tokens.
    """
    reader, end, written = FastReader(FastDecoder(model, precision)), tokenizer().eos_token_id, []
    for exchange in exchanges(instructions, examples):
        ids = generate(reader, exchange.prompt, LONGEST, greedy, stop=end)
        written.append(tokenizer().decode(ids, skip_special_tokens=True))
    return written


def measure(model: Transformer) -> dict:
    """The share of instructions whose action is written exactly, with Wilson's interval of 95 %; and before tuning."""
    test = test_instructions()
    share = exact_match(actions(model, test), [one.action for one in test])
    low, high = wilson_interval(round(share * len(test)), len(test))
    few = test[:TESTED_BEFORE]
    before = exact_match(actions(with_lora(), few), [one.action for one in few])
    return {
        "test_instructions": len(test),
        "exact_match": share,
        "exact_match_low": low,
        "exact_match_high": high,
        "instructions_before": len(few),
        "exact_match_before": before,
    }


INTENTS = Recipe(
    "intents", "Instructions to actions", CONFIG, FIT, with_lora, prepare, measure, lora_weights, load_lora
)
