"""Six tasks for pretrained models: `summarize("…")`, `translate("…")`, `embed(["…"])` and three more.

`transformers` had such functions as pipelines, and dropped several of them in version 5: summarization, translation,
text2text-generation, question-answering. Each is a form of words for the model, the model's own `generate` or hidden
states, and the reverse of the tokenizer. A model is a name of `named_models`, from the hub or its stand-in, or the
name of one the course has itself.
Notation: N texts, B batch, T length, D model width.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import torch
from torch.nn import functional

from course_utils import memory, named_models, text_to_text
from course_utils.encoders import text_vectors
from course_utils.errors import CourseError
from course_utils.named_models import Loaded
from course_utils.recipes import translation
from course_utils.sampling import Sampling
from course_utils.text.parallel import sentence_ids
from course_utils.text_to_text import given

KEPT = 2                                                           # models in memory at once
COSINE_SCALE = 20.0                                                # all-MiniLM was trained on softmax(20 · cosine)
T5_LENGTH = 512                                                    # tokens of a text in its training
POOLINGS = ("mean", "cls")


# --- which model does what ------------------------------------------------------------------------


@dataclass(frozen=True)
class Skills:
    """What a model was trained for. `kind`: as in `named_models`. The forms of words are None where it knows none.

    languages: the pairs (from, to) that it translates; empty where no list is known.
    """

    kind: str
    summarize: str | None = None
    translate: str | None = None
    answer: str | None = None
    classifies: bool = False
    languages: tuple[tuple[str, str], ...] = ()


WRITES_ON = Skills("causal")
READS = Skills("masked", classifies=True)
# The forms of words of T5: Raffel et al. 2020, appendix D. It learned to translate from English alone.
T5 = Skills(
    "seq2seq",
    "summarize: {text}",
    "translate {source} to {target}: {text}",
    "question: {question} context: {context}",
    classifies=True,
    languages=(("English", "German"), ("English", "French"), ("English", "Romanian")),
)
FLAN_T5 = Skills("seq2seq", text_to_text.SUMMARIZE, text_to_text.TRANSLATE, text_to_text.ANSWER, classifies=True)
SPANISH = Skills("seq2seq", translate="{text}", languages=(("Spanish", "English"),))
SKILLS = {
    "gpt2": WRITES_ON,
    "smollm2-135m-instruct": WRITES_ON,
    "smollm2": WRITES_ON,
    "bert-base-uncased": READS,
    "minilm": READS,
    "t5-small": T5,
    "t5-small-booksum": Skills("seq2seq", "summarize: {text}"),
    "flan-t5": FLAN_T5,
    "opus-mt-es-en": SPANISH,
    "es_en": SPANISH,
}
KINDS = {
    "causal": "goes on with a text",
    "masked": "turns a text into vectors",
    "seq2seq": "reads one text and writes another",
}


def load(name: str) -> Loaded:
    """The model of this name or its stand-in, kept in memory for the next call; the one longest unused makes room.

    That one stands in for another is said once. `let_go` forgets them all.
    """
    return _kept(name if name in named_models.OWN else _stand_in(name) or name)


@cache
def _stand_in(name: str) -> str | None:
    return named_models.resolve(name).stand_in


@lru_cache(maxsize=KEPT)
def _kept(name: str) -> Loaded:
    return named_models.load_own(name) if name in named_models.OWN else named_models.load_named(name)


def let_go() -> None:
    """Forget the models that are kept, and hand their memory back."""
    _stand_in.cache_clear()
    _kept.cache_clear()
    memory.give_back()


def fit_for(task: str, model: str) -> str:
    """The short name of the model. Raises CourseError for an unknown one, and for one that does not do the task."""
    name = model if model in SKILLS else named_models.find(model).name
    fit = [other for other, skills in SKILLS.items() if _does(skills, task)]
    if name not in fit:
        kinds = " or ".join(dict.fromkeys(KINDS[SKILLS[other].kind] for other in fit))
        raise CourseError(
            f"{name} {KINDS[SKILLS[name].kind]}; {task} needs a model that {kinds}, and was trained for it: "
            f"{', '.join(fit)}."
        )
    return name


def _does(skills: Skills, task: str) -> bool:
    by_kind = {"generate_text": "causal", "embed": "masked"}
    if task in by_kind:
        return skills.kind == by_kind[task]
    if task == "classify":
        return skills.classifies
    return getattr(skills, task) is not None or (task == "answer" and skills.kind == "masked")


# --- a model that goes on -------------------------------------------------------------------------


def generate_text(
    prompt: str,
    model: str = "gpt2",
    longest: int = 50,
    *,
    sampling: Sampling | None = None,
    generator: torch.Generator | None = None,
    beams: int = 1,
    no_repeat_ngram: int = 0,
) -> str:
    """What the model writes after `prompt`, at most `longest` tokens: the likeliest each time, unless it samples.

    With `sampling` tokens are drawn by `generator`; with `beams` above 1 that many beginnings are searched, and it
    stops as soon as so many have ended. no_repeat_ngram: n where no n tokens may come twice, the prompt's included.
    """
    name = fit_for("generate_text", model)
    if sampling and (generator is None or beams > 1):
        raise CourseError(f"sampling needs generator=generator(seed), and one beam; got {generator} and {beams} beams.")
    settings = _settings(longest, beams, no_repeat_ngram) | _drawing(sampling)
    loaded = load(name)
    given("prompt", prompt)
    encoded = _encoded(loaded, prompt, room=longest)
    return _written(loaded, encoded, settings, generator, skip=encoded["input_ids"].shape[1])


def _drawing(sampling: Sampling | None) -> dict:
    """The settings of transformers for sampling; where a cut is not wanted, the value that cuts nothing."""
    if sampling is None:
        return {"do_sample": False}
    return {
        "do_sample": True,
        "temperature": float(sampling.temperature),
        "top_k": sampling.top_k or 0,
        "top_p": 1.0 if sampling.top_p is None else sampling.top_p,
        "min_p": sampling.min_p,
    }


# --- models that read one text and write another --------------------------------------------------


def summarize(
    text: str,
    model: str = "t5-small",
    longest: int = 100,
    *,
    shortest: int = 0,
    beams: int = 4,
    no_repeat_ngram: int = 0,
) -> str:
    """What the text says, in `shortest` to `longest` tokens.

    By beam search, which stops as soon as `beams` summaries have ended. no_repeat_ngram: as in `generate_text`.
    """
    name = fit_for("summarize", model)
    settings = _settings(longest, beams, no_repeat_ngram, shortest)
    return _rewritten(name, "summarize", {"text": text}, settings)


def translate(
    text: str,
    model: str = "opus-mt-es-en",
    longest: int | None = None,
    *,
    source: str = "Spanish",
    target: str = "English",
    beams: int = 4,
) -> str:
    """The text in the language `target`; languages by their English names.

    longest: in tokens; where None, twice as many as the text has, and ten. `es_en` sets its own, 120. Raises
    CourseError where the model does not know the two languages, or has no sign for a letter of the text.
    """
    name = fit_for("translate", model)
    known = SKILLS[name].languages
    if known and (source, target) not in known:
        pairs = ", ".join(f"{one} to {other}" for one, other in known)
        raise CourseError(f"{name} translates {pairs}; got {source} to {target}. Choose those, or another model.")
    given("text", text)
    loaded = load(name)
    if loaded.name == "es_en":
        return _by_es_en(loaded, text, longest, beams)
    if longest is None:
        longest = min(2 * len(loaded.tokenizer(text, verbose=False).input_ids) + 10, _limit(loaded))
    return _rewritten(name, "translate", {"text": text, "source": source, "target": target}, _settings(longest, beams))


def _by_es_en(loaded: Loaded, text: str, longest: int | None, beams: int) -> str:
    """A sentence by the course's own model. Raises CourseError where it could not be written to its end."""
    if longest is not None:
        raise CourseError(f"longest is {longest}; es_en writes up to {translation.LONGEST} tokens: leave longest out.")
    count = len(sentence_ids(text))
    if count > translation.LONGEST:
        raise CourseError(
            f"The text has {count:,} tokens, and es_en translates up to {translation.LONGEST}; translate its sentences "
            "one by one."
        )
    return translation.translate(loaded.model, [text], beams)[0]


