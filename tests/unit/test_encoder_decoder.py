"""The encoder–decoder one token at a time, its loss and its first weights. Parity with T5 is in tests/parity."""

import math

import pytest
import torch

from course_utils import decoding
from course_utils.decoding import transcribe
from course_utils.errors import CourseError
from course_utils.models import encoder_decoder
from course_utils.models.encoder_decoder import Cached, EncoderDecoder, EncoderDecoderConfig
from course_utils.models.seq2seq import END, PAD, START, Conditioned
from course_utils.seeding import generator

CONFIG = EncoderDecoderConfig(11, width=12, heads=3, head_width=4, layers=2, inner=20, buckets=8, furthest=10)
SOURCE = torch.tensor([[3, 4, 5, 6, END, PAD], [7, 8, END, PAD, PAD, PAD], [9, 10, 9, 3, 5, END]])
TARGET = torch.tensor([[START, 5, 6, 7], [START, 8, 3, 9], [START, 4, 4, 10]])


def network(seed: int = 1, sharp: float = 3.0) -> EncoderDecoder:
    """A network of random weights that is fairly sure of what it says, and looks at the source."""
    model = EncoderDecoder(CONFIG, generator(seed)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator(seed + 100))
        model.decoder.norm.gain.mul_(sharp)
    return model


def step_by_step(model: EncoderDecoder, pieces: list[int]):
    """Logits and weights of TARGET, read in pieces of these lengths."""
    cached, state, logits, weights = Cached(model), None, [], []
    encoded = cached.encode(SOURCE)
    for piece in TARGET.split(pieces, dim=1):
        found, state, seen = cached.decode(piece, encoded, state)
        logits.append(found)
        weights.append(seen)
    return torch.cat(logits, dim=1), torch.cat(weights, dim=3)


# --- cached


@torch.no_grad()
@pytest.mark.parametrize("pieces", [[4], [1, 1, 1, 1], [2, 1, 1], [1, 3]])
def test_reading_in_pieces_gives_the_logits_of_reading_at_once(pieces):
    model = network()
    expected = model(SOURCE, TARGET, mask=SOURCE != PAD)[0]
    assert (step_by_step(model, pieces)[0] - expected).abs().max() < 1e-5
    assert expected.std() > 0.5                                    # else a tolerance says little


@torch.no_grad()
def test_a_cache_that_forgets_or_counts_positions_wrongly_would_show(monkeypatch):
    model = network()
    expected = model(SOURCE, TARGET, mask=SOURCE != PAD)[0]
    forgetful = Cached(model)
    encoded = forgetful.encode(SOURCE)
    forgot = torch.cat([forgetful.decode(token, encoded)[0] for token in TARGET.split(1, dim=1)], dim=1)
    assert (forgot - expected).abs().max() > 1e-2
    true_bias = encoder_decoder.RelativeBias.forward
    monkeypatch.setattr(encoder_decoder.RelativeBias, "forward", lambda self, t, s: true_bias(self, s, s)[:, :, :t])
    assert (step_by_step(model, [1, 1, 1, 1])[0] - expected).abs().max() > 1e-3


@torch.no_grad()
def test_a_source_says_the_same_alone_and_beside_longer_ones():
    model = network()
    together = Cached(model).decode(TARGET, Cached(model).encode(SOURCE))[0]
    for row in range(len(SOURCE)):
        alone = SOURCE[row : row + 1, : int((SOURCE[row] != PAD).sum())]
        logits = Cached(model).decode(TARGET[row : row + 1], Cached(model).encode(alone))[0]
        assert (logits[0] - together[row]).abs().max() < 1e-5


@torch.no_grad()
def test_rows_of_an_encoded_source_are_the_sources_in_that_order():
    cached = Cached(network())
    rows = torch.tensor([2, 0, 0])
    expected = cached.decode(TARGET[rows], cached.encode(SOURCE[rows]))[0]
    assert (cached.decode(TARGET[rows], cached.encode(SOURCE).rows(rows))[0] - expected).abs().max() < 1e-5


