"""Where models are trained: on a GPU that torch can use, else on the CPU, which is enough for every lesson."""

import os

import torch

from course_utils.doctor import available_cores
from course_utils.errors import CourseError
from course_utils.interrupts import held_back

with held_back():                                                  # half imported, it could not be imported again
    from accelerate import Accelerator
    from accelerate.utils import parse_flag_from_env

CHOICES = ("cpu", "cuda", "mps")


def device() -> torch.device:
    """`$COURSE_DEVICE` where it is set, else the NVIDIA or AMD GPU that torch sees, else the CPU.

    It is the CPU too where `accelerate launch` was told to leave GPUs alone. An Apple GPU (mps) has to be asked for: it
    lacks the double precision that some measurements need. Raises CourseError for a name that is none of `CHOICES`,
    and for a GPU that is not here.
    """
    left_alone = parse_flag_from_env("ACCELERATE_USE_CPU")
    name = os.environ.get("COURSE_DEVICE") or ("cuda" if torch.cuda.is_available() and not left_alone else "cpu")
    if name not in CHOICES:
        raise CourseError(f"COURSE_DEVICE is {name!r}; expected one of {', '.join(CHOICES)}. Unset it for the best.")
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not present[name]:
        raise CourseError(f"COURSE_DEVICE is {name!r}, but torch sees no such GPU here; unset it, or set it to 'cpu'.")
    return torch.device(name)


def device_label() -> str:
    """`device()` in general words, as a result is labelled with it: "2 cores, CPU", or the name of the GPU."""
    if gpu := gpu_label():
        return gpu
    cores = available_cores()
    return f"{cores} core{'s' * (cores != 1)}, CPU"


def gpu_label() -> str:
    """The name of the GPU that `device()` is, and "" where it is the CPU."""
    kind = device().type
    return torch.cuda.get_device_name(0) if kind == "cuda" else "Apple GPU" if kind == "mps" else ""


def accelerator() -> Accelerator:
    """Hugging Face accelerate on `device()`; left alone it would take any GPU.

    Raises CourseError where this session has trained on another device: accelerate chooses once in a process.
    """
    wanted = device().type
    try:
        found = Accelerator(cpu=wanted == "cpu")
    except ValueError as error:                                    # accelerate has a GPU and is told to leave it
        raise CourseError(_chosen_once(wanted)) from error
    if found.device.type != wanted:
        raise CourseError(_chosen_once(wanted))
    return found


def _chosen_once(wanted: str) -> str:
    return f"Training is to go on {wanted!r}, but began elsewhere in this session; restart the kernel to change that."