def answer(question: str, context: str, model: str = "flan-t5", longest: int = 40, *, beams: int = 1) -> str:
    """The answer to the question that the context gives.

    A model that writes gives it in words of its own, at most `longest` tokens. An encoder points at one: the sentence
    of the context whose mean vector is nearest to that of the question.
    """
    name = fit_for("answer", model)
    given("question", question)
    given("context", context)
    if SKILLS[name].kind == "masked":
        sentences = sentences_of(context)
        vectors = embed([question, *sentences], name)
        return sentences[int((vectors[1:] @ vectors[0]).argmax())]
    return _rewritten(name, "answer", {"question": question, "context": context}, _settings(longest, beams))


def classify(
    text: str, labels: Sequence[str], model: str = "flan-t5", question: str = "What is this text about?"
) -> dict[str, float]:
    """How likely each label is for the text; likeliest first, together 1.

    A model that writes is asked the question, and its probabilities of writing each label are compared. An encoder is
    not asked: the softmax of 20 times the cosines of text and labels. It was trained with that on pairs that belong
    together. Raises CourseError unless there are two labels or more, all different.
    """
    name = fit_for("classify", model)
    if SKILLS[name].kind == "seq2seq":
        loaded = load(name)
        _known(loaded, text)
        return text_to_text.TextToText(loaded.model, loaded.tokenizer).classify(text, labels, question)
    if isinstance(labels, str) or len(set(labels)) < 2 or len(set(labels)) < len(labels):
        raise CourseError(f"labels is {labels!r}; expected a list of two or more, all different.")
    vectors = embed([text, *labels], name)
    probability = (COSINE_SCALE * (vectors[1:] @ vectors[0])).softmax(dim=0).tolist()
    return dict(sorted(zip(labels, probability, strict=True), key=lambda entry: -entry[1]))


