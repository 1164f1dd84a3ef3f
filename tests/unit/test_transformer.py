"""The decoder: its sizes counted by hand, its cache a value, its errors; and the fast path's own."""

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from course_utils.errors import CourseError
from course_utils.models.fast import PRECISIONS, FastDecoder, Product, quantised
from course_utils.models.transformer import FUSED, LLAMA, WRITTEN_OUT, Transformer, TransformerConfig
from course_utils.seeding import generator
from course_utils.shapes import ShapeError
from course_utils.training import training_flops

GPT = TransformerConfig(50, context=16, width=12, heads=3, layers=2)
LLAMA_CONFIG = replace(GPT, key_value_heads=1, inner=20, **LLAMA)


def model(config=GPT, operations=FUSED) -> Transformer:
    return Transformer(config, generator(1), operations).eval()


def ids(length: int, batch: int = 2, seed: int = 2) -> torch.Tensor:
    return torch.randint(50, (batch, length), generator=generator(seed))


def test_the_parameters_of_a_gpt_are_those_counted_by_hand():
    width, inner = 12, 48
    tables = 50 * width + 16 * width
    attention = 4 * (width * width + width)
    feed_forward = width * inner + inner + inner * width + width
    norms = 2 * 2 * width
    assert model().parameter_count == tables + 2 * (attention + feed_forward + norms) + 2 * width


def test_the_parameters_of_a_llama_are_those_counted_by_hand():
    width, inner, head = 12, 20, 4
    attention = 2 * width * width + 2 * width * head               # one key/value head for three query heads
    block = attention + 3 * width * inner + 2 * width
    assert model(LLAMA_CONFIG).parameter_count == 50 * width + 2 * block + width
    untied = replace(LLAMA_CONFIG, tied=False)
    assert model(untied).parameter_count == 50 * width + 2 * block + width + 50 * width


@pytest.mark.parametrize("config", [GPT, LLAMA_CONFIG, replace(GPT, tied=False)], ids=["gpt", "llama", "untied"])
def test_flops_by_formula_are_those_that_torch_counts(config):
    length, batch = 10, 3
    ours = model(config, WRITTEN_OUT)                              # the counter sees every product of it
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        ours(ids(length, batch))
    assert counter.get_total_flops() == ours.flops_per_token(length) * length * batch
    assert training_flops(ours, 100) == 300 * ours.flops_per_token(config.context)


@pytest.mark.parametrize("position", ["learned", "sinusoidal", "rotary", "none"])
def test_no_position_sees_what_comes_after_it(position):
    ours, text = model(replace(GPT, position=position)), ids(12)
    changed = text.clone()
    changed[:, 7] = (changed[:, 7] + 1) % 50
    with torch.no_grad():
        before, after = ours(text)[0], ours(changed)[0]
    assert torch.equal(before[:, :7], after[:, :7])
    assert (before[:, 7:] - after[:, 7:]).abs().amax(dim=-1).min() > 1e-6


def test_one_layer_without_positions_does_not_know_the_order_of_the_past():
    text = ids(8)[0].tolist()
    shuffled = [text[i] for i in (3, 0, 2, 1, 6, 5, 4, 7)]
    for position, alike in (("none", True), ("learned", False), ("rotary", False)):
        ours = model(replace(GPT, position=position, layers=1))
        one, other = ours.next_probabilities(text), ours.next_probabilities(shuffled)
        assert torch.allclose(one, other, atol=1e-6) == alike, position


@pytest.mark.parametrize("config", [GPT, LLAMA_CONFIG], ids=["gpt", "llama"])
def test_reading_in_pieces_is_reading_at_once_and_a_memory_is_a_value(config):
    ours, text = model(config), ids(14)[0].tolist()
    whole = ours.next_probabilities(text)
    _, memory = ours.read(text[:9])
    first, _ = ours.read(text[9:], memory)
    assert torch.allclose(first, whole, atol=1e-6)
    ours.read([1, 2, 3], memory)                                   # another way to go on changes nothing
    again, _ = ours.read(text[9:], memory)
    assert torch.equal(first, again)


@pytest.mark.parametrize("config", [GPT, LLAMA_CONFIG], ids=["gpt", "llama"])
def test_past_the_context_the_older_half_is_forgotten(config):
    ours, text = model(config), ids(40)[0].tolist()
    memory = None
    for place, token in enumerate(text):
        probability, memory = ours.read([token], memory)
        kept = memory[0]
        assert 9 <= len(kept) <= 16 or place < 9
        assert torch.allclose(probability, ours.next_probabilities(list(kept)), atol=1e-6)
        assert list(kept) == text[place + 1 - len(kept) : place + 1]


