"""The real encoder–decoder: what it writes, its tasks, and what it refuses."""

import pytest
import torch
from transformers.utils import logging

from course_utils.errors import CourseError
from course_utils.models.encoder_decoder import EncoderDecoder
from course_utils.text_to_text import TextToText, load_encoder_decoder, load_flan_t5

pytestmark = pytest.mark.usefixtures("one_thread")
TOWER = "The Eiffel Tower is a lattice tower in Paris, named after the engineer Gustave Eiffel."
WASTE = "The film was a complete waste of time."
SENTIMENT = "Is this review positive or negative?"


@pytest.fixture(scope="module")
def flan() -> TextToText:
    return load_flan_t5()


# --- loading --------------------------------------------------------------------------------------


def test_the_model_has_77_million_parameters_and_is_ready_to_write(flan):
    # Words as read and as written; 8 layers on each side of 4 attention matrices (6 heads of 64), twice in the decoder,
    # and 3 of the gated MLP, with a norm before each part; 32 distances for 6 heads, and a norm, on each side.
    attention, mlp, norm = 4 * 512 * 384, 3 * 512 * 1024, 512
    layers = 8 * (attention + mlp + 2 * norm) + 8 * (2 * attention + mlp + 3 * norm)
    assert flan.parameter_count == 2 * 32128 * 512 + layers + 2 * (32 * 6 + norm) == 76_961_152
    assert not flan.model.training
    assert flan.model.dtype == torch.float32


def test_the_output_matrix_is_its_own_and_both_halves_read_with_one_embedding(flan):
    model = flan.model
    assert not model.config.tie_word_embeddings
    assert model.lm_head.weight.data_ptr() != model.shared.weight.data_ptr()
    assert model.encoder.embed_tokens.weight is model.shared.weight is model.decoder.embed_tokens.weight


def test_loading_warns_of_nothing_and_leaves_the_warnings_of_transformers_as_they_were(caplog):
    logging.set_verbosity_warning()
    logging.add_handler(caplog.handler)
    try:
        load_flan_t5()
    finally:
        logging.remove_handler(caplog.handler)
    assert caplog.messages == []
    assert logging.get_verbosity() == logging.WARNING


def test_our_encoder_decoder_comes_with_its_tokenizer_and_ready():
    model, tokenizer = load_encoder_decoder("flan-t5")
    assert isinstance(model, EncoderDecoder) and not model.training
    assert sum(parameter.numel() for parameter in model.parameters()) == 76_961_152
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    # As T5's own documentation has them for this sentence, 1 for its end.
    expected = [13959, 1566, 12, 2968, 10, 37, 629, 19, 1627, 5, 1]
    assert tokenizer("translate English to German: The house is wonderful.").input_ids == expected


def test_an_encoder_decoder_that_is_not_here_is_refused():
    with pytest.raises(CourseError, match="no encoder–decoder 't5-small' here; expected flan-t5"):
        load_encoder_decoder("t5-small")


# --- writing --------------------------------------------------------------------------------------


def test_writing_takes_the_likeliest_token_each_time(flan):
    source = flan.tokenizer(TOWER, return_tensors="pt").input_ids
    target = torch.tensor([[0]])
    with torch.no_grad():
        for _ in range(5):
            logits = flan.model(source, decoder_input_ids=target).logits
            target = torch.cat([target, logits[:, -1:].argmax(dim=-1)], dim=1)
    assert flan.write(TOWER, 5) == flan.tokenizer.decode(target[0], skip_special_tokens=True)
    assert flan.write(TOWER, 3) != flan.write(TOWER, 5)


def test_what_is_written_is_handed_over_piece_by_piece(flan):
    pieces = []
    text = flan.write("Translate to German:\n\nThe house is wonderful.", 20, on_text=pieces.append)
    assert text == "Das Haus ist wunderbar."
    assert "".join(pieces).strip() == text
    assert len(pieces) > 3


def test_with_beams_the_text_is_likelier_for_its_length_and_comes_whole(flan):
    prompt, pieces = f"Summarize:\n\n{TOWER}", []
    greedy, beam = flan.write(prompt, 20), flan.write(prompt, 20, beams=3, on_text=pieces.append)
    assert pieces == [beam]
    assert greedy != beam
    beam_p, greedy_p = (log_probability(flan, prompt, text) / tokens(flan, text) for text in (beam, greedy))
    assert beam_p > greedy_p


def tokens(flan: TextToText, text: str) -> int:
    return len(flan.tokenizer(text).input_ids)


def log_probability(flan: TextToText, prompt: str, text: str) -> float:
    """ln p of the tokens of the text and of its end, one after the other, worked out from the model's logits."""
    source, ids = (flan.tokenizer(each, return_tensors="pt").input_ids for each in (prompt, text))
    begun = torch.cat([torch.tensor([[0]]), ids[:, :-1]], dim=1)
    with torch.no_grad():
        log_p = flan.model(source, decoder_input_ids=begun).logits[0].log_softmax(dim=-1)
    return log_p.gather(1, ids[0, :, None]).sum().item()


# --- tasks ----------------------------------------------------------------------------------------