# --- models that turn a text into vectors ---------------------------------------------------------


@torch.no_grad()
def embed(texts: Sequence[str], model: str = "minilm", pooling: str = "mean", *, unit: bool = True) -> torch.Tensor:
    """A vector for each text: (N, D).

    pooling: "mean" is the mean over all tokens, as all-MiniLM was trained to be read (Reimers and Gurevych 2019); "cls"
    is the vector at the first token, [CLS], which BERT was trained to judge pairs of sentences by (Devlin et al. 2019).
    unit: each divided by its length, so that the product of two is their cosine.
    """
    name = fit_for("embed", model)
    if isinstance(texts, str) or len(texts) == 0:
        raise CourseError(f"texts is {texts!r}; expected a list of one or more.")
    if pooling not in POOLINGS:
        raise CourseError(f"pooling is {pooling!r}; expected {' or '.join(POOLINGS)}.")
    loaded = load(name)
    for text in texts:
        given("text", text)
        _known(loaded, text, most=0.5)                             # a foreign name in it does no harm
    rows = [_encoded(loaded, text)["input_ids"][0] for text in texts]
    encoder = loaded.model.base_model                              # without a head for words
    vectors = text_vectors(encoder, rows, loaded.tokenizer.pad_token_id, pooling)
    return functional.normalize(vectors, dim=-1) if unit else vectors


# --- what they share ------------------------------------------------------------------------------


