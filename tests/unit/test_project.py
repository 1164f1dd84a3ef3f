"""A project comes back as it was saved: the same logits, ids, settings, passages and cards; and holds no code."""

import json
from dataclasses import fields

import pytest
import torch

from course_utils import project as project_module
from course_utils.cards import DataSheet, ModelCard
from course_utils.errors import CourseError
from course_utils.folders import MANIFEST, FolderError, fingerprint
from course_utils.generation import generate
from course_utils.models.lora import LoRAConfig, add_lora, lora_weights
from course_utils.models.recurrent import RecurrentConfig, RecurrentLM
from course_utils.models.transformer import Transformer, TransformerConfig
from course_utils.project import Index, Project, ProjectError, Settings, Shipped, load_project, save_project
from course_utils.sampling import Sampling, greedy
from course_utils.seeding import generator
from course_utils.text.bpe import BytePairVocabulary
from course_utils.text.vocabulary import ByteVocabulary, CharVocabulary, WordVocabulary

CONFIG = TransformerConfig(256, context=16, width=8, heads=2, layers=1)
SETTINGS = Settings(longest=5, sampling=Sampling(0.8, top_k=20), seed=3, system="Be brief – et précis.", passages=2)
INDEX = Index(("First passage.", "Zweite, für alle."), ("01, cell 3", "02, cell 9"), torch.arange(8.0).view(2, 4))
IDS = torch.arange(12)[None]


def finished(card):
    """A card with an answer to every question."""
    short, long = "Door 1", "This is an answer of one sentence."
    return card.of({each.name: short if each.metadata["short"] else long for each in fields(card)})


def transformer() -> Transformer:
    return Transformer(CONFIG, generator(1)).eval()


def small(**changes) -> Project:
    parts = {
        "config": CONFIG, "weights": transformer().state_dict(), "tokenizer": ByteVocabulary(), "settings": SETTINGS,
        "card": finished(ModelCard), "index": INDEX, "sheet": finished(DataSheet),
    }  # fmt: skip
    return Project(**(parts | changes))


def saved(folder, project: Project) -> Project:
    save_project(folder, project)
    return load_project(folder)


def rewrite(folder, name: str, text: str) -> None:
    """Change a file on purpose, its sha256 in the manifest with it."""
    (folder / name).write_text(text, encoding="utf-8")
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][name] = fingerprint(folder / name)
    (folder / MANIFEST).write_text(json.dumps(manifest))


# --- there and back


def test_the_model_comes_back_with_the_same_logits_and_writes_the_same(tmp_path):
    model, back = transformer(), saved(tmp_path / "mine", small())
    again = back.model()
    assert torch.equal(again(IDS)[0], model(IDS)[0]) and not again.training
    written = [generate(each, [10], 5, back.settings.strategy, generator(3)) for each in (model, again)]
    assert written[0] == written[1] and len(written[0]) == 5


def test_all_other_parts_come_back(tmp_path):
    back = saved(tmp_path / "mine", small())
    assert (back.config, back.settings) == (CONFIG, SETTINGS)
    assert (back.card, back.sheet) == (finished(ModelCard), finished(DataSheet))
    assert (back.index.texts, back.index.sources) == (INDEX.texts, INDEX.sources)
    assert torch.equal(back.index.vectors, INDEX.vectors)


def test_what_a_project_need_not_have_may_be_left_out(tmp_path):
    back = saved(tmp_path / "mine", small(index=None, sheet=None, settings=Settings()))
    assert back.index is None and back.sheet is None and back.settings.strategy is greedy
    assert not (tmp_path / "mine" / "vectors.safetensors").exists()


def test_weights_in_half_precision_stay_so_on_disk(tmp_path):
    half = {name: tensor.half() for name, tensor in transformer().state_dict().items()}
    back = saved(tmp_path / "mine", small(weights=half))
    assert all(tensor.dtype == torch.float16 for tensor in back.weights.values())
    assert back.model()(IDS)[0].dtype == torch.float32


def test_every_kind_of_vocabulary_gives_the_same_ids(tmp_path):
    text = "hat – that"
    for number, vocabulary in enumerate(
        (ByteVocabulary(), CharVocabulary(text), BytePairVocabulary([(b"a", b"t"), (b"h", b"at"), (b"\xe2", b"\x80")]))
    ):
        back = saved(tmp_path / str(number), small(tokenizer=vocabulary)).encoder()
        assert type(back) is type(vocabulary) and back.tokens == vocabulary.tokens
        assert back.encode(text).ids.tolist() == vocabulary.encode(text).ids.tolist()


def test_a_recurrent_network_comes_back(tmp_path):
    config = RecurrentConfig(256, "gru", embedding=4, width=6)
    model = RecurrentLM(config, generator(1)).eval()
    back = saved(tmp_path / "mine", small(config=config, weights=model.state_dict()))
    assert torch.equal(back.model()(IDS)[0], model(IDS)[0])


