"""The six tasks: on tiny models under the real names, as the hub would give them, and on the stand-ins themselves."""

import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer, BertModel, set_seed

from course_utils import encoders, named_models, recipes, tasks, text_to_text
from course_utils.errors import CourseError
from course_utils.models.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from course_utils.recipes import translation
from course_utils.sampling import Sampling
from course_utils.seeding import generator
from course_utils.text.parallel import ES_EN_BPE_SIZE
from tests.support import tiny_checkpoints

pytestmark = pytest.mark.usefixtures("one_thread")
TEXT = "The hub is a room full of numbers."                       # letters that the tiny tokenizers know
TOWER = "The tower stands in Paris. It was built by Eiffel in 1889. It is 330 metres tall."


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return tiny_checkpoints.write_all(tmp_path_factory.mktemp("repositories"))


@pytest.fixture
def hub(folders, monkeypatch):
    """The client's cache holds all named models, in tiny."""
    monkeypatch.setattr(named_models, "_cached", lambda model: folders[model.repo])
    forget()
    yield lambda name: folders[named_models.find(name).repo]
    forget()


def forget():
    """`let_go` without handing memory back, which takes a second."""
    tasks._stand_in.cache_clear()
    tasks._kept.cache_clear()


@pytest.fixture
def offline(monkeypatch):
    """Only the stand-ins are here. They stay in memory from test to test, `tasks.KEPT` of them."""
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    monkeypatch.setattr(named_models, "_cached", lambda model: None)
    tasks._stand_in.cache_clear()
    yield
    tasks._stand_in.cache_clear()


@pytest.fixture(scope="module", autouse=True)
def _let_go_at_the_end():
    yield
    tasks.let_go()


def parts(folder, kind):
    return kind.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)


# --- what is written is what transformers writes ----------------------------------------------------


@pytest.mark.parametrize(("beams", "ngram"), [(1, 0), (1, 2), (3, 0)])
def test_a_text_goes_on_as_transformers_has_it(hub, beams, ngram):
    model, tokenizer = parts(hub("gpt2"), AutoModelForCausalLM)
    encoded = tokenizer(TEXT, return_tensors="pt")
    out = model.generate(
        **encoded, max_new_tokens=12, num_beams=beams, no_repeat_ngram_size=ngram, early_stopping=beams > 1,
        do_sample=False, pad_token_id=0,
    )  # fmt: skip
    expected = tokenizer.decode(out[0, encoded.input_ids.shape[1] :], skip_special_tokens=True)
    assert tasks.generate_text(TEXT, "gpt2", 12, beams=beams, no_repeat_ngram=ngram) == expected != ""
    assert tasks.generate_text(TEXT, "openai-community/gpt2", 12, beams=beams, no_repeat_ngram=ngram) == expected


def test_sampling_depends_on_its_generator_alone_and_leaves_the_global_state(hub):
    def drawn(seed, sampling=Sampling(temperature=5.0)):  # noqa: B008  (frozen)
        return tasks.generate_text(TEXT, "gpt2", 12, sampling=sampling, generator=generator(seed))

    first, before = drawn(1), torch.get_rng_state()
    set_seed(123)
    assert drawn(1) == first != drawn(2)
    set_seed(123)
    expected = torch.rand(3)
    set_seed(123)
    drawn(1)
    assert torch.equal(torch.rand(3), expected)
    torch.set_rng_state(before)
    greedy = tasks.generate_text(TEXT, "gpt2", 12)
    assert drawn(1, Sampling(top_k=1)) == drawn(2, Sampling(top_p=1e-6)) == drawn(3, Sampling(min_p=1.0)) == greedy


FORMS = {
    "summarize": (tasks.summarize, (TEXT, "t5-small"), {}, "summarize: {0}"),
    "booksum": (tasks.summarize, (TEXT, "cnicu/t5-small-booksum"), {}, "summarize: {0}"),
    "answer": (tasks.answer, ("That room is full of what?", TEXT, "t5-small"), {}, "question: {0} context: {1}"),
    "German": (
        tasks.translate, (TEXT, "t5-small"), {"source": "English", "target": "German"},
        "translate English to German: {0}",
    ),
    "opus": (tasks.translate, ("Este curso", "opus-mt-es-en"), {}, "{0}"),
}  # fmt: skip


