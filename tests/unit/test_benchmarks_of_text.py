"""The parts of `make bench` that write, train a GPT and train an LSTM, each once with little to do."""

import math

import pytest
import torch

from benchmarks import recurrent, training_step, writers, writing
from benchmarks.paired import Timing
from course_utils.models.fast import FastDecoder
from course_utils.models.transformer import LLAMA, Transformer, TransformerConfig
from course_utils.seeding import generator


@pytest.fixture
def ours() -> writers.Ours:
    """A small decoder on the fast path."""
    config = TransformerConfig(50, context=64, width=64, heads=4, layers=2, inner=96, **LLAMA)
    return writers.Ours(FastDecoder(Transformer(config, generator(0))))


def test_ours_writes_the_same_from_a_prompt_at_once_and_token_by_token(ours):
    prompt = [5, 9, 3, 14, 2, 7]
    written = ours.write(prompt, 8)
    for token in prompt[:1]:
        ours.read_first([token])
    again = [ours.read(prompt[1:])]
    while len(again) < 8:
        again.append(ours.read(again[-1:]))
    assert written == again == ours.write(prompt, 8) and writers.END not in written


def test_going_on_begins_at_the_same_place_in_each_run(ours, monkeypatch):
    monkeypatch.setattr(writing, "MORE", 3)
    go_on = writing._goes_on(ours, [5, 9, 3, 14])
    go_on()
    go_on()
    assert ours.model.read_so_far == 4 + 3


def test_growth_is_measured_at_every_length_for_everybody(ours, monkeypatch):
    monkeypatch.setattr(writing, "LENGTHS", (8, 16, 32))
    found = writing._growth({"one": ours, "two": ours}, list(range(3, 40)), 1)
    assert [(one.task, one.who) for one in found] == [
        (task, who) for task in ("read a prompt", f"write {writing.MORE} tokens") for who in ("one", "two")
    ]
    assert all(one.sizes == [8, 16, 32] and math.isfinite(one.slope) for one in found)


def test_the_fastest_of_ours_stands_beside_the_fastest_precision_of_the_peer():
    seconds = {"transformers float32": [3.0, 1.0, 2.0], "transformers bfloat16": [2.5, 2.6, 0.1]}
    assert writing.fastest_of(writing.THEIRS, Timing(seconds)) == "transformers float32"
    pairs = writing.pairs_of("ours int4", "transformers float32", writing.THEIRS)
    assert pairs[-1] == ("ours int4", "transformers float32") and ("ours int4", "transformers bfloat16") in pairs
    assert all(other in writing.THEIRS for _, other in pairs)
    again = writing.pairs_of("ours int4", "transformers bfloat16", writing.THEIRS)
    assert again == pairs[:-1]                                     # is there already, with its target


def test_only_bfloat16_and_llama_hold_the_fastest_to_a_target():
    timing = Timing({name: [1.0] for name in ("ours int4", "transformers float32", "transformers bfloat16")})
    targets = [
        writing._contest(timing, "ours int4", other, {"all": 1.0}).target
        for other in ("transformers float32", "transformers bfloat16")
    ]
    assert targets == [None, 3.0]