def _settings(longest: int, beams: int, no_repeat_ngram: int = 0, shortest: int = 0) -> dict:
    """Settings of transformers. Raises CourseError for numbers that make no sense."""
    if longest < 1 or beams < 1 or no_repeat_ngram < 0 or not 0 <= shortest <= longest:
        raise CourseError(
            f"Got longest={longest}, shortest={shortest}, beams={beams}, no_repeat_ngram={no_repeat_ngram}; expected "
            "longest and beams of 1 or more, no_repeat_ngram of 0 or more, and shortest from 0 to longest."
        )
    return {
        "max_new_tokens": longest,
        "min_new_tokens": shortest,
        "num_beams": beams,
        "early_stopping": beams > 1,
        "no_repeat_ngram_size": no_repeat_ngram,
        "do_sample": False,
    }


def _rewritten(name: str, task: str, parts: dict[str, str], settings: dict) -> str:
    """What the model writes after it has read the parts in the form of words of the task.

    Where a stand-in was loaded, they are put into its own form of words.
    """
    loaded = load(name)
    for part, text in parts.items():
        given(part, text)
        if part not in ("source", "target"):                       # names of languages belong to the form of words
            _known(loaded, text)
    form = getattr(SKILLS[loaded.name], task)
    if settings["max_new_tokens"] > _limit(loaded):
        raise CourseError(f"longest is {settings['max_new_tokens']:,}; {loaded.name} writes up to {_limit(loaded):,}.")
    encoded = _encoded(loaded, form.format(**parts))
    return _written(loaded, encoded, settings).strip()


@torch.no_grad()
def _written(loaded: Loaded, encoded, settings: dict, generator: torch.Generator | None = None, skip: int = 0) -> str:
    """What the model writes, as text, without the first `skip` ids. All chance in it comes from `generator`."""
    pad = loaded.model.generation_config.pad_token_id
    if pad is None:                                                # GPT-2 has none, and one text needs none
        pad = loaded.tokenizer.eos_token_id
    with torch.random.fork_rng(), text_to_text.quiet():
        if generator is not None:                                  # transformers draws from the global state alone
            torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        out = loaded.model.generate(**encoded, **settings, pad_token_id=pad)
    return loaded.tokenizer.decode(out[0, skip:], skip_special_tokens=True)


def _encoded(loaded: Loaded, text: str, room: int = 0) -> dict[str, torch.Tensor]:
    """The text as the model reads it, (1, T). Raises CourseError where it leaves no room for so many tokens more."""
    encoded = loaded.tokenizer(text, return_tensors="pt", truncation=False, verbose=False)
    count, most = encoded["input_ids"].shape[1], _limit(loaded)
    if count + room > most:
        more = f" and is to go on for {room:,}" if room else ""
        raise CourseError(f"The text has {count:,} tokens{more}; {loaded.name} holds {most:,}. Shorten it.")
    return {"input_ids": encoded["input_ids"], "attention_mask": encoded["attention_mask"]}


def _limit(loaded: Loaded) -> int:
    """How many tokens the model has positions for; T5, which counts distances, how many it was trained on."""
    config = loaded.model.config
    return getattr(config, "n_positions", None) or getattr(config, "max_position_embeddings", T5_LENGTH)


def _known(loaded: Loaded, text: str, most: float = 0.0) -> None:
    """Raises CourseError where more than the share `most` of the letters has no sign in the tokenizer: unseen."""
    letters, tokenizer = Counter(letter for letter in text if letter.isalpha()), loaded.tokenizer
    unknown = [letter for letter in sorted(letters) if tokenizer.unk_token_id in tokenizer(letter).input_ids]
    if sum(letters[letter] for letter in unknown) > most * letters.total():
        raise CourseError(f"{loaded.name} has no sign for {' '.join(unknown[:10])}: it was not made for this language.")


def sentences_of(text: str) -> list[str]:
    """The text cut after . ! and ? where a blank follows: a rule of thumb, which also cuts after "Dr."."""
    return re.split(r"(?<=[.!?])\s+", text.strip())