def test_a_text_that_is_too_long_is_an_error_that_says_what_to_do():
    with pytest.raises(CourseError, match=r"17 tokens and the model reads at most 16; cut it: ids\[:, -16:\]"):
        model()(ids(17))
    assert model().token_nats(ids(40), ids(40)).shape == (2, 40)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"norm": "batch"}, "norm is 'batch'; expected one of layer, rms"),
        ({"position": "relative"}, "expected one of learned, sinusoidal, rotary, none"),
        ({"feed_forward": "relu"}, "expected one of gelu, swiglu"),
        ({"heads": 5}, "12 does not split into 5 heads"),
        ({"layers": 0}, "sizes of 1 or more"),
        ({"dropout": 1.0}, "less than 1"),
    ],
)
def test_a_config_that_makes_no_sense_is_an_error(change, message):
    with pytest.raises(CourseError, match=message):
        replace(GPT, **change)


def test_heads_that_cannot_be_shared_are_an_error():
    with pytest.raises(CourseError, match="3 heads cannot share 2 key/value heads"):
        model(replace(GPT, key_value_heads=2))


def test_bad_ids_are_errors():
    with pytest.raises(ShapeError, match="ids should have shape"):
        model()(torch.zeros(3, dtype=torch.int64))
    with pytest.raises(CourseError, match="no ids to go on from"):
        model().read([])
    with pytest.raises(CourseError, match=r"ids must lie in 0 … 49"):
        model().read([50])


def test_a_block_refuses_a_mask_that_hides_all_and_the_masks_of_the_model_are_not_looked_at(monkeypatch):
    block, x = model(operations=WRITTEN_OUT).blocks[0], torch.randn(2, 4, 12, generator=generator(3))
    with pytest.raises(CourseError, match="mask has no True in 4 of 4 rows"):
        block(x, torch.zeros(4, 4, dtype=torch.bool))

    def looked_at(mask):
        raise AssertionError("a GPU would have to be waited for")

    monkeypatch.setattr("course_utils.models.transformer.check_each_sees", looked_at)
    model()(ids(6))
    model().read([1, 2, 3])


def test_targets_of_no_token_have_no_mean_loss():
    with pytest.raises(CourseError, match=r"targets have shape \(2, 0\); expected at least one"):
        model()(ids(6)[:, :0], ids(6)[:, :0])


def test_weights_of_attention_can_be_looked_at_where_they_exist():
    weights = model(operations=WRITTEN_OUT).attention(ids(6))
    assert weights.shape == (2, 2, 3, 6, 6)
    assert torch.allclose(weights.sum(-1), torch.ones(2, 2, 3, 6), atol=1e-6)
    with pytest.raises(CourseError, match="operations=WRITTEN_OUT"):
        model().attention(ids(6))


def test_initial_weights_come_from_the_generator_alone():
    torch.manual_seed(0)
    one = model()
    torch.manual_seed(1)
    two = model()
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    other = Transformer(GPT, generator(2))
    assert not torch.equal(one.embedding.weight, other.embedding.weight)


def test_a_loss_at_the_start_is_near_that_of_guessing():
    wide = Transformer(TransformerConfig(256, context=64, width=64, layers=4), generator(3))
    text = torch.randint(256, (4, 64), generator=generator(4))
    assert torch.log(torch.tensor(256.0)) - 0.3 < wide(text, text.roll(1))[1] < torch.log(torch.tensor(256.0)) + 1


def test_targets_of_minus_100_are_not_counted():
    text, targets = ids(8), ids(8, seed=5)
    half = targets.clone()
    half[:, 4:] = -100
    ours = model()
    logits, loss = ours(text, half)
    expected = torch.nn.functional.cross_entropy(logits[:, :4].reshape(-1, 50), targets[:, :4].flatten())
    assert torch.allclose(loss, expected)


# --- the fast path --------------------------------------------------------------------------------


def test_the_fast_path_gives_the_logits_of_the_decoder():
    for config in (LLAMA_CONFIG, replace(LLAMA_CONFIG, tied=False, key_value_heads=3)):
        slow = model(config)
        fast, text = FastDecoder(slow), ids(12)[0]
        with torch.no_grad():
            expected = slow(text[None])[0][0]
        assert torch.allclose(fast.logits(text.tolist()), expected, atol=1e-5)
        fast.reset()
        for place, token in enumerate(text.tolist()):
            assert torch.allclose(fast.read([token]), expected[place], atol=1e-5)


