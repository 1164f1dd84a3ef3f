"""Greedy and beam decoding of many sources at once, against the one-at-a-time search and against brute force."""

import itertools

import pytest
import torch

from course_utils import decoding
from course_utils.decoding import transcribe
from course_utils.errors import CourseError
from course_utils.generation import Beam, beam_search, generate, greedy
from course_utils.models.seq2seq import END, PAD, START, Conditioned, Seq2Seq, Seq2SeqConfig
from course_utils.seeding import generator

TARGETS = 6
SOURCE = torch.tensor([[3, 4, 5, END, PAD], [6, END, PAD, PAD, PAD], [5, 5, END, PAD, PAD], [3, 4, 5, 6, END]])


def model(seed=1, sharp=4.0) -> Seq2Seq:
    """A network of random weights that is fairly sure of what it says."""
    network = Seq2Seq(Seq2SeqConfig(7, TARGETS, attention="dot", embedding=5, width=8), generator(seed)).eval()
    with torch.no_grad():
        network.decoder.output.weight.mul_(sharp)
        network.decoder.output.bias[:2] = -30                       # padding and start never come, as after training
    return network


def alone(network: Seq2Seq, row: int) -> Conditioned:
    return Conditioned(network, [i for i in SOURCE[row].tolist() if i != PAD])


def without_end(ids: list[int]) -> list[int]:
    return ids[:-1] if ids and ids[-1] == END else ids


@pytest.mark.parametrize("seed", range(4))
def test_greedy_is_the_one_at_a_time_search_of_every_source(seed):
    network = model(seed)
    for row, written in enumerate(transcribe(network, SOURCE, longest=8)):
        assert written == without_end(generate(alone(network, row), [START], 8, greedy, stop=END))


def test_a_model_with_marks_of_its_own_begins_and_ends_by_them():
    start, end = 4, 5
    network = model(seed=2, sharp=1.0)
    together = transcribe(network, SOURCE, longest=8, start=start, end=end)
    for row, written in enumerate(together):
        by_itself = generate(alone(network, row), [start], 8, greedy, stop=end)
        assert written == [i for i in by_itself if i != end]
    assert together != transcribe(network, SOURCE, longest=8)
    beam_of_one = decoding._beam(network, SOURCE, 1, 8, start, end).tolist()
    assert [decoding._until(end, row) for row in beam_of_one] == together


@pytest.mark.parametrize("seed", range(4))
def test_a_beam_of_one_in_the_batch_search_says_what_greedy_says(seed):
    network = model(seed)
    beam_of_one = [decoding._until(END, row) for row in decoding._beam(network, SOURCE, 1, 8, START, END).tolist()]
    assert beam_of_one == transcribe(network, SOURCE, longest=8)


def score(network: Seq2Seq, row: int, target: list[int]) -> float:
    """log p of a target that ends, divided by its length, from one pass of teacher forcing."""
    source = SOURCE[row : row + 1, : int((SOURCE[row] != PAD).sum())]
    log_p = network(source, torch.tensor([[START, *target]]))[0][0].log_softmax(-1)
    return sum(log_p[t, i].item() for t, i in enumerate([*target, END])) / (len(target) + 1)


@pytest.mark.parametrize("seed", range(3))
def test_a_beam_that_holds_everything_finds_the_best_of_all_targets(seed):
    network = model(seed)
    symbols = [i for i in range(TARGETS) if i not in (PAD, START, END)]
    everything = [list(t) for n in range(3) for t in itertools.product(symbols, repeat=n)]
    for row, written in enumerate(transcribe(network, SOURCE, beam=60, longest=3)):
        best = max(everything, key=lambda target: score(network, row, target))
        if len(written) < 3:                                        # else it was cut off before its end
            assert score(network, row, written) == pytest.approx(score(network, row, best), abs=1e-5)


@pytest.mark.parametrize("width", [2, 3, 5])
def test_the_batch_search_scores_no_worse_than_the_one_at_a_time_search(width):
    network = model(2)
    for row, written in enumerate(transcribe(network, SOURCE, beam=width, longest=12)):
        single = beam_search(alone(network, row), [START], 12, Beam(width), stop=END)[0]
        if len(written) < 12 and single.ids[-1] == END:
            assert score(network, row, written) >= score(network, row, without_end(list(single.ids))) - 1e-4


def test_rows_do_not_depend_on_their_neighbours():
    network = model(3)
    together = transcribe(network, SOURCE, beam=3, longest=8)
    assert together == [transcribe(network, SOURCE[row : row + 1], beam=3, longest=8)[0] for row in range(len(SOURCE))]


def test_nothing_is_longer_than_was_asked_for():
    network = model()
    with torch.no_grad():
        network.decoder.output.bias[END] = -30                      # it never ends
    for beam in (1, 3):
        assert [len(written) for written in transcribe(network, SOURCE, beam, longest=5)] == [5] * len(SOURCE)


def test_dropout_is_off_while_it_writes_and_on_again_afterwards():
    network = Seq2Seq(Seq2SeqConfig(7, TARGETS, embedding=5, width=8, dropout=0.5), generator(1)).train()
    assert transcribe(network, SOURCE) == transcribe(network, SOURCE)
    assert network.training


def test_no_source_gives_no_target():
    assert transcribe(model(), SOURCE[:0]) == []


@pytest.mark.parametrize(("beam", "longest"), [(0, 5), (1, 0)])
def test_a_beam_of_none_is_refused(beam, longest):
    with pytest.raises(CourseError, match="expected 1 or more of each"):
        transcribe(model(), SOURCE, beam, longest)
