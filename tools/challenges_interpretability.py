"""Interpretability: which heads copy, when the answer is there, what attention explains, what a probe reads.

`python -m tools.challenges interpretability` measures it at full size, in about five minutes on one core.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from course_utils.grounded import share
from course_utils.interpretability import (
    copy_nats,
    induction_scores,
    look_through,
    moved,
    repeated_tokens,
    residual_streams,
)
from course_utils.models.head_surgery import (
    Head,
    ablated,
    even,
    every_head,
    random_heads,
    shuffled,
    top_heads,
)
from course_utils.models.transformer import Transformer
from course_utils.pretrained import load_decoder
from course_utils.probing import Share as ProbeShare
from course_utils.probing import Tokens, selectivity
from course_utils.seeding import generator
from course_utils.text.topics import part
from tools.challenges_figures import Figure, Measured, exact, figure, of_mean, of_share

ORDINARY = range(1_000, 20_000)  # ids of words and parts of words
TOGETHER = 5  # heads that are silenced at a time
TOPICS = 4


@dataclass(frozen=True)
class Size:
    """How much is looked at.

    search, texts: repeated texts to find the heads in, and others to measure them in; length: tokens before the
    repetition. draws: sets of random heads. heads: single heads whose attention is shuffled. lens: texts under the
    lens. articles: texts of each topic to fit the probe to, half as many to test it; tokens: read of each. layer: how
    many blocks come before the states that are probed.
    """

    search: int = 4
    texts: int = 16
    length: int = 24
    draws: int = 3
    heads: int = 24
    lens: int = 40
    articles: int = 50
    tokens: int = 20
    layer: int = 15


def measure(size: Size = Size()) -> Measured:
    """All figures of interpretability."""
    model, tokenizer = load_decoder("smollm2")
    return {
        **induction(model, tokenizer, size),
        **lens(model, tokenizer, size),
        **attention(model, tokenizer, size),
        **probe(model, tokenizer, size),
    }


def beginnings(tokenizer, texts: Sequence[str], count: int, length: int) -> torch.Tensor:
    """(count, length) ids of the first texts that have so many tokens."""
    rows = (tokenizer(text, add_special_tokens=False, verbose=False).input_ids for text in texts)
    found = [row[:length] for row in rows if len(row) >= length]
    return torch.tensor(found[:count])


# --- heads that copy -------------------------------------------------------------------------------


def induction(model: Transformer, tokenizer, size: Size = Size()) -> Measured:
    """The heads that look where copying needs it, and what is lost without them; beside random ones, in pairs."""
    ids = repeated_tokens(size.search + size.texts, size.length, ORDINARY, generator(1))
    scores = induction_scores(model, ids[: size.search]).mean(dim=0)  # (L, H)
    best, ids = top_heads(scores, TOGETHER), ids[size.search :]
    others = [head for head in every_head(model) if head not in best]
    whole, lost = copy_nats(model, ids), {}
    lost["best"] = nats_without(model, ids, best) - whole
    drawn = [random_heads(TOGETHER, others, generator(seed)) for seed in range(1, size.draws + 1)]
    lost["random"] = torch.stack([nats_without(model, ids, heads) - whole for heads in drawn]).mean(dim=0)
    plain = beginnings(tokenizer, part("test").texts, size.texts, 2 * size.length)
    before = model.token_nats(plain[:, :-1], plain[:, 1:]).mean(dim=1)
    with ablated(model, best):
        after = model.token_nats(plain[:, :-1], plain[:, 1:]).mean(dim=1)
    return {
        "copying_whole": of_mean(whole, "nats per token"),
        "copying_lost_without_best_five": of_mean(lost["best"], "nats per token"),
        "copying_lost_without_random_five": of_mean(lost["random"], "nats per token"),
        "prose_lost_without_best_five": of_mean(after - before, "nats per token"),
        "best_score": of_mean(induction_scores(model, ids)[:, best[0][0], best[0][1]], "share of attention"),
        "heads_above_a_half": exact(int((scores > 0.5).sum()), scores.numel(), "heads"),
    }


def nats_without(model: Transformer, ids: torch.Tensor, heads: Sequence[Head]) -> torch.Tensor:
    """(B,) `copy_nats` while these heads say nothing."""
    with ablated(model, heads):
        return copy_nats(model, ids)


# --- when the answer is there ----------------------------------------------------------------------


def lens(model: Transformer, tokenizer, size: Size = Size()) -> Measured:
    """After how many blocks the next token is the likeliest for good, and how likely it is half-way."""
    ids = beginnings(tokenizer, part("validation").texts, size.lens, size.tokens)
    looks, half = [look_through(model, row.tolist()) for row in ids], model.config.layers // 2
    return {
        "lens_settled": of_mean([each.settled for each in looks], f"blocks of {model.config.layers}"),
        "lens_right_half_way": of_share(share([each.ranks[half] == 1 for each in looks])),
        "lens_probability_half_way": of_mean([each.probabilities[half] for each in looks], "probability"),
        "lens_probability_at_the_end": of_mean([each.probabilities[-1] for each in looks], "probability"),
    }


# --- what attention explains -----------------------------------------------------------------------


def attention(model: Transformer, tokenizer, size: Size = Size()) -> Measured:
    """How far shuffled weights of one head move its attention and the prediction, on average over heads drawn."""
    ids = beginnings(tokenizer, part("validation").texts, 4, size.tokens)
    heads = random_heads(size.heads, every_head(model), generator(1))
    found = [moved(model, ids, [head], shuffled(generator(2))) for head in heads]
    every = moved(model, ids, every_head(model), even)
    figures = {
        "attention_moved": [each.attention[..., 1:].mean().item() for each in found],  # the first sees one
        "prediction_moved": [each.predicted[:, 1:].mean().item() for each in found],
    }
    figures["attention_less_prediction"] = [
        one - other for one, other in zip(figures["attention_moved"], figures["prediction_moved"], strict=True)
    ]
    same = [each.same[:, 1:].float().mean().item() for each in found]
    return {
        **{name: of_mean(values, "total variation") for name, values in figures.items()},
        "likeliest_token_stays": of_mean(same, "share"),
        "prediction_moved_by_all_heads_even": of_mean(every.predicted[:, 1:].flatten(), "total variation"),
    }


# --- what a probe reads ----------------------------------------------------------------------------


def probe(model: Transformer, tokenizer, size: Size = Size()) -> Measured:
    """Does the state at one token tell what its article is about? Beside a control task: topics drawn for words."""
    topics = [topic for topic, _ in Counter(part("train").topics).most_common(TOPICS)]
    train = states(model, tokenizer, "train", topics, size.articles, size)
    test = states(model, tokenizer, "test", topics, size.articles // 2, size)
    found = selectivity(train, test, generator(1), penalty=100.0)
    return {
        "probe_accuracy": of_probe(found.accuracy, found.count),
        "probe_control": of_probe(found.control, found.count),
        "probe_selectivity": of_probe(found.selectivity, found.count),
        "probe_guess": exact(found.guess, found.count, "share"),
    }


def states(model: Transformer, tokenizer, name: str, topics: Sequence[str], each: int, size: Size) -> Tokens:
    """The states of the first tokens of so many articles of each topic, after `size.layer` blocks."""
    known, rows = part(name), []
    for topic in topics:
        texts = [text for text, other in zip(known.texts, known.topics, strict=True) if other == topic]
        rows.append(beginnings(tokenizer, texts, each, size.tokens))
    ids = torch.cat(rows)  # (N, T)
    hidden = torch.cat([residual_streams(model, some)[size.layer] for some in ids.split(25)])  # (N, T, D)
    labels = np.repeat(topics, each * size.tokens)
    groups = np.repeat(np.arange(len(ids)), size.tokens)
    return Tokens(hidden.flatten(0, 1).numpy(), tuple(labels), tuple(ids.flatten().tolist()), tuple(groups))


def of_probe(found: ProbeShare, count: int) -> Figure:
    """A share of tokens, whose interval draws whole articles."""
    return figure(found.value, found.interval, count, "share")