@pytest.mark.parametrize("task", FORMS)
def test_a_text_is_rewritten_after_the_words_that_the_model_was_trained_with(hub, task):
    function, (*texts, name), languages, form = FORMS[task]
    model, tokenizer = parts(hub(name), AutoModelForSeq2SeqLM)
    encoded = tokenizer(form.format(*texts), return_tensors="pt")
    out = model.generate(**encoded, max_new_tokens=9, num_beams=3, early_stopping=True)
    expected = tokenizer.decode(out[0], skip_special_tokens=True).strip()
    assert function(*texts, name, 9, beams=3, **languages) == expected != ""


def test_a_summary_can_be_made_longer_and_kept_from_repeating(hub):
    model, tokenizer = parts(hub("t5-small"), AutoModelForSeq2SeqLM)
    encoded = tokenizer(f"summarize: {TEXT}", return_tensors="pt")
    out = model.generate(
        **encoded, min_new_tokens=15, max_new_tokens=20, num_beams=2, early_stopping=True, no_repeat_ngram_size=2
    )
    expected = tokenizer.decode(out[0], skip_special_tokens=True).strip()
    assert tasks.summarize(TEXT, longest=20, shortest=15, beams=2, no_repeat_ngram=2) == expected
    assert tasks.summarize(TEXT, longest=20, beams=2) != expected


def test_bert_gives_the_vector_of_its_first_token_or_their_mean(hub):
    model = BertModel.from_pretrained(hub("bert-base-uncased"), add_pooling_layer=False)
    tokenizer = AutoTokenizer.from_pretrained(hub("bert-base-uncased"))
    texts = [TEXT, "a room", "The hub is a room", "numbers"]
    with torch.no_grad():
        hidden = [model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0] for text in texts]
    first, mean = torch.stack([h[0] for h in hidden]), torch.stack([h.mean(dim=0) for h in hidden])
    found = tasks.embed(texts, "bert-base-uncased", "cls", unit=False)
    torch.testing.assert_close(found, first, rtol=0, atol=1e-5)
    found = tasks.embed(texts, "bert-base-uncased", unit=False)
    torch.testing.assert_close(found, mean, rtol=0, atol=1e-5)
    found = tasks.embed(texts, "bert-base-uncased")
    torch.testing.assert_close(found, functional.normalize(mean, dim=-1), rtol=0, atol=1e-5)
    assert not found.requires_grad


def test_texts_of_like_length_stand_together_and_each_keeps_its_place(hub, monkeypatch):
    texts = ["room " * count for count in (7, 1, 5, 2, 6, 3)]
    alone = torch.cat([tasks.embed([text], "bert-base-uncased") for text in texts])
    monkeypatch.setattr(encoders, "READ_AT_ONCE", 2)
    sizes, pad = [], encoders.pad_sequence
    monkeypatch.setattr(encoders, "pad_sequence", lambda rows, **more: (
        sizes.append([len(row) - 2 for row in rows]), pad(rows, **more))[1])  # fmt: skip
    torch.testing.assert_close(tasks.embed(texts, "bert-base-uncased"), alone, rtol=0, atol=1e-5)
    assert sizes[::2] == [[1, 2], [3, 5], [6, 7]]                  # ids and mask are padded alike


# --- memory -----------------------------------------------------------------------------------------


def test_a_model_is_loaded_once_and_kept_until_it_is_let_go_or_has_to_make_room(hub, monkeypatch):
    loads, load = [], named_models.load_named
    monkeypatch.setattr(named_models, "load_named", lambda name: (loads.append(name), load(name))[1])
    for name in ("gpt2", "t5-small", "gpt2", "bert-base-uncased", "gpt2", "t5-small"):
        tasks.load(name)
    assert loads == ["gpt2", "t5-small", "bert-base-uncased", "t5-small"]
    tasks.let_go()
    tasks.load("t5-small")
    assert loads[4:] == ["t5-small"]


