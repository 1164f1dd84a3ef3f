"""The table on paper: each number worked out by hand for one row, what cannot be, and the page that shows it."""

import pytest

from course_utils.cluster_costs import CLUSTER, SENT, SHAPES, STATE, activations, link, step
from course_utils.errors import CourseError
from course_utils.optimizers import adamw
from tests.support.together import batches, model
from tools import scale_table

SMALL, LARGE = SHAPES
GPUS = (1, 8, 64, 256, 1024)


def test_a_parameter_takes_the_bytes_that_training_really_keeps_for_it():
    network = model()
    optimizer = adamw(network, 1e-3, 0.0, (0.9, 0.95))
    network(*batches(2)(0))[1].backward()
    optimizer.step()
    kept = [*network.parameters(), *(each.grad for each in network.parameters())]
    kept += [tensor for state in optimizer.state.values() for name, tensor in state.items() if name != "step"]
    count = sum(each.numel() for each in network.parameters())
    assert sum(tensor.nbytes for tensor in kept) == STATE * count


def test_eight_gpus_with_the_large_model_by_hand():
    one = step(LARGE, 8)
    assert one.state == 16 * 6.74e9 / 8
    assert (one.rows * one.rounds, one.memory < 72e9) == (1024 // 8, True)
    assert activations(LARGE, 1) == 4096 * (4096 * (4 * 32 + 34) + 10 * 32_000)
    assert one.sent == one.rounds * 8 * 6.74e9 * 7 / 8 and one.sending == one.sent / (450e9 * 0.8)
    flops = (6 * 6.74e9 + 12 * 32 * 4096 * 4096) * 2**22
    assert one.computing == pytest.approx(4 / 3 * flops / 8 / (0.4 * 989e12))
    assert one.utilisation == pytest.approx(0.3)                   # sending hides behind computing
    assert one.days == pytest.approx(20 * 6.74e9 / 2**22 * one.computing / 86_400)


def test_one_gpu_sends_nothing_and_nine_send_at_the_pace_of_the_network():
    assert (step(SMALL, 1).sent, step(SMALL, 1).gathered) == (0, 0)
    assert link(8) == 9 * link(9) == 450e9 * 0.8


def test_what_the_page_says_of_the_two_models_is_so():
    assert step(SMALL, 256).seconds > 0.95 * step(SMALL, 64).seconds    # gains nothing beyond 64
    assert step(LARGE, 1024).sending > 2 * step(LARGE, 1024).computing  # waits most of the time
    with pytest.raises(CourseError, match="One text needs 112 GB on each of 1 GPUs"):
        step(LARGE, 1)


@pytest.mark.parametrize("gpus", [0, 1024])
def test_fewer_texts_than_gpus_cannot_be_shared_out(gpus):
    with pytest.raises(CourseError, match=f"512 texts a step do not share out over {gpus} GPUs"):
        step(SMALL, gpus)


def test_what_is_sent_is_what_the_shards_send():
    """Two gathers in bfloat16 and one sum in float32: as `sharding` sets it where the launcher says bf16."""
    from course_utils import sharding

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
        policy = sharding._precision()
    assert 2 * policy.param_dtype.itemsize + policy.reduce_dtype.itemsize == SENT
    assert sharding._precision().param_dtype is None                # without the word nothing is rounded


def test_the_page_is_what_the_formulas_give_today(capsys):
    assert scale_table.main(["--check"]) == 0
    page = scale_table.PAGE.read_text(encoding="utf-8")
    assert all(f"| {shape.name} | {gpus:,} |" in page for shape in SHAPES for gpus in GPUS)
    assert all(f"| {name} | " in page and constant.source in page for name, constant in CLUSTER.items())


def test_a_page_that_is_out_of_date_or_lacks_a_mark_is_told(tmp_path, monkeypatch, capsys):
    page = scale_table.PAGE.read_text(encoding="utf-8")
    old = tmp_path / "README.md"
    old.write_text(page.replace("| 124 M | 8 |", "| 124 M | 9 |"), encoding="utf-8")
    monkeypatch.setattr(scale_table, "PAGE", old)
    assert scale_table.main(["--check"]) == 1 and "python -m tools.scale_table" in capsys.readouterr().err
    assert scale_table.main([]) == 0 and old.read_text(encoding="utf-8") == page
    old.write_text(page.replace("<!-- paper -->", ""), encoding="utf-8")
    with pytest.raises(SystemExit, match="expected <!-- paper --> and <!-- /paper -->, and one is missing"):
        scale_table.main(["--check"])
