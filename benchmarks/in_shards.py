"""`fit` under `scale/fsdp.yaml` with one process, which holds the one shard there is, beside `fit` without.

The launcher starts this module in a process of its own: `-m benchmarks.in_shards FOLDER`, with `--tiny` in a trial.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.on_gpu import batches, losses_apart, model, settings
from benchmarks.place import Place
from course_utils import checkpoints
from course_utils.devices import accelerator, device
from course_utils.parallel_training import Processes
from course_utils.paths import REPOSITORY
from course_utils.training import fit

LAUNCH = (
    "-m", "accelerate.commands.launch", "--config_file", "scale/fsdp.yaml", "--num_processes", "1",
    "--main_process_port", "0", "-m", "benchmarks.in_shards",
)  # fmt: skip
SEEN, WEIGHTS = "seen.json", "weights.safetensors"


def fsdp(place: Place) -> Iterator[dict]:
    """How far losses and weights are apart. Raises AssertionError where the launcher made no shards."""
    whole = model(place)
    expected = fit(whole, batches(place), settings(place))
    with TemporaryDirectory() as folder:
        launched([sys.executable, *LAUNCH, folder, *(["--tiny"] if place.tiny else [])], place)
        seen = json.loads((Path(folder) / SEEN).read_text(encoding="utf-8"))
        weights = checkpoints.read_tensors(Path(folder) / WEIGHTS)
    if not seen["sharded"]:
        raise AssertionError("The process held its model whole; expected one in shards, as scale/fsdp.yaml says.")
    yield {"losses_apart": losses_apart(seen["losses"], expected.losses)}
    kept = whole.state_dict()
    yield {"weights_apart": max((weights[name] - kept[name].cpu()).abs().max().item() for name in kept)}


def launched(command: list[str], place: Place) -> None:
    """Run the launcher; whatever stops us ends it, and it ends its process. Raises RuntimeError with what it said."""
    environment = {**os.environ, "COURSE_DEVICE": place.device}
    environment |= {"CUDA_VISIBLE_DEVICES": ""} if place.device == "cpu" else {}
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment, **output) as launcher:
        try:
            said, _ = launcher.communicate()
        except BaseException:
            launcher.terminate()                                   # killed, it would leave its process behind
            raise
    if launcher.returncode:
        raise RuntimeError(f"The launcher ended with status {launcher.returncode}:\n{said[-2500:]}")


def main(arguments: list[str]) -> None:
    """What the process does: train as without shards, with checkpoints, and write down what it saw."""
    folder, place = Path(arguments[0]), Place(device().type, "--tiny" in arguments)
    trained, config = model(place), replace(settings(place), checkpoint_every=place.steps // 3)
    history = fit(trained, batches(place), config, folder=folder / "checkpoints")
    sharded = Processes(accelerator()).sharded
    checkpoints.write_json(folder / SEEN, {"losses": history.losses, "sharded": sharded})
    checkpoints.write_tensors(folder / WEIGHTS, trained.state_dict())
    if sharded:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1:])
