"""A corpus in files: written and read back, shuffled without memory, shared by rows, damaged, and gone on with."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.parallel_training import Processes
from course_utils.paths import REPOSITORY
from course_utils.text.shards import ShardBatches, ShardError, Shards, main, shuffled, write_shards
from course_utils.training import FitConfig, fit
from tests.support.together import model
from tools.verified import Verified

pytestmark = pytest.mark.usefixtures("one_thread")
IDS = torch.arange(1000) * 7 % 13
VERIFIES = [
    Verified("all", "a run on a corpus in files, killed and resumed", "the run that was not", "equal, bit for bit"),
]


@pytest.fixture
def folder(tmp_path):
    """1,000 ids in ten files of 96 and one of 40, from two texts."""
    write_shards(tmp_path / "corpus", [IDS[:700], IDS[700:]], 13, size=96)
    return tmp_path / "corpus"


def test_what_was_written_is_read_back_across_the_ends_of_files(folder):
    shards = Shards(folder)
    shards.verify()
    assert (len(shards), len(shards.files), shards.files[-1]["ids"]) == (1000, 11, 40)
    for begin, end in ((0, 1000), (95, 97), (96, 96), (100, 900), (999, 1000), (1000, 1000)):
        assert torch.equal(shards.read(begin, end), IDS[begin:end]), (begin, end)


@pytest.mark.parametrize(("size", "dtype"), [(256, "uint8"), (257, "uint16"), (65_537, "int32")])
def test_ids_take_as_few_bytes_as_tell_them_apart(size, dtype, tmp_path):
    last = torch.tensor([0, size - 1])
    assert write_shards(tmp_path / "c", [last], size)["dtype"] == dtype
    assert torch.equal(Shards(tmp_path / "c").read(0, 2), last)


@pytest.mark.parametrize("count", [1, 2, 3, 8, 97, 256, 1000])
def test_the_shuffle_sends_every_number_somewhere_else_and_stays_inside(count):
    assert sorted(shuffled(number, count, seed=4) for number in range(count)) == list(range(count))


def test_the_shuffle_is_another_for_another_seed_and_leaves_no_run_in_order():
    one, other = ([shuffled(number, 1000, seed) for number in range(1000)] for seed in (1, 2))
    assert sum(a == b for a, b in zip(one, other, strict=True)) < 10
    assert sum(b == a + 1 for a, b in zip(one, one[1:], strict=False)) < 10


@pytest.mark.parametrize("batch", [3, 20, 111])
def test_every_window_comes_once_an_epoch_in_an_order_of_its_own(batch, folder, monkeypatch):
    batches, begins = ShardBatches(Shards(folder), batch, length=9, seed=1), []
    read = batches.shards.read
    monkeypatch.setattr(batches.shards, "read", lambda begin, end: begins.append(begin) or read(begin, end))
    for step in range(-(-2 * 111 // batch)):                       # 20 windows a batch: one reaches into the next epoch
        assert batches(step)[0].shape == (batch, 9)
    epochs = begins[:111], begins[111:222]
    assert [sorted(epoch) for epoch in epochs] == [list(range(0, 999, 9))] * 2
    assert epochs[0] != epochs[1]


def test_with_fewer_rows_than_processes_the_last_ones_get_the_first_row_and_count_for_nothing(folder):
    batches = ShardBatches(Shards(folder), batch=2, length=9, seed=1)
    given = []
    for place in range(3):
        together = Processes(SimpleNamespace(device=torch.device("cpu"), num_processes=3, process_index=place))
        given.append((together.rows(batches, 4), together.rows(lambda step: batches(step), 4)))
    for ours, cut in given:                                        # as where a batch that was read whole is cut
        assert torch.equal(ours[0][0], cut[0][0]) and ours[1] == cut[1]
    assert [ours[1] for ours, _ in given] == [9, 9, 0] and torch.equal(given[2][0][0][0], batches(4)[0][:1])


def test_the_target_is_the_id_that_follows_also_across_the_end_of_a_file(folder):
    inputs, targets = ShardBatches(Shards(folder), batch=20, length=45, seed=1)(3)
    assert inputs.shape == targets.shape == (20, 45)
    assert torch.equal(targets, (inputs + 7) % 13)                 # the rule that the ids follow


def test_processes_together_read_the_batch_and_each_reads_its_rows_alone(folder, monkeypatch):
    shards, reads = Shards(folder), []
    batches = ShardBatches(shards, batch=5, length=9, seed=1)
    whole = batches(4)
    read = shards.read
    monkeypatch.setattr(shards, "read", lambda begin, end: reads.append(end - begin) or read(begin, end))
    parts = [batches.rows(4, place, 2) for place in range(2)]
    assert [len(part[0]) for part in parts] == [3, 2] and reads == [10] * 5
    for together, first, second in zip(whole, *parts, strict=True):
        assert torch.equal(together[0::2], first) and torch.equal(together[1::2], second)


def test_a_changed_byte_is_found_and_its_file_named(folder):
    path = folder / "00004.ids"
    data = bytearray(path.read_bytes())
    data[17] ^= 1
    path.write_bytes(data)
    with pytest.raises(ShardError, match=r"00004.ids is damaged: its sha256 begins with .*Write corpus/ again"):
        Shards(folder).verify()


def test_a_file_that_is_cut_or_gone_is_named_before_anything_is_read(folder):
    (folder / "00010.ids").write_bytes(b"\0" * 39)
    with pytest.raises(ShardError, match="00010.ids has 39 bytes; expected 40"):
        Shards(folder)
    (folder / "00002.ids").unlink()
    with pytest.raises(ShardError, match="00002.ids has no bytes; expected 96"):
        Shards(folder)


def test_writing_that_did_not_end_is_no_corpus_and_is_made_again(tmp_path):
    def breaking():
        yield IDS[:300]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shards(tmp_path / "c", breaking(), 13, size=96)
    with pytest.raises(ShardError, match="index.json in c/ cannot be read .*; write the corpus again"):
        Shards(tmp_path / "c")
    write_shards(tmp_path / "c", [IDS], 13, size=96)
    assert torch.equal(Shards(tmp_path / "c").read(0, 1000), IDS)
    with pytest.raises(ShardError, match="c/ already holds a corpus; delete it, or name another folder"):
        write_shards(tmp_path / "c", [IDS], 13)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda shards: ShardBatches(shards, 0, 9, 1), "batch is 0 and length 9; expected 1 or more"),
        (lambda shards: ShardBatches(shards, 12, 90, 1), "has 1000 ids; expected 1081 or more for a batch"),
        (lambda shards: ShardBatches(shards, 2, 9, 1)(-1), "step -1, place 0 of 1; expected 0 or more"),
        (lambda shards: ShardBatches(shards, 2, 9, 1).rows(0, 3, 3), "step 0, place 3 of 3; .* below the count"),
        (lambda shards: shards.read(990, 1001), "begin is 990 and end 1001; expected 0 up to 1000"),
    ],
)
def test_what_the_corpus_does_not_have_is_refused(make, message, folder):
    with pytest.raises(CourseError, match=message):
        make(Shards(folder))


@pytest.mark.parametrize(
    ("texts", "size", "message"),
    [
        ([torch.tensor([0, 13])], 13, "ids go from 0 to 13; expected 0 to 12"),
        ([torch.tensor([-1])], 13, "ids go from -1 to -1"),
        ([], 13, "at least one id, got none"),
        ([IDS], 0, "vocabulary_size is 0"),
    ],
)
def test_ids_that_are_none_of_the_vocabulary_are_not_written(texts, size, message, tmp_path):
    with pytest.raises(CourseError, match=message):
        write_shards(tmp_path / "c", texts, size)
    assert not (tmp_path / "c" / "index.json").exists()


def test_the_command_writes_the_bytes_of_texts_and_verifies_a_folder(tmp_path, capsys):
    texts = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for path, text in zip(texts, ("abc" * 50, "xyz"), strict=True):
        path.write_text(text)
    folder = tmp_path / "corpus"
    assert main([str(folder), *map(str, texts), "--size", "64"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ids": 153, "files": 3, "verified": True}
    assert bytes(Shards(folder).read(0, 153).tolist()) == b"abc" * 50 + b"xyz"
    (folder / "00001.ids").write_bytes(b"?" * 64)
    assert main([str(folder)]) == 1
    assert "00001.ids is damaged" in capsys.readouterr().err


# --- a run that was killed

CONFIG = FitConfig(steps=12, learning_rate=1e-2, checkpoint_every=4, seed=2)
KILLED = """
    import os, signal, sys
    from pathlib import Path
    from course_utils.text.shards import ShardBatches, Shards
    from course_utils.training import fit
    from tests.support.together import model
    from tests.unit.test_shards import CONFIG

    source = ShardBatches(Shards(Path(sys.argv[1])), batch=4, length=16, seed=3)

    def batches(step):
        if step == 10:
            os.kill(os.getpid(), signal.SIGKILL)
        return source(step)

    fit(model(), batches, CONFIG, folder=Path(sys.argv[2]))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_run_that_was_killed_goes_on_at_the_same_token(folder, tmp_path):
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(folder), str(tmp_path / "run")]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    killed = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (tmp_path / "run" / "step-00000008.json").exists()

    source, asked = ShardBatches(Shards(folder), batch=4, length=16, seed=3), []
    whole, resumed = model(), model()
    expected = fit(whole, source, CONFIG)
    history = fit(resumed, lambda step: asked.append(step) or source(step), CONFIG, folder=tmp_path / "run")
    assert asked == [8, 9, 10, 11] and history.losses == expected.losses
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))