@torch.no_grad()
def test_the_weights_sum_to_one_over_the_text_and_are_those_it_mixed_with():
    model = network()
    weights = Cached(model).attention(SOURCE, TARGET)
    assert weights.shape == (3, CONFIG.layers, CONFIG.heads, 4, 6)
    assert (weights.sum(dim=-1) - 1).abs().max() < 1e-6
    assert weights.movedim(-1, 1)[SOURCE == PAD].abs().max() == 0
    assert torch.equal(weights, step_by_step(model, [4])[1])
    cross, pushed = model.decoder.layers[0].cross, []              # the first layer's weights by hand
    handle = cross.query.register_forward_hook(lambda _, inputs, query: pushed.append(query))
    encoded = Cached(model).encode(SOURCE)
    Cached(model).decode(TARGET, encoded)
    handle.remove()
    query = pushed[0].view(3, 4, CONFIG.heads, CONFIG.head_width)
    scores = torch.einsum("bthk,bhsk->bhts", query, encoded.keys[0]).masked_fill((SOURCE == PAD)[:, None, None], -1e9)
    assert (scores.softmax(-1) - weights[:, 0]).abs().max() < 1e-6


# --- writing


@pytest.mark.parametrize("seed", range(4))
def test_greedy_writing_is_the_likeliest_token_each_time_without_a_cache(seed):
    model = network(seed)
    for row, written in enumerate(transcribe(Cached(model), SOURCE, longest=8)):
        source, target = SOURCE[row : row + 1], [START]
        with torch.no_grad():
            while len(target) < 9 and target[-1] != END:
                target.append(int(model(source, torch.tensor([target]), mask=source != PAD)[0][0, -1].argmax()))
        assert written == [i for i in target[1:] if i != END]


@pytest.mark.parametrize("seed", range(4))
def test_a_beam_of_one_says_what_greedy_says(seed):
    cached = Cached(network(seed))
    with torch.no_grad():
        beam_of_one = [decoding._until(END, row) for row in decoding._beam(cached, SOURCE, 1, 8, START, END).tolist()]
    assert beam_of_one == transcribe(cached, SOURCE, longest=8)


def test_few_sources_at_a_time_give_what_all_at_once_give():
    cached = Cached(network(2))
    assert transcribe(cached, SOURCE, 3, 8, rows=1) == transcribe(cached, SOURCE, 3, 8)


def test_one_source_can_be_read_as_a_language_model_of_its_targets():
    model = network()
    alone = Conditioned(Cached(model), [3, 4, 5, 6, END])
    first, memory = alone.read([START, 5])
    second, _ = alone.read([6], memory)
    with torch.no_grad():
        expected = model(SOURCE[:1, :5], TARGET[:1])[0][0].softmax(dim=-1)
    assert (first - expected[1]).abs().max() < 1e-5 and (second - expected[2]).abs().max() < 1e-5


def test_an_empty_source_and_a_strange_id_are_refused():
    cached = Cached(network())
    for empty in (SOURCE[:, :0], torch.tensor([[PAD, 3]])):
        with pytest.raises(CourseError, match="A source is empty"):
            cached.encode(empty)
    with pytest.raises(CourseError, match="source must lie in 0 … 10; got 11"):
        cached.encode(torch.tensor([[11]]))
    with pytest.raises(CourseError, match="inputs must lie in 0 … 10"):
        cached.decode(torch.tensor([[11]]), cached.encode(SOURCE[:1]))


# --- learning


@torch.no_grad()
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_the_mean_over_what_is_counted_smoothed_by_hand(smoothing):
    model = network()
    targets = torch.tensor([[5, 6, 7, END], [8, END, -100, -100], [4, END, -100, -100]])
    logits, loss = model(SOURCE, TARGET, targets, SOURCE != PAD, smoothing)
    log_p = logits.log_softmax(dim=-1)
    counted = [(b, t) for b in range(3) for t in range(4) if targets[b, t] != -100]
    by_hand = [
        -(1 - smoothing) * log_p[b, t, targets[b, t]] - smoothing * log_p[b, t].mean() for b, t in counted
    ]
    assert len(counted) == 8 and loss.item() == pytest.approx(sum(by_hand).item() / 8, abs=1e-5)


def test_scores_start_as_if_they_were_divided_by_the_root_of_the_head_width():
    config = EncoderDecoderConfig(50, width=64, heads=2, head_width=64, layers=2)
    for layer in EncoderDecoder(config, generator(1)).decoder.layers:
        for part in (layer.attention, layer.cross):
            ratio = part.key.weight.std() / part.query.weight.std()
            assert ratio.item() == pytest.approx(math.sqrt(64), rel=0.05)
