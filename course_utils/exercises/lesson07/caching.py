"""Exercises 7.5 and 7.8: heads that share keys and values, and the cache that they are kept in."""

import math

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.models.attention import causal_mask, scaled_dot_product_attention
from course_utils.models.layers import rotary
from course_utils.seeding import generator


def share(x, times):
    """Keys or values (B, G, S, K) to (B, G · times, S, K), one for each query head.

    Query heads 0 … times − 1 use key/value head 0, the next `times` use head 1, and so on. Ainslie et al. 2023.
    """
    return x.repeat_interleave(times, dim=1)


def _counted(*shape):
    """Numbers 0, 1, 2, … in a tensor, so that one sees where each goes."""
    return torch.arange(math.prod(shape), dtype=torch.float32).reshape(shape)


def _split_width(x, times):
    """Each query head gets a stretch of the width, the rest of it zeros."""
    parts = [torch.zeros_like(x) for _ in range(times)]
    for part, columns in zip(parts, torch.arange(x.shape[-1]).tensor_split(times), strict=True):
        part[..., columns] = x[..., columns]
    return torch.stack(parts, dim=2).flatten(1, 2)


SHARE = Exercise(
    id="7.5",
    title="heads that share",
    minutes=5,
    difficulty=1,
    imports=("import torch",),
    stub='''def share(x, times):
    """Keys or values (B, G, S, K) to (B, G · times, S, K), one for each query head.

    Query heads 0 … times − 1 use key/value head 0, the next `times` use head 1, and so on. Ainslie et al. 2023.
    """
    raise NotImplementedError
''',
    reference=share,
    cases=(
        Case(lambda: (_counted(1, 2, 1, 2), 2)),
        Case(lambda: (_counted(2, 2, 3, 4), 3)),
        Case(lambda: (_counted(2, 3, 2, 2), 2)),
    ),
    hidden=(
        Case(lambda: (_counted(1, 3, 4, 2), 3)),
        Case(lambda: (_counted(2, 2, 2, 3), 4)),
    ),
    hints=(
        "With 2 key/value heads and times = 3, the six query heads use 0 0 0 1 1 1.",
        "x.repeat repeats the whole: 0 1 0 1 0 1. x.repeat_interleave repeats each.",
    ),
    misconceptions=(
        Misconception(
            "in turn",
            lambda x, times: x.repeat(1, times, 1, 1),
            lambda x, times: (
                f"The order is {' '.join(str(i % x.shape[1]) for i in range(x.shape[1] * times))}: each query head "
                "gets the next key/value head in turn. Neighbouring query heads share one: repeat_interleave."
            ),
        ),
        Misconception(
            "along the width",
            lambda x, times: x.repeat_interleave(times, dim=-1),
            "Each number of a head is repeated: the heads become wider. It is the heads that are repeated, dim=1.",
        ),
        Misconception(
            "along the text",
            lambda x, times: x.repeat_interleave(times, dim=2),
            "Each token is repeated there, dim=2. It is the heads that are repeated, dim=1.",
        ),
        Misconception(
            "along the batch",
            lambda x, times: x.repeat_interleave(times, dim=0),
            "Each text is repeated there, dim=0. It is the heads that are repeated, dim=1.",
        ),
        Misconception(
            "the first head for all",
            lambda x, times: x[:, :1].repeat(1, x.shape[1] * times, 1, 1),
            "All query heads get key/value head 0. That is multi-query attention; here there are several to share.",
        ),
        Misconception(
            "a part of the width for each",
            _split_width,
            "Each query head gets a part of the key/value head. It gets all of it; they share.",
        ),
        Misconception(
            "not repeated",
            lambda x, times: x,
            "Nothing is repeated: there are fewer heads of keys than of queries.",
        ),
        Misconception(
            "backwards",
            lambda x, times: x.flip(1).repeat_interleave(times, dim=1),
            "The heads come in reverse order.",
        ),
    ),
)


def read_more(x, cache, project, rotate):
    """Attention of T new tokens that stand after the P tokens of `cache`.

    x (B, T, D). cache: None, or the keys, rotated, and values of what was read before, (B, H, P, K) each.
    project(x) gives queries, keys and values (B, H, T, K); rotate(queries or keys, positions (T,)) turns them.
    Returns the mixture (B, H, T, K) and the new cache: keys and values, P + T of each. The old cache is not changed.
    """
    query, key, value = project(x)
    first = 0 if cache is None else cache[0].shape[2]
    positions = torch.arange(first, first + x.shape[1])
    query, key = rotate(query, positions), rotate(key, positions)
    if cache is not None:
        key, value = torch.cat([cache[0], key], dim=2), torch.cat([cache[1], value], dim=2)
    mixed, _ = scaled_dot_product_attention(query, key, value, causal_mask(x.shape[1], key.shape[2]))
    return mixed, (key, value)


