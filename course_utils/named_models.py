"""Well-known models by name: `load_named("gpt2")` from the Hugging Face Hub, or else its declared stand-in.

A model is looked for in the hub client's own cache, then on the hub, at a pinned revision; every file that arrives is
compared with the hash that the hub gives for it. Where that fails, for whatever reason, one printed line says which
model stands in for the name, and why. Only safetensors, configs and tokenizers are fetched: no pickle is ever opened.
"""

import difflib
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from huggingface_hub import (
    _CACHED_NO_EXIST,
    hf_hub_download,
    hf_hub_url,
    is_offline_mode,
    try_to_load_from_cache,
)
from huggingface_hub.errors import RemoteEntryNotFoundError

from course_utils import assets, hub
from course_utils.errors import CourseError
from course_utils.interrupts import held_back
from course_utils.paths import CHECKPOINTS
from course_utils.sources import AssetError

if TYPE_CHECKING:  # transformers takes seconds to import, and `resolve` does not need it
    from torch import nn
    from transformers import PreTrainedTokenizerBase

    from course_utils.text.bpe import BytePairVocabulary

CONFIG, WEIGHTS = "config.json", "model.safetensors"
TOKENIZER = ("tokenizer_config.json", "special_tokens_map.json", "tokenizer.json")


# --- the table ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NamedModel:
    """A model on the hub: what it is called, where it lies, and which of OWN takes its place where it cannot be had.

    `files` are fetched as far as the repository has them; without config.json and model.safetensors it is of no use.
    """

    name: str
    repo: str
    revision: str
    kind: Literal["causal", "masked", "seq2seq"]
    files: tuple[str, ...]
    stand_in: str


# A revision of 40 hexadecimal digits is a commit that several public projects quote for that repository. For the other
# two none could be confirmed when this was written (November 2026), so they follow a moving name:
#   booksum   `main`. If that holds only pytorch_model.bin, the stand-in is used: pickled weights are never opened.
#   opus-mt   `refs/pr/4`, the open pull request that adds model.safetensors to a `main` that has only pickled weights.
# The stand-in of opus-mt is the course's own translator, a checkpoint that comes with the repository.
# The small conversational model is SmolLM2, because its stand-in is the same model with weights rounded to four bits.
NAMED_MODELS = (
    NamedModel(
        "gpt2",
        "openai-community/gpt2",
        "607a30d783dfa663caf39e06633721c8d4cfcd7e",
        "causal",
        (CONFIG, "generation_config.json", *TOKENIZER, "vocab.json", "merges.txt", WEIGHTS),
        "smollm2",
    ),
    NamedModel(
        "bert-base-uncased",
        "google-bert/bert-base-uncased",
        "86b5e0934494bd15c9632b12f734a8a67f723594",
        "masked",
        (CONFIG, *TOKENIZER, "vocab.txt", WEIGHTS),
        "minilm",
    ),
    NamedModel(
        "t5-small",
        "google-t5/t5-small",
        "df1b051c49625cf57a3d0d8d3863ed4d13564fe4",
        "seq2seq",
        (CONFIG, "generation_config.json", *TOKENIZER, "spiece.model", WEIGHTS),
        "flan-t5",
    ),
    NamedModel(
        "t5-small-booksum",
        "cnicu/t5-small-booksum",
        "main",
        "seq2seq",
        (CONFIG, "generation_config.json", *TOKENIZER, "spiece.model", WEIGHTS),
        "flan-t5",
    ),
    NamedModel(
        "opus-mt-es-en",
        "Helsinki-NLP/opus-mt-es-en",
        "refs/pr/4",
        "seq2seq",
        (CONFIG, "generation_config.json", *TOKENIZER, "vocab.json", "source.spm", "target.spm", WEIGHTS),
        "es_en",
    ),
    NamedModel(
        "smollm2-135m-instruct",
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        "12fd25f77366fa6b3b4b768ec3050bf629380bac",
        "causal",
        (CONFIG, "generation_config.json", *TOKENIZER, "vocab.json", "merges.txt", WEIGHTS),
        "smollm2",
    ),
)


def find(name: str) -> NamedModel:
    """The entry of the table with this short name or this repository. Raises CourseError where there is none."""
    entries = {key: model for model in NAMED_MODELS for key in (model.name, model.repo)}
    if name in entries:
        return entries[name]
    nearest = difflib.get_close_matches(name, entries, n=1, cutoff=0.5)
    guess = f" Did you mean {nearest[0]!r}?" if nearest else ""
    raise CourseError(
        f"There is no named model {name!r}.{guess} Expected one of: {', '.join(model.name for model in NAMED_MODELS)}."
    )


# --- what lessons call ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Resolved:
    """A folder to load from. `stand_in` is None where it holds the model itself, else which of OWN it holds."""

    model: NamedModel
    folder: Path
    stand_in: str | None


@dataclass(frozen=True)
class Loaded:
    """A model in evaluation mode, its tokenizer and its name; `stand_in_for` is the name asked for, if another."""

    model: "nn.Module"
    tokenizer: "PreTrainedTokenizerBase | BytePairVocabulary"
    name: str
    stand_in_for: str | None


def own_folder(name: str) -> Path:
    """Where one of OWN lies: a checkpoint among the checkpoints, an asset in its own folder, fetched if need be."""
    return CHECKPOINTS if name in MADE_HERE else assets.path(name)


