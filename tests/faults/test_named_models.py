"""Named models against a small hub on this machine, through the real client: all goes well, or one thing goes wrong."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import GPT2LMHeadModel

from course_utils import assets
from course_utils.named_models import MADE_HERE, NAMED_MODELS, find
from course_utils.paths import REPOSITORY
from tests.faults.toy_asset import flip_a_bit, truncate
from tests.support import tiny_checkpoints
from tests.support.hub_server import Fault, HubServer, serving

NAMES = [model.name for model in NAMED_MODELS]
NO_NETWORK = REPOSITORY / "tests" / "support" / "no_network"


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """Tiny checkpoints under the six real names."""
    return tiny_checkpoints.write_all(tmp_path_factory.mktemp("repositories"))


@pytest.fixture
def hub(folders):
    """A hub that holds them and makes no mistake, yet."""
    with serving(folders) as server:
        yield server


@dataclass(frozen=True)
class Answer:
    """What a child process said: a dictionary for each name, what it printed before, and to whom it connected."""

    answers: list[dict]
    said: list[str]
    connections: list[str]

    @property
    def stand_ins(self) -> list[str | None]:
        return [answer["stand_in"] for answer in self.answers]


@pytest.fixture
def ask(hub, tmp_path):
    """Ask for names in a process whose client looks for its hub at our server and keeps its cache in `tmp_path`."""

    def ask_for(what: str, names: list[str], **settings: str) -> Answer:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "COURSE_OFF"))}
        environment |= {
            "HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "home"), "HF_HUB_ETAG_TIMEOUT": "1",
            "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "OMP_NUM_THREADS": "1",
            "NO_PROXY": "127.0.0.1", "PYTHONPATH": os.pathsep.join((str(NO_NETWORK), str(REPOSITORY))),
            "PYTHONIOENCODING": "utf-8", **settings,
        }  # fmt: skip
        process = subprocess.run(
            [sys.executable, "-m", "tests.faults.hub_child", what, *names],
            env=environment, capture_output=True, text=True, encoding="utf-8", timeout=120,
        )  # fmt: skip
        assert process.returncode == 0, process.stderr
        *said, last = process.stdout.splitlines()
        return Answer(said=said, **json.loads(last))

    return ask_for


def files_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.rglob("*") if file.is_file())


def assert_nothing_half(tmp_path: Path) -> None:
    """No file that was only begun, no weights, and no content that is not what its name, a hash, says."""
    left = list((tmp_path / "home").rglob("*"))
    assert not [file for file in left if "incomplete" in file.name or file.suffix == ".safetensors"]
    for blob in (file for file in left if file.parent.name == "blobs"):
        content = blob.read_bytes()
        git_hash = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        assert blob.name in (git_hash, hashlib.sha256(content).hexdigest())


# --- all goes well ---


def test_every_name_loads_as_itself_at_its_pinned_revision_and_generates_or_encodes(ask, hub):
    answer = ask("load", NAMES)
    assert [one["name"] for one in answer.answers] == NAMES
    assert [one["stand_in_for"] for one in answer.answers] == [None] * 6
    assert [one["class"] for one in answer.answers] == [
        "GPT2LMHeadModel", "BertForMaskedLM", "T5ForConditionalGeneration", "T5ForConditionalGeneration",
        "MarianMTModel", "LlamaForCausalLM",
    ]  # fmt: skip
    gpt2, bert, *rest = (one["tried"] for one in answer.answers)
    prompt = Tokenizer.from_file(str(hub.folders["openai-community/gpt2"] / "tokenizer.json"))
    prompt = prompt.encode("The hub is a room").ids
    assert gpt2[: len(prompt)] == prompt and len(gpt2) == len(prompt) + 4
    words = Tokenizer.from_file(str(hub.folders["google-bert/bert-base-uncased"] / "tokenizer.json")).get_vocab_size()
    assert bert[0] == 1 and bert[2] == words                        # one number for each word of the vocabulary
    assert [len(ids) for ids in rest[:3]] == [5, 5, 5]              # the start token and four more
    assert answer.said == []
    assert answer.connections and all("127.0.0.1" in address for address in answer.connections)
    assert_pinned_and_not_pickled(hub, NAMES)


def assert_pinned_and_not_pickled(hub: HubServer, names: list[str]) -> None:
    """Each repository was asked for files at the revision of the table alone, and none of them was a pickle."""
    for model in map(find, names):
        revision = model.revision.replace("/", "%2F")
        paths = [request.path for request in hub.requests if f"{model.repo}/" in request.path]
        assert paths and all(f"/resolve/{revision}/" in path for path in paths)
    pickled = (".bin", ".h5", ".ot", ".msgpack", ".pkl")
    assert not [request for request in hub.requests if request.path.endswith(pickled)]


def test_what_arrives_is_what_the_hub_holds_to_the_last_byte(ask, hub):
    folder = Path(ask("resolve", ["gpt2"]).answers[0]["folder"])
    held = hub.folders["openai-community/gpt2"]
    assert files_in(folder) == files_in(held)
    assert all((folder / file).read_bytes() == (held / file).read_bytes() for file in files_in(held))
    weights = GPT2LMHeadModel.from_pretrained(folder).state_dict()
    true = GPT2LMHeadModel.from_pretrained(held).state_dict()
    assert all(torch.equal(weights[name], true[name]) for name in true)


@pytest.mark.fault("network gone after a download")
def test_a_second_run_uses_the_cache_without_asking_even_when_it_is_offline(ask, hub):
    first = ask("resolve", NAMES)
    hub.requests.clear()
    second = ask("resolve", NAMES)
    offline = ask("resolve", NAMES, COURSE_OFFLINE="1", HF_HUB_OFFLINE="1")
    assert first.stand_ins == [None] * 6
    assert second.answers == offline.answers == first.answers
    assert hub.requests == [] and second.connections == offline.connections == []


def test_a_copy_that_lacks_one_file_is_completed(ask, hub):
    folder = Path(ask("resolve", ["t5-small"]).answers[0]["folder"])
    (folder / "tokenizer.json").resolve().unlink()
    (folder / "tokenizer.json").unlink()
    hub.requests.clear()
    assert ask("resolve", ["t5-small"]).stand_ins == [None]
    content = hub.folders["google-t5/t5-small"] / "tokenizer.json"
    assert (folder / "tokenizer.json").read_bytes() == content.read_bytes()
    assert [gotten.path.rpartition("/")[2] for gotten in hub.requests if gotten.method == "GET"] == ["tokenizer.json"]


# --- one thing goes wrong, and the stand-in says so ---


def expected_line(name: str, why: str) -> str:
    model = find(name)
    return f"{name}: {model.stand_in} stands in for {model.repo}, because {why}."


NOT_GIVEN = "the hub does not give it at the pinned revision (HTTP 404)"
BUSY, TOO_BUSY = {"Retry-After": "0"}, {"Retry-After": "3600"}
FAULTS = {  # what goes wrong, why the stand-in is used, how often the hub is asked about a model before that
    "no such repository": (Fault("status", status=404, headers={"X-Error-Code": "RepoNotFound"}), NOT_GIVEN, 1),
    "no such revision": (Fault("status", status=404, headers={"X-Error-Code": "RevisionNotFound"}), NOT_GIVEN, 1),
    "an error of the server": (Fault("status", status=500), "the hub answered with an error (HTTP 500)", 1),
    "busy for ever": (
        Fault("status", status=429, headers=BUSY), "the hub is busy (HTTP 429, Retry-After: 0)", 4,
    ),
    "busy for an hour": (
        Fault("status", status=503, headers=TOO_BUSY), "the hub is busy (HTTP 503, Retry-After: 3600)", 1,
    ),
}  # fmt: skip


MARKS = {
    "an error of the server": pytest.mark.fault("hub answers 500"),
    "busy for ever": pytest.mark.fault("hub answers 429"),
    "busy for an hour": pytest.mark.fault("hub answers 503"),
}


@pytest.mark.parametrize("what", [pytest.param(what, marks=MARKS.get(what, ())) for what in FAULTS])
def test_under_a_fault_every_name_resolves_to_its_stand_in_with_one_line(ask, hub, tmp_path, what):
    hub.fault, why, times = FAULTS[what]
    answer = ask("resolve", NAMES)
    assert answer.stand_ins == [model.stand_in for model in NAMED_MODELS]
    assert answer.said == [expected_line(name, why) for name in NAMES]
    assert len(hub.requests) == times * len(NAMES)
    assert all("127.0.0.1" in address for address in answer.connections)
    assert_nothing_half(tmp_path)


def test_without_safetensors_nothing_else_is_opened(ask, hub, tmp_path):
    hub.fault = Fault("gone", where="model.safetensors")
    answer = ask("resolve", ["t5-small-booksum", "opus-mt-es-en"])
    why = "it has no model.safetensors there, and pickled weights are not opened"
    assert answer.said == [expected_line(name, why) for name in ("t5-small-booksum", "opus-mt-es-en")]
    assert_pinned_and_not_pickled(hub, ["t5-small-booksum", "opus-mt-es-en"])
    assert_nothing_half(tmp_path)


@pytest.mark.fault("hub answers 429")
def test_a_storage_that_wants_an_hour_is_not_waited_for_either(ask, hub, tmp_path):
    hub.fault = Fault("status", where="^/storage/", status=429, headers={"Retry-After": "3600"})
    answer = ask("resolve", ["gpt2"])
    assert answer.said == [expected_line("gpt2", "the hub is busy (HTTP 429, Retry-After: 3600)")]
    assert_nothing_half(tmp_path)


@pytest.mark.fault("hub is slow")
def test_a_hub_that_does_not_answer_in_time_is_not_waited_for(ask, hub, tmp_path):
    hub.fault = Fault("slow")
    answer = ask("resolve", ["gpt2"])
    assert answer.said == [expected_line("gpt2", "the hub did not answer in time")]
    assert len(hub.requests) == 1
    assert_nothing_half(tmp_path)


@pytest.mark.fault("network gone before a download")
def test_a_hub_that_cannot_be_reached_is_said_to_be_so(ask, hub, tmp_path):
    hub.vanish()
    answer = ask("resolve", NAMES)
    assert answer.said == [expected_line(name, "the hub cannot be reached") for name in NAMES]
    assert_nothing_half(tmp_path)


@pytest.mark.fault("hub sends a cut file")
@pytest.mark.parametrize("kind", ["short", "broken"])
def test_a_file_that_is_cut_off_is_not_kept(ask, hub, tmp_path, kind):
    hub.fault = Fault(kind, where="safetensors")
    answer = ask("resolve", ["t5-small"])
    assert answer.stand_ins == ["flan-t5"] and len(answer.said) == 1
    why = {"short": "Consistency check failed", "broken": "the connection to the hub broke off"}[kind]
    assert why in answer.said[0]
    assert_nothing_half(tmp_path)


@pytest.mark.fault("hub sends an altered file")
def test_weights_with_the_wrong_hash_are_not_kept_and_the_next_try_succeeds(ask, hub, tmp_path):
    hub.fault = Fault("flip", where="safetensors")
    answer = ask("resolve", NAMES)
    assert answer.stand_ins == [model.stand_in for model in NAMED_MODELS]
    assert all("model.safetensors arrived with the wrong hash (expected " in line for line in answer.said)
    assert_nothing_half(tmp_path)
    hub.fault = None
    assert ask("resolve", NAMES).stand_ins == [None] * 6


@pytest.mark.fault("hub sends an altered file")
def test_a_small_file_with_the_wrong_hash_is_not_kept_either(ask, hub, tmp_path):
    hub.fault = Fault("flip", where="config.json", times=1)
    answer = ask("resolve", ["bert-base-uncased"])
    assert answer.stand_ins == ["minilm"] and "config.json arrived with the wrong hash" in answer.said[0]
    assert not list((tmp_path / "home").rglob("config.json"))


@pytest.mark.fault("network gone during a download")
def test_a_hub_that_goes_half_way_leaves_nothing_half_and_the_next_try_goes_on(ask, hub, tmp_path, folders):
    hub.fault = Fault("vanish", where="safetensors", times=1)
    assert ask("resolve", ["gpt2"]).said == [expected_line("gpt2", "the hub cannot be reached")]
    assert not list((tmp_path / "home").rglob("*.safetensors"))
    with serving(folders) as again:
        folder = Path(ask("resolve", ["gpt2"], HF_ENDPOINT=again.endpoint).answers[0]["folder"])
    assert_whole(folder, folders["openai-community/gpt2"])


@pytest.mark.parametrize(
    "setting, why", [("COURSE_OFFLINE", "COURSE_OFFLINE is set"), ("HF_HUB_OFFLINE", "HF_HUB_OFFLINE is set")]
)
def test_offline_no_socket_is_opened(ask, hub, setting, why):
    answer = ask("resolve", NAMES, **{setting: "1"})
    assert answer.said == [expected_line(name, why) for name in NAMES]
    assert answer.connections == [] and hub.requests == []


# --- one thing goes wrong, and a second try puts it right ---


BUSY_ONCE = [
    pytest.param(429, marks=pytest.mark.fault("hub answers 429")),
    pytest.param(503, marks=pytest.mark.fault("hub answers 503")),
]


@pytest.mark.parametrize("status", BUSY_ONCE)
def test_a_busy_hub_is_asked_again_after_the_wait_that_it_names(ask, hub, status):
    hub.fault = Fault("status", status=status, headers={"Retry-After": "1"}, times=1)
    answer = ask("resolve", ["gpt2"])
    assert answer.stand_ins == [None] and answer.said == []
    first, second, *_ = hub.requests
    assert first.path == second.path and second.at - first.at >= 1


@pytest.mark.fault("hub sends a cut file")
def test_a_connection_that_breaks_once_is_taken_up_where_it_broke(ask, hub):
    hub.fault = Fault("broken", where="safetensors", times=1)
    answer = ask("resolve", ["gpt2"])
    assert answer.stand_ins == [None]
    held = hub.folders["openai-community/gpt2"] / "model.safetensors"
    assert (Path(answer.answers[0]["folder"]) / "model.safetensors").read_bytes() == held.read_bytes()
    assert len([gotten for gotten in hub.requests if gotten.method == "GET" and "safetensors" in gotten.path]) == 2


# --- the cache is damaged ---


def assert_whole(folder: Path, held: Path) -> None:
    assert files_in(folder) == files_in(held)
    assert all((folder / file).read_bytes() == (held / file).read_bytes() for file in files_in(held))


DAMAGES = [
    pytest.param(truncate, "config.json", marks=pytest.mark.fault("cache file truncated")),
    pytest.param(flip_a_bit, "model.safetensors", marks=pytest.mark.fault("cache file with a wrong bit")),
]


@pytest.mark.parametrize(("damage", "file"), DAMAGES)
def test_a_damaged_file_of_the_clients_cache_is_noticed_offline_too_and_fetched_again(ask, hub, damage, file):
    folder = Path(ask("resolve", ["gpt2"]).answers[0]["folder"])
    damage((folder / file).resolve())
    damaged, stands_in = ask("resolve", ["gpt2"], COURSE_OFFLINE="1").said
    said = f"gpt2: the copy in the cache is damaged, and what is wrong is removed: {file} has the wrong hash (expected "
    assert damaged.startswith(said)
    assert stands_in == expected_line("gpt2", "COURSE_OFFLINE is set")
    hub.requests.clear()
    assert ask("resolve", ["gpt2"]).said == []
    assert_whole(folder, hub.folders["openai-community/gpt2"])
    assert [gotten.path.rpartition("/")[2] for gotten in hub.requests if gotten.method == "GET"][:1] == [file]


# --- the stand-ins themselves, as far as they are here ---


def test_offline_the_real_stand_in_loads_and_generates_or_encodes(ask):
    wanted = {find(name).stand_in: name for name in reversed(NAMES)}                  # each stand-in once
    here = [wanted[own] for own in sorted(wanted) if own in MADE_HERE or assets.is_present(own)]
    answer = ask("load", here, COURSE_OFFLINE="1")
    assert answer.said == [expected_line(name, "COURSE_OFFLINE is set") for name in here]
    assert [one["stand_in_for"] for one in answer.answers] == here
    assert [one["name"] for one in answer.answers] == [find(name).stand_in for name in here]
    classes = {
        "smollm2": "LlamaForCausalLM", "minilm": "BertModel", "flan-t5": "T5ForConditionalGeneration",
        "es_en": "EncoderDecoder",
    }  # fmt: skip
    assert [one["class"] for one in answer.answers] == [classes[find(name).stand_in] for name in here]
    tried = {one["name"]: one["tried"] for one in answer.answers}
    assert tried.get("minilm", [1, 7, 384]) == [1, 7, 384]          # [CLS], five words, [SEP]; 384 numbers for each
    assert len(tried.get("flan-t5", range(5))) == 5                 # the start token and four more
    assert len(tried.get("smollm2", range(9))) == 9                 # five words and four more tokens
    assert isinstance(tried["es_en"], str) and tried["es_en"]
    assert answer.connections == []
