"""Streams and weights of attention are those that transformers shows of the same network."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from course_utils.interpretability import logit_lens, residual_streams
from course_utils.models import porting
from course_utils.models.head_surgery import attention_weights
from course_utils.models.transformer import Transformer
from course_utils.seeding import generator
from tools.verified import Verified

CLOSE = {"rtol": 1.3e-6, "atol": 1e-5}                              # what torch takes for float32
VERIFIES = [
    Verified(
        "15",
        "residual streams, logit lens and attention weights",
        "`transformers`, a small random Llama",
        CLOSE["atol"],
    ),
]

SIZES = {
    "vocab_size": 31,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32,
    "initializer_range": 0.3,                                      # large enough for heads to look at different things
}


@pytest.fixture(scope="module")
def seen():
    """Ids, what transformers shows of a small Llama that reads them, and the same network as ours."""
    with torch.random.fork_rng():
        torch.manual_seed(1)                                       # transformers draws from the global state
        theirs = LlamaForCausalLM(LlamaConfig(**SIZES, attn_implementation="eager")).eval()
    ours = porting.filled(
        lambda: Transformer(porting.llama_config(theirs.config), generator(0)),
        porting.llama_weights(theirs.state_dict(), theirs.config.tie_word_embeddings),
    )
    ids = torch.randint(31, (2, 9), generator=generator(2))
    with torch.no_grad():
        return ids, theirs(ids, output_hidden_states=True, output_attentions=True), ours


def test_the_stream_after_each_block_is_its_hidden_state(seen):
    ids, shown, ours = seen
    streams = residual_streams(ours, ids)
    torch.testing.assert_close(streams[:-1], torch.stack(shown.hidden_states[:-1]), **CLOSE)
    with torch.no_grad():                                          # its last hidden state is normed already
        torch.testing.assert_close(ours.norm(streams[-1]), shown.hidden_states[-1], **CLOSE)
    torch.testing.assert_close(logit_lens(ours, streams[-1]), shown.logits, **CLOSE)


def test_heads_look_where_its_attentions_say(seen):
    ids, shown, ours = seen
    torch.testing.assert_close(attention_weights(ours, ids), torch.stack(shown.attentions, dim=1), **CLOSE)