@pytest.mark.parametrize(("precision", "near"), [("bfloat16", 0.03), ("int8", 0.03), ("int4", 0.3)])
def test_lower_precision_is_near_and_not_the_same(precision, near):
    slow = model(replace(LLAMA_CONFIG, width=64, heads=4, inner=96))
    exact, rough = FastDecoder(slow), FastDecoder(slow, precision)
    text = ids(12)[0].tolist()
    expected, found = exact.logits(text), rough.logits(text)
    assert 0 < (found - expected).norm() < near * expected.norm()
    assert rough.bytes_per_token < 0.6 * exact.bytes_per_token


def test_what_is_quantised_is_off_by_at_most_half_a_step():
    weight = torch.randn(7, 20, generator=generator(6))
    weight[3] = 0
    numbers, scale = quantised(weight)
    assert numbers.dtype == torch.int8 and numbers.abs().max() <= 127
    off = (numbers * scale.float()[:, None] - weight).abs()
    assert (off <= 0.51 * scale.float()[:, None] + 1e-9).all()
    assert (off[3] == 0).all()


def test_a_product_keeps_count_of_its_bytes():
    weight = torch.randn(16, 32, generator=generator(7))
    sizes = {name: Product(weight, name).bytes for name in PRECISIONS}
    assert sizes == {"float32": 2048, "bfloat16": 1024, "int8": 512 + 2 * 16, "int4": 256 + 2 * 2 * 16}


def test_what_was_rounded_in_groups_of_32_is_rounded_to_the_same_numbers_in_int4():
    numbers = torch.randint(16, (16, 96), generator=generator(6))
    numbers[:, ::32], numbers[:, 1::32] = 0, 15                    # each group holds its lowest and its highest
    scale, low = (2.0 ** torch.randint(-3, 3, (16, 3), generator=generator(seed)) for seed in (7, 8))
    weight = (numbers.unflatten(1, (3, 32)) * scale[..., None] - low[..., None]).flatten(1)
    rows = torch.randn(40, 96, generator=generator(9)).bfloat16().float()
    torch.testing.assert_close(Product(weight, "int4")(rows), rows @ weight.T, rtol=2**-7, atol=0.02)


@pytest.mark.parametrize(
    ("shape", "precision", "reason"),
    [
        ((16, 24), "int8", "multiplies 24 numbers, and the int8 product needs a multiple of 16"),
        ((16, 48), "int4", "multiplies 48 numbers, and the int4 product needs a multiple of 32"),
        ((24, 64), "int4", "makes 24 numbers, and the int4 product needs a multiple of 16"),
    ],
)
def test_a_matrix_that_a_kernel_would_read_past_is_refused(shape, precision, reason):
    with pytest.raises(CourseError, match=reason):
        Product(torch.ones(shape), precision)


def test_many_rows_at_once_are_the_same_int8_product_as_each_row_alone():
    product = Product(torch.randn(24, 64, generator=generator(8)), "int8")
    rows = torch.randn(64, 64, generator=generator(9))
    alone, together = torch.cat([product(row[None]) for row in rows]), product(rows)
    assert (alone == together).float().mean() > 0.99               # a sum halfway between two may go either way
    torch.testing.assert_close(together, alone, rtol=2**-7, atol=1e-4)


def test_the_cache_is_full_with_a_clear_error_and_reset_makes_room():
    fast = FastDecoder(model(LLAMA_CONFIG))
    fast.read(ids(10)[0].tolist())
    with pytest.raises(CourseError, match="room for 16 tokens; 10 are read and 7 more came"):
        fast.read(ids(7)[0].tolist())
    fast.read(ids(6)[0].tolist())                                  # what failed left nothing behind
    with pytest.raises(CourseError, match="reset"):
        fast.read([1])
    fast.reset()
    fast.read([1])


def test_a_model_of_another_style_and_an_unknown_precision_are_errors():
    with pytest.raises(CourseError, match="written for Llama's parts; this model has norm layer"):
        FastDecoder(model())
    with pytest.raises(CourseError, match="precision is 'int2'; expected one of float32, bfloat16, int8, int4"):
        FastDecoder(model(LLAMA_CONFIG), "int2")
    fast = FastDecoder(model(LLAMA_CONFIG))
    with pytest.raises(CourseError, match="no ids"):
        fast.read([])
    with pytest.raises(CourseError, match="ids must lie in"):
        fast.read([99])


def test_logits_of_the_fast_path_may_be_changed_by_their_reader():
    logits = FastDecoder(model(LLAMA_CONFIG)).read([1, 2])
    logits[3] = float("-inf")
    assert logits.argmax() != 3
