"""MiniLM in the course's own encoder against transformers, on real weights and real sentences."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from course_utils.encoders import load_encoder, load_minilm
from course_utils.errors import CourseError
from course_utils.models.transformer import WRITTEN_OUT
from tools.verified import Verified

pytestmark = pytest.mark.usefixtures("one_thread")
TEXTS = ["The cat sat on the mat because it was warm.", "A short one.", "Nairobi, the capital of Kenya, began in 1899."]
TOLERANCE = 1e-4                                                   # of hidden states that reach 10 and more
VERIFIES = [
    Verified(
        "06",
        "MiniLM on our encoder: states and attention of all layers",
        "`transformers`, on the same weights",
        TOLERANCE,
    ),
]


@pytest.fixture(scope="module")
def ours():
    return load_encoder("minilm", WRITTEN_OUT)[0]


@pytest.fixture(scope="module")
def theirs():
    return load_minilm()


@pytest.fixture(scope="module")
def batch(theirs):
    return theirs.tokenizer(TEXTS, padding=True, return_tensors="pt")


@pytest.fixture(scope="module")
def read(theirs, batch):
    """What transformers makes of the batch, padding and all."""
    with torch.no_grad():
        return theirs.model(**batch, output_hidden_states=True, output_attentions=True)


def largest_difference(ours, batch, read) -> float:
    """Over all layers and all tokens of the texts; what stands at padding is nobody's business."""
    text = batch.attention_mask.bool()                             # (B, T)
    with torch.no_grad():
        states = ours.states(batch.input_ids, text)
    assert len(states) == len(read.hidden_states) == 7
    return max((a - b)[text].abs().max().item() for a, b in zip(states, read.hidden_states, strict=True))


def test_hidden_states_of_all_layers_are_those_of_transformers(ours, batch, read):
    assert not batch.attention_mask.all(), "no text is padded"
    assert largest_difference(ours, batch, read) < TOLERANCE


def test_each_head_looks_where_it_looks_in_transformers(ours, batch, read):
    mask = batch.attention_mask.bool()
    expected = torch.stack(read.attentions, dim=1)                 # (B, layers, H, T, T)
    away = (ours.attention(batch.input_ids, mask) - expected).abs().amax(dim=(1, 2, 4))              # (B, T)
    assert away[mask].max() < TOLERANCE


@pytest.mark.parametrize("mistake", ["no segment", "another gelu", "no norm", "padding seen"])
def test_a_mistake_shows(mistake, batch, read):
    model = load_encoder("minilm")[0]
    if mistake == "no segment":
        model.segment.weight.data.zero_()
    elif mistake == "another gelu":
        model.blocks[2].feed_forward.activation = functional.relu
    elif mistake == "no norm":
        model.blocks[2].attention_norm = nn.Identity()
    else:
        model._visible = lambda ids, mask: None
    assert largest_difference(model, batch, read) > 100 * TOLERANCE


def test_an_encoder_that_there_is_not_is_refused():
    with pytest.raises(CourseError, match="expected minilm"):
        load_encoder("bert")
