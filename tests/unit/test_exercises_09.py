"""The references of lesson 09 agree with what the course's own models and measures do, and with trusted libraries."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from sklearn.metrics.pairwise import cosine_similarity

from course_utils.answers import answer_scores, token_f1
from course_utils.classification import macro_f1_of
from course_utils.decoding import transcribe
from course_utils.exercises.lesson09.conditioning import decoder_inputs, look_at_source
from course_utils.exercises.lesson09.embedding import embed, search
from course_utils.exercises.lesson09.hiding import hide
from course_utils.exercises.lesson09.masks import MASKS, may_look
from course_utils.exercises.lesson09.scoring import ANSWER, MACRO_F1, score
from course_utils.exercises.lesson09.writing import translate
from course_utils.models.attention import (
    MultiHeadAttention,
    causal_mask,
    padding_mask,
    scaled_dot_product_attention,
    visible,
)
from course_utils.models.encoder import Encoder, EncoderConfig
from course_utils.models.encoder_decoder import Cached, EncoderDecoder, EncoderDecoderConfig
from course_utils.rouge import rouge_n
from course_utils.seeding import generator
from course_utils.semantic_search import nearest
from course_utils.text.batches import END, NO_TARGET, PAD, START, PairBatches

SOURCE, TARGET = torch.tensor([5, 2, 3]), torch.tensor([1, 4, 2])


def of_the_house(kind):
    """The mask (B, queries, keys) of SOURCE and TARGET by the course's own functions."""
    keys = TARGET if kind == "decoder" else SOURCE
    queries = int((SOURCE if kind == "encoder" else TARGET).max())
    mask = padding_mask(keys, int(keys.max()))[:, 0].expand(-1, queries, -1)
    return mask & causal_mask(queries) if kind == "decoder" else mask


def refill(read, write):
    """The text that was hidden: each sentinel of `read` replaced by what follows it in `write`."""
    spans, last = {}, None
    for token in write:
        if last is None or token == last - 1:
            last, spans[token] = token, []
        else:
            spans[last].append(token)
    return [token for item in read for token in spans.get(item, [item])]


@pytest.mark.parametrize("kind", ["encoder", "decoder", "cross"])
def test_the_masks_are_those_of_the_course(kind):
    assert torch.equal(may_look(kind, SOURCE, TARGET), of_the_house(kind))


@pytest.mark.parametrize("mistake", MASKS.misconceptions, ids=lambda mistake: mistake.name)
def test_no_mistaken_mask_is_that_of_the_course(mistake):
    kinds = ("encoder", "decoder", "cross")
    pairs = [(mistake.wrong(kind, SOURCE, TARGET), of_the_house(kind)) for kind in kinds]
    assert any(wrong.dtype != right.dtype or not torch.equal(wrong, right) for wrong, right in pairs)


def test_an_encoders_text_has_the_same_vector_alone_and_in_a_batch():
    model = Encoder(EncoderConfig(vocabulary_size=20, context=8, width=16, heads=2, layers=2), generator(1)).eval()
    texts = [[3, 4, 5, 6, 7], [8, 9], [10, 11, 12]]
    ids = torch.tensor([[*text, *[0] * (5 - len(text))] for text in texts])
    with torch.no_grad():
        together = embed(model(ids, ids != 0), ids != 0)
        alone = [model(torch.tensor([text]))[0].mean(dim=0) for text in texts]
    for vector, mean in zip(together, alone, strict=True):
        assert torch.allclose(vector, mean / mean.norm(), atol=1e-5)


def test_the_search_finds_what_scikit_learns_cosines_say():
    queries, documents = torch.randn(4, 6, generator=generator(2)), torch.randn(30, 6, generator=generator(3)) * 3
    cosines, places = search(queries, documents, 5)
    all_of_them = cosine_similarity(queries.numpy(), documents.numpy())
    assert np.array_equal(places.numpy(), np.argsort(-all_of_them, axis=1)[:, :5])
    assert np.allclose(cosines.numpy(), -np.sort(-all_of_them, axis=1)[:, :5], atol=1e-5)


def test_the_search_finds_what_the_courses_search_does():
    queries, documents = torch.randn(3, 6, generator=generator(9)), torch.randn(30, 6, generator=generator(10)) * 3
    cosines, places = search(queries, documents, 4)
    for query, some, where in zip(queries, cosines.tolist(), places.tolist(), strict=True):
        found = nearest(query, documents, 4)
        assert [place for place, _ in found] == where
        assert [cosine for _, cosine in found] == pytest.approx(some, abs=1e-5)


def test_cross_attention_is_that_of_the_courses_layer():
    layer = MultiHeadAttention(6, 1, attention=scaled_dot_product_attention)
    target, source = torch.randn(2, 3, 6, generator=generator(4)), torch.randn(2, 5, 6, generator=generator(5))
    mask = torch.arange(5) < torch.tensor([5, 2])[:, None]
    weights = layer.query.weight, layer.key.weight, layer.value.weight
    mixed, seen = look_at_source(target, source, mask, *weights)
    expected, expected_seen, _ = layer(target, source, mask=visible(mask))
    assert torch.allclose(layer.output(mixed), expected, atol=1e-5)
    assert torch.allclose(seen, expected_seen[:, 0], atol=1e-5)