def test_llama_without_its_file_stays_away_where_nothing_may_be_fetched(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(writers, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(writers, "peer", lambda module, package: torch)
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    assert writers.llama_module() is None
    assert f"{writers.SOURCE} is not kept here" in capsys.readouterr().out
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / writers.SOURCE).write_bytes(b"weights")
    monkeypatch.setattr(writers, "_tried", lambda file: 0)
    assert writers.llama_module() is torch and writers.gguf() == tmp_path / "bench" / writers.SOURCE
    monkeypatch.setattr(writers, "_tried", lambda file: -4)
    assert writers.llama_module() is None
    assert "llama.cpp stops with status -4 on this machine" in capsys.readouterr().out


@pytest.mark.slow
def test_ours_and_transformers_write_smollm2_alike(monkeypatch):
    """Each writer that is installed, with the real weights: the tokens of `transformers` in float32."""
    monkeypatch.setattr(writing, "THEIRS", {"transformers float32": torch.float32})
    monkeypatch.setattr(writing, "PRECISIONS", ("float32", "int4"))
    made = writing.all_writers()
    prompt = [504, 3575, 282, 4649, 314]                           # The capital of France is
    expected = made["transformers float32"].write(prompt, 6)
    assert made["ours float32"].write(prompt, 6) == expected
    for one in made.values():
        first = one.read_first(prompt)
        one.read([first])
        one.rewind(len(prompt))
        assert one.read([first]) == expected[1] and first == expected[0]


def test_the_models_that_train_are_of_one_size_and_begin_knowing_nothing():
    made = {name: make(64, 16) for name, make in training_step.makers().items()}
    sizes = {name: sum(parameter.numel() for parameter in model.parameters()) for name, (model, _) in made.items()}
    sizes[training_step.FROM_SCRATCH] = sizes.get(training_step.FROM_SCRATCH, 0) - 64 * training_step.VOCABULARY
    assert sizes[training_step.GPT2] == sizes[training_step.OURS]
    ids = torch.randint(training_step.VOCABULARY, (4, 17), generator=generator(1))
    for name, (_, loss) in made.items():
        assert name == training_step.OURS or sizes[name] == pytest.approx(sizes[training_step.OURS], rel=0.02)
        assert loss(ids[:, :-1], ids[:, 1:]).item() > 0.9 * math.log(training_step.VOCABULARY)


@pytest.mark.parametrize("name", [training_step.GPT2, training_step.X_TRANSFORMERS])
def test_the_settings_that_make_a_peer_fast_do_not_change_its_function(name):
    makers = [training_step.makers(precision) for precision in training_step.PRECISIONS]
    if name not in makers[0]:
        pytest.skip(f"{name} is not installed")
    (fused, loss), (plain, other_loss) = (made[name](64, 16) for made in makers)
    plain.load_state_dict(fused.state_dict())
    ids = torch.randint(training_step.VOCABULARY, (4, 17), generator=generator(1))
    values = [each(ids[:, :-1], ids[:, 1:]) for each in (loss, other_loss)]
    assert values[0].item() == pytest.approx(values[1].item(), abs=1e-5)
    weights = [list(model.parameters()) for model in (fused, plain)]
    gradients = [torch.autograd.grad(value, each) for value, each in zip(values, weights, strict=True)]
    assert all(torch.allclose(one, other, atol=1e-5) for one, other in zip(*gradients, strict=True))


def test_gpt2_computes_what_it_computes_as_it_comes_from_its_makers():
    config = TransformerConfig(50, context=16, width=64, heads=4, layers=2)
    fast = training_step.gpt2_of(config).eval()
    default = training_step.GPT2LMHeadModel(
        training_step.GPT2Config(vocab_size=50, n_positions=16, n_embd=64, n_layer=2, n_head=4)
    ).eval()
    assert default.config.activation_function == "gelu_new" and default.config.use_cache
    default.load_state_dict(fast.state_dict())
    ids = torch.randint(50, (3, 16), generator=generator(1))
    found = fast(input_ids=ids)
    assert torch.allclose(found.logits, default(input_ids=ids).logits, atol=1e-5)
    assert found.past_key_values is None                           # no cache is filled in training


def test_a_step_learns_and_all_steps_are_raced(monkeypatch):
    for name, value in {"WIDTH": 32, "LENGTH": 8, "BATCH": 2, "WIDTHS": (32, 64), "LENGTHS": (8, 16)}.items():
        monkeypatch.setattr(training_step, name, value)
    model, loss = training_step.ours(32, 8)
    before = [parameter.clone() for parameter in model.parameters()]
    training_step.step(model, loss, 2, 8, "float32")()
    assert not any(torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))
    found = training_step.measure(1)
    assert {one.task for one in found.contests} == {f"train a GPT, {each}" for each in training_step.PRECISIONS}
    assert all(one.target == 1.1 and one.spent["products with the weights"] > 0 for one in found.contests)
    assert {one.size for one in found.growth} == {"width", "tokens of context"}


def test_three_lstms_of_the_same_weights_agree_and_are_raced(monkeypatch):
    sizes = {"BATCH": 2, "LENGTH": 6, "INPUTS": 8, "WIDTH": 12, "LENGTHS": (3, 6), "WIDTHS": (8, 16)}
    for name, value in sizes.items():
        monkeypatch.setattr(recurrent, name, value)
    found = recurrent.measure(1)
    assert [one.ours for one in found.contests] == [recurrent.WRITTEN_OUT, recurrent.FUSED]
    assert found.known["largest_difference"] < 1e-5 and len(found.growth) == 6


def test_lstms_of_different_weights_are_not_raced(monkeypatch):
    layers = recurrent.all_layers(12)
    with torch.no_grad():
        layers[recurrent.TORCH].bias_hh_l0[0] += 1
    monkeypatch.setattr(recurrent, "all_layers", lambda width: layers)
    with pytest.raises(AssertionError, match="The same weights give hidden states"):
        recurrent.measure(1)