def test_of_a_tuned_model_only_what_was_learned_is_saved(tmp_path, monkeypatch):
    monkeypatch.setattr(project_module, "load_decoder", lambda name: (transformer(), None))
    config, model = LoRAConfig("smollm2", ("query", "value"), rank=2), transformer()
    add_lora(model, config.layers, config.rank, generator(2), config.alpha)
    learned = lora_weights(model)
    for name, tensor in learned.items():
        if name.endswith("up"):
            tensor.fill_(0.1)
    model.load_state_dict(model.state_dict() | learned)
    back = saved(tmp_path / "mine", small(config=config, weights=learned))
    assert back.config == config and back.weights.keys() == learned.keys()
    assert torch.equal(back.model()(IDS)[0], model(IDS)[0])
    assert not torch.equal(back.model()(IDS)[0], transformer()(IDS)[0])


def test_a_shipped_model_is_named_and_not_saved_again(tmp_path, monkeypatch):
    monkeypatch.setattr(project_module, "load_decoder", lambda name: ({"smollm2": transformer()}[name], None))
    back = saved(tmp_path / "mine", small(config=Shipped("smollm2"), weights={}, tokenizer=Shipped("smollm2")))
    assert torch.equal(back.model()(IDS)[0], transformer()(IDS)[0]) and back.tokenizer == Shipped("smollm2")


def test_a_folder_holds_json_and_safetensors_alone(tmp_path):
    save_project(tmp_path / "mine", small())
    assert {path.suffix for path in (tmp_path / "mine").iterdir()} == {".json", ".safetensors"}
    for path in (tmp_path / "mine").glob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))


# --- what is refused


def test_a_part_of_another_kind_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ProjectError, match="A WordVocabulary cannot be saved; expected one of ByteVocabulary"):
        save_project(tmp_path / "mine", small(tokenizer=WordVocabulary("a word and a word")))
    with pytest.raises(ProjectError, match="A dict cannot be saved; expected one of TransformerConfig"):
        save_project(tmp_path / "mine", small(config={"width": 8}))
    assert list(tmp_path.iterdir()) == []


def test_weights_of_another_model_are_refused_when_it_is_built():
    with pytest.raises(ProjectError, match=r"weights\.safetensors does not fit model\.json"):
        small(config=TransformerConfig(256, context=16, width=16, heads=2, layers=1)).model()


def test_settings_and_indexes_that_make_no_sense_are_refused():
    with pytest.raises(CourseError, match="1 token or more"):
        Settings(longest=0)
    with pytest.raises(CourseError, match=r"\(1, 2, 2\) texts, sources and rows"):
        Index(("one",), ("a", "b"), torch.rand(2, 4))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("model.json", '{"kind": "diffusion", "settings": {}}'),
        ("model.json", '{"kind": "transformer", "settings": {"vocabulary_size": 256, "colour": 1}}'),
        ("model.json", '{"kind": "transformer", "settings": {"vocabulary_size": -1}}'),
        ("tokenizer.json", '{"kind": "byte pairs", "settings": {"merges": [["ab", "c"]]}}'),
        ("tokenizer.json", "[]"),
        ("generation.json", '{"longest": 5}'),
        ("generation.json", '{"longest": 5, "sampling": {"temperature": 0}}'),
        ("model_card.json", '{"kind": "model card", "version": 1, "answers": {"name": "TODO"}}'),
        ("data_sheet.json", '{"kind": "model card", "version": 1, "answers": {}}'),
        ("passages.json", '{"texts": ["one"], "sources": ["a"]}'),
        ("weights.safetensors", "no tensors"),
    ],
)
def test_a_file_that_says_something_else_is_named(tmp_path, name, text):
    save_project(tmp_path / "mine", small())
    rewrite(tmp_path / "mine", name, text)
    with pytest.raises(FolderError, match=f"{name} in mine/ is not as this course writes it"):
        load_project(tmp_path / "mine")


@pytest.mark.parametrize("name", ["weights.safetensors", "vectors.safetensors", "tokenizer.json", "model_card.json"])
def test_damage_to_any_file_is_found(tmp_path, name):
    save_project(tmp_path / "mine", small())
    path = tmp_path / "mine" / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(FolderError, match=f"{name} in mine/ was changed or damaged"):
        load_project(tmp_path / "mine")
    path.unlink()
    with pytest.raises(FolderError, match=f"{name} is missing"):
        load_project(tmp_path / "mine")


def test_passages_without_their_vectors_are_refused(tmp_path):
    save_project(tmp_path / "mine", small())
    manifest = json.loads((tmp_path / "mine" / MANIFEST).read_text())
    del manifest["files"]["vectors.safetensors"]
    (tmp_path / "mine" / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(FolderError, match="one alone"):
        load_project(tmp_path / "mine")