def resolve(name: str, stand_in_folder: Callable[[str], Path] = own_folder) -> Resolved:
    """A local folder with the model of this name, or with its stand-in; then one printed line says so, and why.

    Order: the hub client's cache, without asking; the hub, unless COURSE_OFFLINE or HF_HUB_OFFLINE is set; the model
    that stands in. Raises CourseError for an unknown name, AssetError where the stand-in cannot be had either.
    """
    model = find(name)
    folder = _cached(model)
    if folder:
        return Resolved(model, folder, None)
    why = _forbidden()
    if not why:
        try:
            return Resolved(model, _fetch(model), None)
        except Exception as error:  # the client raises those of several libraries; each means: not from here
            why = hub.in_words(error)
    try:
        folder = stand_in_folder(model.stand_in)
    except AssetError as error:
        raise AssetError(f"{model.repo} cannot be had, because {why}. Nor can its stand-in: {error}") from error
    print(f"{model.name}: {model.stand_in} stands in for {model.repo}, because {why}.")
    return Resolved(model, folder, model.stand_in)


def load_named(name: str) -> Loaded:
    """The model of this name, or its stand-in, ready to use in float32 on the processor. Raises as `resolve` does.

    The stand-in of a masked language model is an encoder without a head: it gives hidden states, not words.
    """
    resolved = resolve(name)
    if resolved.stand_in:
        return replace(load_own(resolved.stand_in), stand_in_for=resolved.model.name)
    import torch

    with held_back():                                              # half imported, it could not be imported again
        import transformers
        from transformers.utils.logging import disable_progress_bar

        heads = {
            "causal": transformers.AutoModelForCausalLM,
            "masked": transformers.AutoModelForMaskedLM,
            "seq2seq": transformers.AutoModelForSeq2SeqLM,
        }
    disable_progress_bar()                                         # it would draw over the reader's page
    model = heads[resolved.model.kind].from_pretrained(
        resolved.folder, dtype=torch.float32, use_safetensors=True, local_files_only=True
    )
    with warnings.catch_warnings():                                # what Marian recommends would tidy punctuation only
        warnings.filterwarnings("ignore", message="Recommended: pip install sacremoses")
        tokenizer = transformers.AutoTokenizer.from_pretrained(resolved.folder, local_files_only=True)
    return Loaded(model.eval(), tokenizer, resolved.model.name, None)


MADE_HERE = ("es_en",)                                             # a checkpoint; see recipes/translation.py
OWN = ("smollm2", "minilm", "flan-t5", *MADE_HERE)                 # the others are assets


def load_own(name: str) -> Loaded:
    """A model that the course has under a name of its own, as the lessons load it wherever they use it.

    That of `es_en` is our own encoder–decoder with its BytePairVocabulary. Raises CourseError for a name that is none
    of OWN, and where the model cannot be had.
    """
    if name not in OWN:
        raise CourseError(f"The course has no model {name!r}; expected one of {', '.join(OWN)}.")
    from course_utils import encoders, pretrained, recipes, text_to_text
    from course_utils.text.parallel import load_es_en_bpe

    if name in MADE_HERE:
        return Loaded(recipes.load(name), load_es_en_bpe(), name, None)
    load = {
        "smollm2": pretrained.load_chat_model,
        "minilm": encoders.load_minilm,
        "flan-t5": text_to_text.load_flan_t5,
    }[name]
    loaded = load()
    return Loaded(loaded.model, loaded.tokenizer, name, None)


# --- the client's cache ---------------------------------------------------------------------------


def _cached(model: NamedModel) -> Path | None:
    """The folder of a whole copy in the client's cache, or None; the client also notes which files do not exist.

    What is damaged is removed, and one printed line says so.
    """
    found = {file: try_to_load_from_cache(model.repo, file, revision=model.revision) for file in model.files}
    places = [Path(place) for place in found.values() if place not in (None, _CACHED_NO_EXIST)]
    damaged = {place.name: wrong for place in places if (wrong := hub.remove_if_wrong(place))}
    if damaged:
        said = "; ".join(f"{name} has {wrong}" for name, wrong in damaged.items())
        print(f"{model.name}: the copy in the cache is damaged, and what is wrong is removed: {said}.")
    if damaged or None in found.values() or _CACHED_NO_EXIST in (found[CONFIG], found[WEIGHTS]):
        return None
    hub.remove_halves(places[0])
    folders = {place.parent for place in places}
    return folders.pop() if len(folders) == 1 else None


def _forbidden() -> str | None:
    """Which setting forbids to ask the hub, in words, or None."""
    if assets.offline():
        return "COURSE_OFFLINE is set"
    return "HF_HUB_OFFLINE is set" if is_offline_mode() else None


# --- the hub --------------------------------------------------------------------------------------


def _fetch(model: NamedModel) -> Path:
    """The folder, after downloading what is missing. Raises hub.RefusedError, and whatever the client raises."""
    with hub.no_long_waits():
        for file in model.files:
            _fetch_file(model, file)
    folder = _cached(model)
    if folder is None:
        raise hub.RefusedError(f"{model.revision} of {model.repo} changed while it was downloaded")
    return folder


def _fetch_file(model: NamedModel, file: str) -> None:
    """Download and verify one file, unless the repository does without it."""
    try:
        expected = hub.ask(hf_hub_url(model.repo, file, revision=model.revision))
    except RemoteEntryNotFoundError as error:
        if file == WEIGHTS:
            raise hub.RefusedError(f"it has no {WEIGHTS} there, and pickled weights are not opened") from error
        if file == CONFIG:
            raise
        with suppress(RemoteEntryNotFoundError):                   # so that the client notes its absence in the cache
            hf_hub_download(model.repo, file, revision=model.revision)
        return
    came = Path(hf_hub_download(model.repo, file, revision=model.revision))
    if wrong := hub.remove_if_wrong(came, expected.etag):
        raise hub.RefusedError(f"{file} arrived with {wrong}")
