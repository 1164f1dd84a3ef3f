"""Weights and training states on disk: safetensors for numbers, JSON for the rest, never a pickle.

A file is written aside and moved into place, so a killed run leaves the last whole checkpoint and nothing half-written.
"""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from course_utils.errors import CourseError
from course_utils.interrupts import held_back

PATTERN = "step-*"


class CheckpointError(CourseError):
    """A checkpoint cannot be used; the message says which file and what to do."""


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Save tensors by name, whole or not at all. Raises CheckpointError where the disk does not take them."""
    together = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    _put_in_place(path, lambda temporary: _save(together, temporary))


def _save(tensors: dict[str, torch.Tensor], path: Path) -> None:
    """By way of bytes: safetensors' `save_file` first writes a file of another name, which a killed process leaves."""
    path.write_bytes(save(tensors))


def write_json(path: Path, value: object) -> None:
    """Save a value as JSON, whole or not at all. Raises CheckpointError where the disk does not take it."""
    write_text(path, json.dumps(value, indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """Save a text, whole or not at all. Raises CheckpointError where the disk does not take it."""
    _put_in_place(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _put_in_place(path: Path, write: Callable[[Path], object]) -> None:
    """Write aside, then rename: whoever reads, or kills this, finds the old file or the new one."""
    temporary = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())                                # or a power cut may leave the name on an empty file
        os.replace(temporary, path)
    except (OSError, SafetensorError) as error:
        _discard(temporary)
        raise CheckpointError(
            f"{path.name} cannot be written to {path.parent.name}/ ({error}); expected a folder that takes it. Make "
            "room there or name another folder, and run the same again; what was whole before still is."
        ) from error
    except BaseException:                                          # stopped while it wrote
        _discard(temporary)
        raise


def _discard(temporary: Path) -> None:
    with suppress(OSError):
        temporary.unlink()


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file. Raises CheckpointError where it is missing or damaged."""
    if not path.exists():
        raise CheckpointError(f"There is no {path.name} in {path.parent.name}/; expected a saved checkpoint.")
    try:
        with held_back():                                          # in here Ctrl-C would become a ValueError of torch's
            return load_file(path)
    except SafetensorError as error:
        raise CheckpointError(f"{path.name} is damaged ({error}); delete it, and restore or retrain it.") from error


def read_json(path: Path) -> dict:
    """The value of a JSON file. Raises CheckpointError where it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path.name} in {path.parent.name}/ cannot be read: {error}") from error


# --- the state of a training run ------------------------------------------------------------------


def save_state(folder: Path, step: int, tensors: Mapping[str, torch.Tensor], facts: Mapping) -> None:
    """Keep a run as it is after `step` steps. Once that is whole, what was kept or half-written before is removed.

    Raises CheckpointError where the disk does not take it; the checkpoint before it then stands.
    """
    stem = folder / f"step-{step:08d}"
    write_tensors(stem.with_suffix(".safetensors"), tensors)
    write_json(stem.with_suffix(".json"), facts)                   # last: where it is, the tensors are whole
    for suffix in (".json", ".safetensors", ".tmp"):               # JSON first: without it tensors count for nothing
        for old in folder.glob(PATTERN + suffix):
            if old.stem != stem.name:
                old.unlink(missing_ok=True)


def load_state(folder: Path) -> tuple[dict[str, torch.Tensor], dict] | None:
    """The tensors and facts of the newest whole checkpoint, or None where there is none."""
    newest = max(folder.glob(PATTERN + ".json"), default=None)
    if newest is None:
        return None
    return read_tensors(newest.with_suffix(".safetensors")), read_json(newest)


# --- dictionaries of dictionaries, as optimizers have them ------------------------------------------


def flattened(prefix: str, tree: Mapping) -> dict[str, torch.Tensor]:
    """The tensors of nested dictionaries under names joined by slashes: `optimizer/3/exp_avg`."""
    flat: dict[str, torch.Tensor] = {}
    for key, value in tree.items():
        name = f"{prefix}/{key}"
        flat |= flattened(name, value) if isinstance(value, Mapping) else {name: value}
    return flat


def part(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors whose names begin with `prefix/`, without it."""
    start = f"{prefix}/"
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def state_of_optimizer(flat: Mapping[str, torch.Tensor]) -> dict[int, dict[str, torch.Tensor]]:
    """The way back from `flattened`: from `3/exp_avg` to {3: {"exp_avg": …}}, as an optimizer's state has it."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in flat.items():
        number, key = name.split("/")
        state.setdefault(int(number), {})[key] = tensor
    return state