def test_each_task_is_a_prompt_in_flans_own_words(flan):
    assert flan.summarize(TOWER, longest=4) == flan.write(f"Summarize:\n\n{TOWER}", 4)
    asked = flan.answer("In which city is it?", TOWER)
    assert asked == flan.write(f"Article: {TOWER}\n\nQuestion: In which city is it?", 40) == "Paris"
    german = flan.translate("The house is wonderful.", "English", "German")
    prompt = "Translate from English to German:\n\nThe house is wonderful.\n\nGerman:"
    assert german == flan.write(prompt, 20) == "Das Haus ist wunderbar."


def test_the_probabilities_of_labels_are_those_of_writing_them_and_sum_to_one(flan):
    labels = ["negative", "very positive", "positive"]
    found = flan.classify(WASTE, labels, SENTIMENT)
    prompt = f"{WASTE}\n\n{SENTIMENT}\n\nOPTIONS:\n- negative\n- very positive\n- positive"
    expected = torch.tensor([log_probability(flan, prompt, label) for label in labels]).softmax(dim=0)
    assert found == pytest.approx(dict(zip(labels, expected.tolist(), strict=True)), abs=1e-5)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert sum(found.values()) == pytest.approx(1, abs=1e-6)


def test_calibrated_labels_are_divided_by_what_they_are_for_a_text_without_content(flan):
    labels = ["negative", "positive", "neither"]
    read, unread = (flan.classify(text, labels, SENTIMENT) for text in (WASTE, "N/A"))
    total = sum(read[label] / unread[label] for label in labels)
    found = flan.classify_calibrated(WASTE, labels, SENTIMENT)
    assert found == pytest.approx({label: read[label] / unread[label] / total for label in labels})
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert flan.classify_calibrated("N/A", labels, SENTIMENT) == pytest.approx(dict.fromkeys(labels, 1 / 3))


@pytest.mark.parametrize(
    ("review", "expected"),
    [
        (WASTE, "negative"),
        ("A dull, lifeless mess of a movie.", "negative"),
        ("I loved every minute of it.", "positive"),
        ("A film of rare beauty.", "positive"),
    ],
)
def test_plain_reviews_are_told_apart_in_whatever_order_the_labels_come(flan, review, expected):
    for labels in (["negative", "positive"], ["positive", "negative"]):
        assert next(iter(flan.classify(review, labels, SENTIMENT))) == expected


# --- what it cannot read, and what it refuses -----------------------------------------------------


def test_what_the_tokenizer_has_no_sign_for_is_named(flan):
    assert flan.unreadable("plain words, déjà vu: 50 % & more\n") == []
    assert flan.unreadable("<b>{x}</b> and año") == ["<", "{", "}<", "ñ"]
    assert "".join(c for c in map(chr, range(33, 127)) if flan.unreadable(c)) == "<\\^`{}~"


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_text_is_refused_by_name(flan, text):
    refused = {
        "text": [
            lambda: flan.write(text, 5),
            lambda: flan.summarize(text),
            lambda: flan.translate(text, "English", "German"),
            lambda: flan.classify(text, ["a", "b"]),
        ],
        "context": [lambda: flan.answer("Who?", text)],
        "question": [lambda: flan.answer(text, TOWER), lambda: flan.classify(TOWER, ["a", "b"], text)],
        "target": [lambda: flan.translate(TOWER, "English", text)],
    }
    for name, calls in refused.items():
        for call in calls:
            with pytest.raises(CourseError, match=f"The {name} is empty"):
                call()


def test_a_text_longer_than_the_models_positions_is_refused_and_not_cut(flan):
    assert isinstance(flan.write(" ".join(["tower"] * 511), 1), str)
    too_long = "The prompt has 513 tokens, and the model was trained on up to 512"
    with pytest.raises(CourseError, match=too_long):
        flan.write(" ".join(["tower"] * 512), 1)
    for call in (flan.summarize, lambda text: flan.answer("Who?", text), lambda text: flan.classify(text, ["a", "b"])):
        with pytest.raises(CourseError, match=r"The prompt has 1,0\d\d tokens"):
            call(" ".join(["tower"] * 1020))


@pytest.mark.parametrize(("longest", "beams"), [(0, 1), (5, 0), (-1, 1)])
def test_no_tokens_and_no_beams_are_refused(flan, longest, beams):
    with pytest.raises(CourseError, match=f"longest is {longest} and beams is {beams}; expected 1 or more"):
        flan.write(TOWER, longest, beams)


@pytest.mark.parametrize("labels", ["positive", [], ["positive"], ["positive", " "]])
def test_labels_are_a_list_of_two_or_more(flan, labels):
    with pytest.raises(CourseError, match="expected a list of two or more, none of them empty"):
        flan.classify(TOWER, labels)


@pytest.mark.parametrize("labels", [["yes", "no", "yes"], ["yes", " yes"], ["{", "}"]])
def test_labels_that_are_the_same_tokens_are_refused(flan, labels):
    with pytest.raises(CourseError, match="are the same tokens"):
        flan.classify(TOWER, labels)