def test_one_stand_in_is_loaded_once_for_all_that_it_stands_in_for_and_said_once_for_each(offline, capsys):
    flan = tasks.load("flan-t5")
    assert tasks.load("t5-small") is tasks.load("t5-small-booksum") is tasks.load("t5-small") is flan
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in said] == ["t5-small", "t5-small-booksum"]


# --- the stand-ins ------------------------------------------------------------------------------------


def test_a_stand_in_is_asked_in_its_own_words(offline):
    flan = text_to_text.TextToText(tasks.load("flan-t5").model, tasks.load("flan-t5").tokenizer)
    assert tasks.summarize(TOWER, "t5-small", 12, beams=1) == flan.summarize(TOWER, 12)
    question, context = "In which city is it?", "The Eiffel Tower is a lattice tower in Paris, named after Eiffel."
    asked = tasks.answer(question, context, "t5-small")
    assert asked == tasks.answer(question, context) == flan.answer(question, context) == "Paris"
    german = tasks.translate("The house is wonderful.", "flan-t5", source="English", target="German")
    assert german == "Das Haus ist wunderbar."
    labels, review = ["negative", "positive"], "The film was a complete waste of time."
    assert tasks.classify(review, labels, "t5-small", "Is it good?") == flan.classify(review, labels, "Is it good?")


def test_an_encoder_answers_with_the_nearest_sentence_and_classifies_by_cosine(offline):
    assert tasks.answer("Who built it?", TOWER, "minilm") == "It was built by Eiffel in 1889."
    assert tasks.answer("What is its height in metres?", TOWER, "bert-base-uncased") == "It is 330 metres tall."
    labels, text = ["politics", "sport"], "The goalkeeper saved the penalty."
    found = tasks.classify(text, labels, "minilm")
    vectors = tasks.embed([text, *labels])
    expected = [(20 * functional.cosine_similarity(vectors[0], vectors[i], dim=0)).exp().item() for i in (1, 2)]
    assert list(found) == ["sport", "politics"]
    assert found == pytest.approx({"politics": expected[0] / sum(expected), "sport": expected[1] / sum(expected)})


def test_es_en_translates_by_its_own_recipe(monkeypatch):
    config = EncoderDecoderConfig(ES_EN_BPE_SIZE, width=16, heads=2, head_width=8, layers=1, inner=32)
    tiny = EncoderDecoder(config, generator(0)).eval()
    monkeypatch.setattr(recipes, "load", lambda name: {"es_en": tiny}[name])
    monkeypatch.setattr(translation, "LONGEST", 8)
    tasks._kept.cache_clear()
    assert tasks.translate("Hola.", "es_en", beams=2) == translation.translate(tiny, ["Hola."], 2)[0] != ""
    with pytest.raises(CourseError, match="es_en translates up to 8; translate its sentences one by one"):
        tasks.translate("Hola. " * 9, "es_en")
    with pytest.raises(CourseError, match="longest is 5; es_en writes up to 8 tokens: leave longest out"):
        tasks.translate("Hola.", "es_en", 5)
    tasks._kept.cache_clear()


# --- what is refused ----------------------------------------------------------------------------------

WRONG = {
    "translate": (lambda: tasks.translate("Hola", "gpt2"), r"gpt2 goes on with a text; translate needs a model that "
                  "reads one text and writes another, and was trained for it: t5-small, flan-t5, opus-mt-es-en, es_en"),
    "summarize": (lambda: tasks.summarize(TEXT, "opus-mt-es-en"), "opus-mt-es-en reads one .*: t5-small, t5-small-b"),
    "answer": (lambda: tasks.answer("Who?", TEXT, "smollm2"), "smollm2 goes on .* or .*: bert-base-uncased, minilm"),
    "classify": (lambda: tasks.classify(TEXT, ["a", "b"], "gpt2"), "gpt2 goes on with a text; classify needs"),
    "embed": (lambda: tasks.embed([TEXT], "t5-small"), "t5-small reads one .* turns a text into vectors.*: bert"),
    "generate_text": (lambda: tasks.generate_text(TEXT, "minilm"), "minilm turns a text into vectors; .*: gpt2, smol"),
    "name": (lambda: tasks.embed([TEXT], "berd-base-uncased"), "Did you mean 'bert-base-uncased'"),
}  # fmt: skip