def test_what_the_decoder_reads_is_what_the_courses_batches_hold_wherever_a_target_counts():
    targets = [[5, 6, 7], [8], [9, 4]]
    _, inputs, wanted = PairBatches([[3]] * 3, targets, batch=3, seed=0)(0)
    counts = wanted != NO_TARGET
    assert torch.equal(decoder_inputs(wanted, START, PAD)[counts], inputs[counts])


def test_what_the_decoder_reads_is_what_t5_makes_of_its_targets():
    from transformers.models.t5.modeling_t5 import T5PreTrainedModel

    targets = torch.tensor([[7, 8, 1, -100], [4, 5, 6, 1]])
    t5 = SimpleNamespace(config=SimpleNamespace(decoder_start_token_id=0, pad_token_id=0))
    assert torch.equal(decoder_inputs(targets, 0, 0), T5PreTrainedModel._shift_right(t5, targets))


def test_spans_are_hidden_as_in_the_example_of_t5s_paper():
    words = ["Thank", "you", "for", "inviting", "me", "to", "your", "party", "last", "week", "."]
    read, write = hide(list(range(11)), [(2, 4), (8, 9)], 32099, 1)
    text = {**dict(enumerate(words)), 32099: "<X>", 32098: "<Y>", 32097: "<Z>"}
    assert " ".join(text[token] for token in read[:-1]) == "Thank you <X> me to your party <Y> week ."
    assert " ".join(text[token] for token in write[:-1]) == "<X> for inviting <Y> last <Z>"
    assert read[-1] == write[-1] == 1


@pytest.mark.parametrize("seed", range(5))
def test_what_is_hidden_can_be_put_back(seed):
    chance = random.Random(seed)
    ids = [chance.randrange(10, 90) for _ in range(30)]
    cuts = sorted(chance.sample(range(0, 31, 2), 8))                # even, so that two spans never touch
    spans = [(start, stop - 1) for start, stop in zip(cuts[::2], cuts[1::2], strict=True)]
    read, write = hide(ids, spans, 999, 1)
    assert refill(read[:-1], write[:-1]) == ids


def test_f1_of_an_answer_is_rouge_1_where_there_is_nothing_to_normalise():
    chance, words = random.Random(6), ["red", "green", "blue", "old", "new"]
    for _ in range(20):
        answer, right = (" ".join(chance.choices(words, k=chance.randint(1, 8))) for _ in "ab")
        exact, f1 = score(answer, right)
        assert f1 == pytest.approx(rouge_n(answer, right, 1).f1)
        assert exact == (answer == right)


@pytest.mark.parametrize("case", [*ANSWER.cases, *ANSWER.hidden], ids=lambda case: " / ".join(case.arguments()))
def test_an_answer_has_the_scores_that_the_course_gives_it(case):
    answer, right = case.arguments()
    exact, f1 = score(answer, right)
    assert f1 == pytest.approx(token_f1(answer, right))
    assert exact == answer_scores([answer], [[right]]).exact


def test_greedy_writing_is_that_of_the_course():
    config = EncoderDecoderConfig(vocabulary_size=12, width=16, heads=2, head_width=8, layers=1, inner=32, tied=False)
    model = EncoderDecoder(config, generator(7)).eval()
    chance, longest = random.Random(8), 6
    sources = [[chance.randrange(3, 12) for _ in range(5)] for _ in range(30)]
    with torch.no_grad():
        model.output.weight[END] = 1.1 * model.output.weight[5]     # so that some targets end by themselves
        written = [
            translate(
                lambda ids: model.encode(torch.tensor([ids])),
                lambda ids, memory: model.decode(torch.tensor([ids]), memory)[0, -1].tolist(),
                source, START, END, longest,
            )
            for source in sources
        ]
    assert written == transcribe(Cached(model), torch.tensor(sources), longest=longest)
    assert {len(target) == longest for target in written} == {True, False}


def test_macro_f1_on_paper_is_scikit_learns_and_so_are_the_mistakes():
    true, said = ["good"] * 8 + ["bad"] * 2, ["good"] * 9 + ["bad"]
    numbers = np.array([[name == "bad" for name in names] for names in (true, said)]).astype(int).T
    mistakes = {mistake.name: mistake.wrong for mistake in MACRO_F1.misconceptions}
    assert pytest.approx(f1_score(true, said, average="macro")) == MACRO_F1.reference
    assert macro_f1_of(numbers[None], 2)[0] == pytest.approx(MACRO_F1.reference)
    assert mistakes["micro"] == pytest.approx(f1_score(true, said, average="micro"))
    assert mistakes["weighted"] == pytest.approx(f1_score(true, said, average="weighted"))
    always = f1_score(true, ["good"] * 10, average="macro", zero_division=0)
    assert mistakes["always good"] == pytest.approx(always)
