"""What our encoder–decoder writes with its cache, greedily and by beam search, against T5 in transformers."""

import pytest
import torch
from transformers import T5Config, T5ForConditionalGeneration

from course_utils.decoding import transcribe
from course_utils.generation import Beam, beam_search
from course_utils.models import encoder_decoder, porting
from course_utils.models.encoder_decoder import Cached, EncoderDecoder
from course_utils.models.seq2seq import END, PAD, START, Conditioned
from course_utils.seeding import generator
from tools.verified import Verified

VOCABULARY, LONGEST = 23, 14
SEEDS = (3, 4, 5, 8, 9, 10)                                        # whose texts are long, short and mixed
SOURCE = torch.tensor([[3, 4, 5, 6, 7, END], [8, 9, END, PAD, PAD, PAD], [10, 11, 12, 10, END, PAD]])
VERIFIES = [
    Verified(
        "09",
        "what encoder–decoders write, greedily and by beam search",
        "`transformers`' T5, small and random",
        "equal tokens",
    ),
]


def t5(seed: int) -> T5ForConditionalGeneration:
    """A tiny one of random weights, fairly sure of itself; its output is its own, or it would repeat one token."""
    config = T5Config(vocab_size=VOCABULARY, d_model=16, d_kv=6, d_ff=24, num_layers=2, num_heads=3)
    config.tie_word_embeddings = False                             # version 5 sets it to True in any case
    model, chance = T5ForConditionalGeneration(config), generator(seed)
    model.set_input_embeddings(model.shared)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.4 * torch.randn(parameter.shape, generator=chance))
        model.decoder.final_layer_norm.weight.add_(2.0)
        model.lm_head.weight[END] *= 2.5                            # so that some texts end
    return model.eval()


def ours(theirs: T5ForConditionalGeneration) -> Cached:
    config = porting.t5_config(theirs.config)
    model = EncoderDecoder(config, generator(0))
    model.load_state_dict(porting.t5_weights(theirs.state_dict(), config.tied))
    return Cached(model.eval())


def written_by(theirs, source: torch.Tensor, beams: int, penalty: float = 1.0) -> list[list[int]]:
    """Without START, END and padding."""
    out = theirs.generate(
        source,
        attention_mask=(source != PAD).long(),
        num_beams=beams,
        length_penalty=penalty,
        max_new_tokens=LONGEST,
        do_sample=False,
        decoder_start_token_id=START,
        eos_token_id=END,
        pad_token_id=PAD,
    )
    return [until_end(row[1:]) for row in out.tolist()]


def until_end(ids) -> list[int]:
    ids = list(ids)
    return ids[: ids.index(END)] if END in ids else ids


@pytest.mark.parametrize("seed", SEEDS)
def test_greedy_writes_the_tokens_that_t5_writes(seed):
    theirs = t5(seed)
    assert transcribe(ours(theirs), SOURCE, longest=LONGEST) == written_by(theirs, SOURCE, 1)


@pytest.mark.parametrize("penalty", [1.0, 0.0, 2.0])
@pytest.mark.parametrize("seed", SEEDS)
def test_beam_search_writes_the_tokens_that_t5_writes(seed, penalty):
    theirs = t5(seed)
    model, expected = ours(theirs), written_by(theirs, SOURCE, 4, penalty)
    for row, source in enumerate(SOURCE):
        alone = Conditioned(model, source[source != PAD].tolist())
        best = beam_search(alone, [START], LONGEST, Beam(4, penalty), stop=END)[0]
        assert until_end(best.ids) == expected[row]


def test_the_search_of_many_sources_at_once_writes_what_t5_writes_but_where_ended_targets_crowd_out_others():
    """`transcribe` keeps an ended target among its beginnings; T5 puts it aside, and keeps one beginning more."""
    same, ended = [], []
    for seed in range(2, 12):
        expected = written_by(t5(seed), SOURCE, 4)
        same += [a == b for a, b in zip(transcribe(ours(t5(seed)), SOURCE, 4, LONGEST), expected, strict=True)]
        ended += [len(target) < LONGEST for target in expected]
    assert sum(ended) >= 10 and sum(same) >= len(same) - 1


@pytest.mark.parametrize("mistake", ["positions are not counted on", "the source's padding is seen"])
def test_a_wrong_cache_would_show(mistake, monkeypatch):
    theirs = t5(4)
    if mistake == "positions are not counted on":
        true_bias = encoder_decoder.RelativeBias.forward
        monkeypatch.setattr(encoder_decoder.RelativeBias, "forward", lambda self, t, s: true_bias(self, s, s)[:, :, :t])
    else:
        monkeypatch.setattr(encoder_decoder, "visible", lambda mask: None)
    assert transcribe(ours(theirs), SOURCE, longest=LONGEST) != written_by(theirs, SOURCE, 1)