@pytest.mark.parametrize("task", WRONG)
def test_a_model_of_the_wrong_family_is_refused_before_it_is_loaded(task, monkeypatch):
    monkeypatch.setattr(tasks, "load", None)
    call, message = WRONG[task]
    with pytest.raises(CourseError, match=message):
        call()


@pytest.mark.parametrize("blank", ["", " \n"])
def test_an_empty_text_is_refused(hub, blank):
    for call in (
        lambda: tasks.generate_text(blank), lambda: tasks.summarize(blank), lambda: tasks.translate(blank),
        lambda: tasks.answer(blank, TEXT, "t5-small"), lambda: tasks.answer("Who?", blank, "t5-small"),
        lambda: tasks.classify(blank, ["a", "b"], "t5-small"), lambda: tasks.embed([TEXT, blank], "bert-base-uncased"),
    ):  # fmt: skip
        with pytest.raises(CourseError, match="The (text|prompt|question|context) is empty"):
            call()


def test_a_text_that_is_too_long_is_refused_with_its_length_and_never_cut(hub):
    with pytest.raises(CourseError, match=r"The text has \d+ tokens and is to go on for 60; gpt2 holds 64. Shorten it"):
        tasks.generate_text(TEXT, longest=60)
    for call in (lambda: tasks.summarize("room " * 600), lambda: tasks.embed(["room " * 600], "bert-base-uncased")):
        with pytest.raises(CourseError, match=r"has [\d,]+ tokens; \S+ holds 512"):
            call()
    with pytest.raises(CourseError, match="longest is 65; opus-mt-es-en writes up to 64"):
        tasks.translate("Este curso", longest=65)


def test_a_language_that_the_model_does_not_know_is_refused(offline):
    with pytest.raises(CourseError, match="opus-mt-es-en translates Spanish to English; got English to Spanish"):
        tasks.translate("Hello", source="English", target="Spanish")
    with pytest.raises(CourseError, match="t5-small translates English to German, English to French"):
        tasks.translate("Hola", "t5-small")
    for call in (
        lambda: tasks.translate("El año 年", "flan-t5"), lambda: tasks.classify("año 年", ["a", "b"]),
        lambda: tasks.answer("¿Qué año 年?", TOWER),
    ):  # fmt: skip
        with pytest.raises(CourseError, match="flan-t5 has no sign for ñ 年: it was not made for this language"):
            call()
    with pytest.raises(CourseError, match="minilm has no sign for"):
        tasks.embed(["朱極若朱極若"])
    assert tasks.embed(["Zhu Ji, 朱極, was a painter."]).shape[0] == 1      # a foreign name does no harm
    assert tasks.answer("Where is <it>?", TOWER, "flan-t5", 5)        # a mark that it does not know is no language


def test_numbers_labels_and_poolings_that_make_no_sense_are_refused():
    for arguments in ({"longest": 0}, {"beams": 0}, {"no_repeat_ngram": -1}, {"shortest": 9, "longest": 5}):
        with pytest.raises(CourseError, match="expected longest and beams of 1 or more"):
            tasks.summarize(TEXT, **arguments)
    with pytest.raises(CourseError, match=r"sampling needs generator=generator\(seed\), and one beam"):
        tasks.generate_text(TEXT, sampling=Sampling())
    with pytest.raises(CourseError, match="and one beam; got .* 2 beams"):
        tasks.generate_text(TEXT, sampling=Sampling(), generator=generator(0), beams=2)
    for labels in ("sport", ["sport"], ["sport", "sport"], ["a", "b", "a"]):
        with pytest.raises(CourseError, match="expected a list of two or more, all different"):
            tasks.classify(TEXT, labels, "minilm")
    for texts in ("one text", []):
        with pytest.raises(CourseError, match="expected a list of one or more"):
            tasks.embed(texts)
    with pytest.raises(CourseError, match="pooling is 'max'; expected mean or cls"):
        tasks.embed([TEXT], pooling="max")


def test_sentences_end_at_full_stops_question_and_exclamation_marks():
    assert tasks.sentences_of(" One. Two? Three!  3.5 is four\n") == ["One.", "Two?", "Three!", "3.5 is four"]
