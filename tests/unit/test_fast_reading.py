"""The fast decoder behind the contract: whatever way it is asked, it answers as the decoder it was made of."""

import pytest
import torch

from course_utils.beam_search import Beam, beam_search
from course_utils.contrastive import Contrastive
from course_utils.errors import CourseError
from course_utils.generation import generate, greedy
from course_utils.models.fast import FastDecoder
from course_utils.models.fast_reading import FastReader, common
from course_utils.models.transformer import LLAMA, Transformer, TransformerConfig
from course_utils.seeding import generator
from course_utils.speculative import speculate


def decoder(seed: int = 1, context: int = 32, layers: int = 2, width: int = 12) -> Transformer:
    config = TransformerConfig(20, context, width, heads=3, layers=layers, key_value_heads=1, inner=32, **LLAMA)
    model = Transformer(config, generator(seed)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.4 * torch.randn(parameter.shape, generator=generator(seed + 9))
    return model


def close(one, other) -> bool:
    return torch.allclose(one, other, rtol=1e-5, atol=1e-5)


def test_a_text_read_in_pieces_gives_the_probabilities_of_the_decoder():
    slow = decoder()
    fast, memory, same = FastReader(FastDecoder(slow)), None, None
    for ids in ([3, 4, 5], [6], [7, 8]):
        expected, memory = slow.read(ids, memory)
        found, same = fast.read(ids, same)
        assert close(found, expected)
    assert same == (3, 4, 5, 6, 7, 8)


def test_a_memory_can_be_gone_on_from_in_several_ways_and_nothing_known_is_read_again():
    slow = decoder()
    fast, lengths = FastReader(FastDecoder(slow)), []
    _, memory = fast.read([1, 2, 3, 4])
    honest = fast.decoder._stream
    fast.decoder._stream = lambda new: lengths.append(len(new)) or honest(new)
    for ids in ([5, 6], [7], [5, 8], [5, 8]):
        found, _ = fast.read(ids, memory)
        assert close(found, slow.next_probabilities([1, 2, 3, 4, *ids]))
    found, _ = fast.read([9], (1, 2))                              # further back
    assert close(found, slow.next_probabilities([1, 2, 9]))
    assert close(fast.read([9], (8, 2))[0], slow.next_probabilities([8, 2, 9]))
    assert lengths == [2, 1, 2, 2, 1, 3]


@pytest.mark.parametrize("context", [32, 8])
def test_it_reads_each_and_hidden_states_as_the_decoder_does(context):
    slow = decoder(context=context)
    fast, ids = FastReader(FastDecoder(slow)), [3, 4, 5, 6, 7, 8, 9]
    (expected, before), (found, held) = slow.read([1, 2]), fast.read([1, 2])
    expected, theirs = slow.read_each(ids, before)
    found, ours = fast.read_each(ids, held)
    assert close(found, expected) and [memory[0] for memory in theirs] == ours
    expected, (text, _) = slow.read_hidden([5, 4], before)
    found, memory = fast.read_hidden([5, 4], held)
    assert close(found, expected) and memory == text
    assert close(fast.logits(found), slow.logits(expected)) and close(fast.logits(found[-1]), slow.logits(expected[-1]))


def test_every_strategy_writes_the_same_on_both_also_past_the_context():
    slow = decoder(context=16)
    fast = FastReader(FastDecoder(slow))
    for strategy in (greedy, Contrastive(3, 0.5), Beam(3)):
        for length in (10, 30):
            assert generate(fast, [1, 2, 3], length, strategy) == generate(slow, [1, 2, 3], length, strategy)
    assert [each.ids for each in beam_search(fast, [1], 9, Beam(4))] == [
        each.ids for each in beam_search(slow, [1], 9, Beam(4))
    ]


def test_speculation_between_two_fast_decoders_is_exact():
    model, draft = decoder(width=48), decoder(seed=2, layers=1, width=48)
    fast, ahead = FastReader(FastDecoder(model)), FastReader(FastDecoder(draft, "int8"))
    assert speculate(fast, ahead, [1, 2], 28).ids == generate(model, [1, 2], 28, greedy)
    int8 = FastReader(FastDecoder(model, "int8"))
    found = speculate(fast, int8, [1, 2], 28)
    assert found.ids == generate(model, [1, 2], 28, greedy) and found.acceptance_rate > 0.5


def test_a_decoder_that_somebody_else_has_used_is_read_anew():
    slow = decoder()
    fast = FastReader(FastDecoder(slow))
    _, memory = fast.read([1, 2, 3])
    fast.decoder.reset()
    fast.decoder.read([9, 9])
    assert close(fast.read([4], memory)[0], slow.next_probabilities([1, 2, 3, 4]))


def test_bad_ids_are_errors_and_leave_the_reader_usable():
    slow = decoder()
    fast = FastReader(FastDecoder(slow))
    _, memory = fast.read([1, 2, 3])
    with pytest.raises(CourseError, match="no ids to go on from"):
        fast.read([], memory)
    with pytest.raises(CourseError, match=r"ids must lie in 0 … 19"):
        fast.read([20], memory)
    assert close(fast.read([4], memory)[0], slow.next_probabilities([1, 2, 3, 4]))


def test_a_decoder_goes_back_to_what_it_has_read_and_no_further():
    fast = FastDecoder(decoder())
    fast.read([1, 2, 3])
    fast.rewind(1)
    assert close(fast.read([5]), decoder().next_logits([1, 5]))
    with pytest.raises(CourseError, match="count is 3; expected 0 to 2, the number of ids that were read"):
        fast.rewind(3)


def test_a_width_that_the_int8_product_would_read_past_is_an_error():
    with pytest.raises(CourseError, match="multiplies 12 numbers, and the int8 product needs a multiple of 16"):
        FastDecoder(decoder(width=12), "int8")


def test_what_two_texts_have_in_common():
    assert common((1, 2, 3), (1, 2, 4)) == 2
    assert common((1, 2), (1, 2, 4)) == common((1, 2, 4), (1, 2)) == 2
    assert common((), (1,)) == common((2,), (1,)) == 0