# What the cases call: two heads of width 4 over a stream of width 8.

HEADS, WIDTH = 2, 8


def project(x):
    """Queries, keys and values by fixed random weights."""
    chance = generator(70)
    weights = torch.randn(3, WIDTH, WIDTH, generator=chance) / math.sqrt(WIDTH)
    return tuple((x @ weight).unflatten(-1, (HEADS, -1)).transpose(1, 2) for weight in weights)


def rotate(x, positions):
    """`rotary`, with angles large enough that a wrong position shows."""
    return rotary(x, positions, 100.0)


def _read(x, cache, project, rotate, start=None, shift=0, keep=slice(None), mask=None, turned=("query", "key")):
    """`read_more` with one thing otherwise.

    start: where positions count from; shift: added to them; keep: what of the old cache stays; mask: of (T, S);
    turned: what is rotated.
    """
    query, key, value = project(x)
    before = 0 if cache is None else cache[0].shape[2]
    positions = torch.arange(x.shape[1]) + (before if start is None else start) + shift
    query = rotate(query, positions) if "query" in turned else query
    key = rotate(key, positions) if "key" in turned else key
    if cache is not None:
        key = torch.cat([cache[0][:, :, keep], key], dim=2)
        value = torch.cat([cache[1][:, :, keep], value], dim=2)
    allowed = causal_mask(x.shape[1], key.shape[2]) if mask is None else mask(x.shape[1], key.shape[2])
    return scaled_dot_product_attention(query, key, value, allowed)[0], (key, value)


def _everything(length, keys):
    return torch.ones(length, keys, dtype=torch.bool)


def _new_in_front(x, cache, project, rotate):
    mixed, (key, value) = _read(x, cache, project, rotate)
    return mixed, (key.roll(x.shape[1], 2), value.roll(x.shape[1], 2))


def _only_new_kept(x, cache, project, rotate):
    mixed, (key, value) = _read(x, cache, project, rotate)
    return mixed, (key[:, :, -x.shape[1] :], value[:, :, -x.shape[1] :])


def _values_not_kept(x, cache, project, rotate):
    """The new values alone; those of the past are taken to be zero."""
    _, (key, value) = _read(x, cache, project, rotate)
    value = value.clone()
    value[:, :, : value.shape[2] - x.shape[1]] = 0
    query = rotate(project(x)[0], torch.arange(value.shape[2] - x.shape[1], value.shape[2]))
    return scaled_dot_product_attention(query, key, value, causal_mask(x.shape[1], key.shape[2]))[0], (key, value)


def _old_cache_returned(x, cache, project, rotate):
    mixed, new = _read(x, cache, project, rotate)
    return mixed, new if cache is None else cache


def _turning_all(x, cache, project, rotate):
    """What comes of rotating all keys at each call: the mixture, the keys before and after, the values."""
    query, key, value = project(x)
    before = 0 if cache is None else cache[0].shape[2]
    if cache is not None:
        key, value = torch.cat([cache[0], key], dim=2), torch.cat([cache[1], value], dim=2)
    query, turned = rotate(query, before + torch.arange(x.shape[1])), rotate(key, torch.arange(key.shape[2]))
    mixed, _ = scaled_dot_product_attention(query, turned, value, causal_mask(x.shape[1], key.shape[2]))
    return mixed, key, turned, value


def _all_keys_turned_again(x, cache, project, rotate):
    """The keys of the cache are rotated once more with the new ones."""
    mixed, _, turned, value = _turning_all(x, cache, project, rotate)
    return mixed, (turned, value)


def _keys_kept_unturned(x, cache, project, rotate):
    """The cache takes the keys as they were projected, and all of them are rotated at each call."""
    mixed, key, _, value = _turning_all(x, cache, project, rotate)
    return mixed, (key, value)


def _cache_ignored(x, cache, project, rotate):
    return _read(x, None, project, rotate)


def _case(seed, batch, before, new):
    """So many new tokens after so many that were read."""
    text = torch.randn(batch, before + new, WIDTH, generator=generator(seed))
    cache = read_more(text[:, :before], None, project, rotate)[1] if before else None
    return text[:, before:], cache, project, rotate


def _as_at_once(result, x, cache, project, rotate):
    """The last token, read alone after the others, gives what it gave in the chunk."""
    if x.shape[1] == 1:
        return True
    _, before = read_more(x[:, :-1], cache, project, rotate)
    alone, _ = read_more(x[:, -1:], before, project, rotate)
    return torch.allclose(alone[:, :, 0], result[0][:, :, -1], atol=1e-4)


