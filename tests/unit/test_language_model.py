"""What every language model inherits: windows over long texts, no dropout while measuring, modes put back."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models import language_model
from course_utils.models.counts import NgramCounts
from course_utils.models.language_model import LanguageModel, passes
from course_utils.models.ngram import NGram
from course_utils.models.smoothing import KneserNey
from course_utils.seeding import generator
from course_utils.shapes import ShapeError

V, CONTEXT, REACH = 7, 10, 3


class MeanOfTheLast(LanguageModel):
    """Logits from the mean of the embeddings of the last `reach` tokens, with dropout.

    Remembers what it was shown, a pass at a time: rows, length and device.
    """

    vocabulary_size, context = V, CONTEXT

    def __init__(self, reach: int = REACH, context: int = CONTEXT):
        super().__init__()
        self.embedding, self.dropout, self.output = nn.Embedding(V, 4), nn.Dropout(0.5), nn.Linear(4, V)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator(0)))
        self.reach, self.context, self.shown, self.fails = reach, context, [], False

    def forward(self, ids, targets=None):
        self.shown.append((*ids.shape, ids.device.type))
        if self.fails:
            raise RuntimeError("this model is broken")
        x = self.dropout(self.embedding(ids))
        sums = functional.pad(x.cumsum(dim=1), (0, 0, self.reach, 0))
        seen = torch.arange(1, ids.shape[1] + 1, device=ids.device).clamp(max=self.reach)[:, None]
        logits = self.output((sums[:, self.reach :] - sums[:, : -self.reach]) / seen)
        return logits, None if targets is None else functional.cross_entropy(logits.transpose(1, 2), targets)


def text(length: int, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    stream = torch.randint(V, (batch, length + 1), generator=generator(1))
    return stream[:, :-1], stream[:, 1:]


def in_one_pass(model: LanguageModel, ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    model.eval()
    logits = model(ids)[0].detach()
    return functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none")


# --- windows


@pytest.mark.parametrize("length", [1, 4, 5, 6, CONTEXT - 1, CONTEXT, CONTEXT + 1, 3 * CONTEXT + 2])
@pytest.mark.parametrize("context", [CONTEXT, CONTEXT - 1])
def test_reading_in_windows_changes_nothing_where_the_model_reaches_no_further_than_half_of_one(length, context):
    model, (ids, targets) = MeanOfTheLast(context=context), text(length)
    nats = model.token_nats(ids, targets)
    assert nats.shape == (2, length)
    torch.testing.assert_close(nats, in_one_pass(model, ids, targets))


def test_a_text_no_longer_than_the_context_is_read_as_one():
    model, (ids, targets) = MeanOfTheLast(reach=CONTEXT), text(CONTEXT)
    torch.testing.assert_close(model.token_nats(ids, targets), in_one_pass(model, ids, targets))


def test_a_token_sees_at_least_half_a_context_and_no_more_than_a_whole_one():
    model, (ids, targets) = MeanOfTheLast(reach=CONTEXT), text(40, batch=1)
    nats, full = model.token_nats(ids, targets)[0], []
    for t in range(40):
        begin = t - t % 5                                          # windows end at multiples of half a context
        first = max(0, begin - 5)
        assert begin == 0 or t - first >= 5
        full.append(in_one_pass(model, ids[:, first : t + 1], targets[:, first : t + 1])[0, -1])
    torch.testing.assert_close(nats, torch.stack(full))


def test_no_pass_is_longer_than_the_context_however_long_the_text():
    model = MeanOfTheLast()
    model.token_nats(*text(95))
    assert max(length for _, length, _ in model.shown) == CONTEXT
    assert model.shown == [(2, 5, "cpu"), (2 * 18, CONTEXT, "cpu")]  # 18 windows side by side, two texts each


def test_no_pass_holds_more_tokens_than_fit(monkeypatch):
    model, (ids, targets) = MeanOfTheLast(), text(98)
    at_once = model.token_nats(ids, targets)
    for tokens, logits in ((150, 2**24), (8192, 150 * V)):         # so 7 windows of 10 tokens and 2 texts
        model.shown.clear()
        monkeypatch.setattr(language_model, "TOKENS_A_PASS", tokens)
        monkeypatch.setattr(language_model, "LOGITS_A_PASS", logits)
        torch.testing.assert_close(model.token_nats(ids, targets), at_once)
        assert [(rows, length) for rows, length, _ in model.shown] == [(2, 5), (14, 10), (14, 10), (8, 10), (2, 8)]


def test_a_window_that_does_not_fit_is_read_alone(monkeypatch):
    monkeypatch.setattr(language_model, "LOGITS_A_PASS", 1)
    model, (ids, targets) = MeanOfTheLast(), text(15)
    torch.testing.assert_close(model.token_nats(ids, targets), in_one_pass(model, ids, targets))
    assert [(rows, length) for rows, length, _ in model.shown[:3]] == [(2, 5), (2, 10), (2, 10)]


@pytest.mark.parametrize("length", [1, 2, 9, 10, 11, 37])
@pytest.mark.parametrize("context", [1, 2, 3, 8, 9])
def test_the_windows_answer_for_each_token_once_and_show_it_what_is_promised(length, context):
    windows = [window for together in passes(length, context, tokens=20) for window in together]
    assert [t for window in windows for t in range(window.begin, window.end)] == list(range(length))
    for window in windows:
        assert window.shape == (window.end - window.first, window.end - window.begin)
        assert 0 <= window.first <= window.begin < window.end <= length
        assert window.end - window.first <= context
        assert window.first == 0 or window.begin - window.first >= context // 2


def test_windows_that_are_read_together_are_of_one_shape():
    for together in passes(37, 9, tokens=20):
        assert len({window.shape for window in together}) == 1
        assert len(together) <= 20 // together[0].shape[0]


def test_a_model_that_reads_one_token_at_a_time_is_asked_for_one_at_a_time():
    model, (ids, targets) = MeanOfTheLast(reach=1, context=1), text(3)
    torch.testing.assert_close(model.token_nats(ids, targets), in_one_pass(model, ids, targets))
    assert {length for _, length, _ in model.shown[:-1]} == {1}


def test_an_empty_text_has_no_nats():
    assert MeanOfTheLast().token_nats(*text(0)).shape == (2, 0)
    assert MeanOfTheLast().token_nats(*text(23, batch=0)).shape == (0, 23)


# --- measuring is not training


def test_dropout_changes_neither_the_nats_nor_the_next_probabilities():
    model, (ids, targets) = MeanOfTheLast().train(), text(12)
    expected = in_one_pass(MeanOfTheLast(), ids, targets)
    torch.testing.assert_close(model.token_nats(ids, targets), expected)
    assert torch.equal(model.next_probabilities([1, 2]), model.next_probabilities([1, 2]))
    assert not torch.equal(model(ids)[0], model(ids)[0])           # dropout is on again


@pytest.mark.parametrize("fails", [False, True], ids=["in order", "after an error"])
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluating"])
def test_each_part_of_the_model_is_put_back_into_the_mode_it_was_in(training, fails):
    model, (ids, targets) = MeanOfTheLast().train(training), text(3)
    model.embedding.train(not training)                            # as a frozen part is
    model.fails = fails
    for measure in (lambda: model.token_nats(ids, targets), lambda: model.next_probabilities([1])):
        if fails:
            with pytest.raises(RuntimeError, match="this model is broken"):
                measure()
        else:
            measure()
        assert (model.training, model.dropout.training, model.embedding.training) == (training, training, not training)
    assert torch.is_grad_enabled()


def test_measuring_keeps_no_gradients():
    model = MeanOfTheLast()
    assert not model.token_nats(*text(3)).requires_grad
    assert not model.next_probabilities([1]).requires_grad


# --- the next token


def test_the_next_probabilities_are_the_softmax_of_the_last_position():
    model = MeanOfTheLast().eval()
    expected = model(torch.tensor([[4, 0, 6]]))[0][0, -1].softmax(dim=-1).detach()
    torch.testing.assert_close(model.next_probabilities([4, 0, 6]), expected)
    torch.testing.assert_close(model.next_probabilities(torch.tensor([4, 0, 6])), expected)
    assert expected.sum().item() == pytest.approx(1)


def test_no_more_than_the_last_context_of_ids_is_read():
    model = MeanOfTheLast(reach=CONTEXT)
    longer = [5, 5, *range(V), 1, 2, 3]
    assert torch.equal(model.next_probabilities(longer), model.next_probabilities(longer[-CONTEXT:]))
    assert model.shown == [(1, CONTEXT, "cpu")] * 2


def test_without_an_id_there_is_nothing_to_go_on_from():
    with pytest.raises(CourseError, match=r"no ids to go on from; expected at least one: begin with .voc"):
        MeanOfTheLast().next_probabilities([])


def test_an_ngram_models_next_probabilities_are_its_distribution():
    model = NGram(NgramCounts([1, 2, 1, 2, 1, 1], vocabulary_size=4, order=2, start=0), KneserNey())
    for ids in ([], [1], [3, 2]):
        assert torch.is_tensor(model.next_probabilities(ids))
        assert model.next_probabilities(ids).tolist() == model.distribution(ids).tolist()


# --- reading on


def test_reading_on_from_a_memory_is_reading_all_at_once():
    model = MeanOfTheLast(reach=CONTEXT)
    first, memory = model.read([4, 0])
    torch.testing.assert_close(first, model.next_probabilities([4, 0]))
    second, _ = model.read([6, 1], memory)
    torch.testing.assert_close(second, model.next_probabilities([4, 0, 6, 1]))


def test_a_memory_can_be_gone_on_from_twice():
    model = MeanOfTheLast(reach=CONTEXT)
    _, memory = model.read(torch.tensor([4, 0]))
    ways = [model.read([6], memory), model.read([1], memory), model.read([6], memory)]
    assert memory == (4, 0)
    assert torch.equal(ways[0][0], ways[2][0]) and not torch.equal(ways[0][0], ways[1][0])
    assert [memory for _, memory in ways] == [(4, 0, 6), (4, 0, 1), (4, 0, 6)]


def test_a_memory_holds_no_more_than_the_context():
    model, memory = MeanOfTheLast(), None
    for i in range(25):
        _, memory = model.read([i % V], memory)
    assert memory == tuple(i % V for i in range(15, 25))
    assert model.read(range(V), memory)[1] == (*memory[-3:], *range(V))


def test_an_ngram_model_reads_on_as_it_reads():
    model = NGram(NgramCounts([1, 2, 1, 2, 1, 1], vocabulary_size=4, order=3, start=0), KneserNey())
    assert model.read([])[0].tolist() == model.distribution([]).tolist()
    _, memory = model.read([1])
    for token in (1, 2, 3):
        assert model.read([token], memory)[0].tolist() == model.distribution([1, token]).tolist()


@pytest.mark.parametrize("memory", [None, (1, 2)])
def test_reading_refuses_ids_the_model_does_not_have(memory):
    with pytest.raises(CourseError, match=f"must lie in 0 … {V - 1}; got "):
        MeanOfTheLast().read([V], memory)


def test_reading_nothing_after_nothing_says_where_to_begin():
    with pytest.raises(CourseError, match=r"no ids to go on from; expected at least one: begin with .voc"):
        MeanOfTheLast().read([])


# --- numbers and where they are


def test_the_parameters_are_counted_one_by_one_and_shared_ones_once():
    model = MeanOfTheLast()
    assert model.parameter_count == V * 4 + 4 * V + V
    model.output.weight = model.embedding.weight
    assert model.parameter_count == V * 4 + V


def test_a_model_without_numbers_is_on_the_cpu():
    assert LanguageModel().device.type == "cpu"
    assert LanguageModel().parameter_count == 0


def test_the_ids_are_brought_to_where_the_model_is():
    model, (ids, targets) = MeanOfTheLast().to("meta"), text(3)    # a device that every machine has
    model.fails = True
    for measure in (lambda: model.token_nats(ids, targets), lambda: model.next_probabilities([1])):
        with pytest.raises(RuntimeError, match="this model is broken"):
            measure()
    assert model.shown == [(2, 3, "meta"), (1, 1, "meta")]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_model_on_a_gpu_answers_on_the_cpu_with_the_same_numbers():
    model, (ids, targets) = MeanOfTheLast(), text(23)
    nats, probability = model.token_nats(ids, targets), model.next_probabilities([1, 2])
    model.to("cuda")
    torch.testing.assert_close(model.token_nats(ids, targets), nats, rtol=0, atol=1e-5)
    torch.testing.assert_close(model.next_probabilities([1, 2]), probability, rtol=0, atol=1e-5)


# --- bad input


@pytest.mark.parametrize("wrong", [-1, V])
def test_ids_outside_the_vocabulary_are_refused(wrong):
    model, ids = MeanOfTheLast(), torch.tensor([[0, wrong]])
    for measure, name in (
        (lambda: model.token_nats(ids, ids * 0), "ids"),
        (lambda: model.token_nats(ids * 0, ids), "targets"),
        (lambda: model.next_probabilities([0, wrong]), "ids"),
    ):
        with pytest.raises(CourseError, match=f"{name} must lie in 0 … {V - 1}; got "):
            measure()


def test_ids_and_targets_that_do_not_fit_are_refused():
    model, (ids, targets) = MeanOfTheLast(), text(3)
    with pytest.raises(ShapeError, match=r"ids should have shape \(B, T\); got \(3,\)"):
        model.token_nats(ids[0], targets[0])
    with pytest.raises(ShapeError, match=r"targets should have shape \(2, 3\); got \(2, 2\)"):
        model.token_nats(ids, targets[:, :2])


def test_a_model_of_equal_logits_is_undecided_among_all_tokens():
    model, (ids, targets) = MeanOfTheLast(), text(25)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    assert model.token_nats(ids, targets).mean().item() == pytest.approx(math.log(V))