CACHE = Exercise(
    id="7.8",
    title="write the cache",
    minutes=20,
    difficulty=3,
    imports=(
        "import torch",
        "from course_utils.models.attention import causal_mask, scaled_dot_product_attention",
    ),
    stub='''def read_more(x, cache, project, rotate):
    """Attention of T new tokens that stand after the P tokens of `cache`.

    x (B, T, D). cache: None, or the keys, rotated, and values of what was read before, (B, H, P, K) each.
    project(x) gives queries, keys and values (B, H, T, K); rotate(queries or keys, positions (T,)) turns them.
    Returns the mixture (B, H, T, K) and the new cache: keys and values, P + T of each. The old cache is not changed.
    """
    raise NotImplementedError
''',
    reference=read_more,
    cases=(
        Case(lambda: _case(1, 1, 0, 2)),
        Case(lambda: _case(2, 1, 3, 1)),
        Case(lambda: _case(3, 2, 2, 3)),
        Case(lambda: _case(4, 2, 5, 1)),
    ),
    hidden=(
        Case(lambda: _case(5, 2, 4, 2)),
        Case(lambda: _case(6, 3, 1, 1)),
        Case(lambda: _case(7, 1, 0, 4)),
    ),
    invariants=(
        Invariant(
            "cache of P + T keys and values",
            lambda result, x, cache, *_: all(
                part.shape[2] == x.shape[1] + (0 if cache is None else cache[0].shape[2]) for part in result[1]
            ),
        ),
        Invariant("a chunk gives what its last token gives alone", _as_at_once),
    ),
    hints=(
        "P is cache[0].shape[2], or 0 without a cache. The new tokens stand at positions P, P + 1, …, P + T − 1.",
        "Rotate the new queries and the new keys. Then torch.cat([cache[0], key], dim=2), and the same for values.",
        "causal_mask(T, P + T) lets the first new token see P + 1 keys, the next one more.",
    ),
    tolerance=1e-4,
    misconceptions=(
        Misconception(
            "positions begin again",
            lambda *arguments: _read(*arguments, start=0),
            "Positions begin at 0 again with each call. The new tokens stand behind those of the cache, from P on.",
        ),
        Misconception(
            "positions off by one",
            lambda *arguments: _read(*arguments, shift=1),
            "Positions are off by one: the first token of a text stands at 0, and the first after P tokens at P.",
        ),
        Misconception(
            "last position again",
            lambda x, cache, *rest: _read(x, cache, *rest, shift=0 if cache is None else -1),
            "The first new token gets the position of the last one in the cache, P − 1. Its own is P.",
        ),
        Misconception(
            "queries not rotated",
            lambda *arguments: _read(*arguments, turned=("key",)),
            "The queries are not rotated. Only where both are turned does their product tell the distance.",
        ),
        Misconception(
            "keys not rotated",
            lambda *arguments: _read(*arguments, turned=("query",)),
            "The new keys are not rotated, and those of the cache are.",
        ),
        Misconception(
            "cached keys rotated again",
            _all_keys_turned_again,
            "The keys of the cache are rotated once more. They were rotated when they were new; leave them.",
        ),
        Misconception(
            "keys kept unturned",
            _keys_kept_unturned,
            "Without a past the mixture is right, but the keys are kept before they were turned. The cache holds them "
            "rotated, so that no key is turned twice.",
        ),
        Misconception(
            "no mask",
            lambda *arguments: _read(*arguments, mask=_everything),
            "There is no mask: in a chunk of several tokens the first sees those after it. A single new token needs "
            "none; a chunk does.",
        ),
        Misconception(
            "mask of a text without past",
            lambda *arguments: _read(*arguments, mask=lambda length, keys: _everything(length, keys).tril()),
            "The mask is that of a text without past: new token t sees keys 0 … t. It sees all P before it, too: "
            "causal_mask(T, P + T).",
        ),
        Misconception(
            "only the last key",
            lambda *arguments: _read(*arguments, keep=slice(-1, None)),
            "Of the past only the last key and value are kept. All of them are needed.",
        ),
        Misconception(
            "cache forgets",
            _only_new_kept,
            "The mixture is right, but the cache that is returned holds the new keys and values alone: the next call "
            "will know nothing of what came before.",
        ),
        Misconception(
            "cache not extended",
            _old_cache_returned,
            "The mixture is right, but the old cache is returned: the next call will not know the new tokens.",
        ),
        Misconception(
            "values not kept",
            _values_not_kept,
            "The keys of the past are there and their values are not: what was found cannot be fetched.",
        ),
        Misconception(
            "cache ignored",
            _cache_ignored,
            "The cache is not used: the new tokens see each other and nothing before.",
        ),
        Misconception(
            "new ones in front",
            _new_in_front,
            "In the new cache the new keys stand before the old. Append them: torch.cat([old, new], dim=2).",
        ),
    ),
)
