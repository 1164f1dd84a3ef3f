"""Three ways to run SmolLM2, each behind the same four calls, so that they can be timed alike."""

import atexit
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Protocol

import torch
from transformers import AutoModelForCausalLM, DynamicCache

from benchmarks.paired import peer
from course_utils import assets
from course_utils.errors import CourseError
from course_utils.models.fast import FastDecoder
from course_utils.paths import cache_dir
from course_utils.pretrained import read_on

LLAMA, END = "llama.cpp Q4_1", 2                                   # END: the id that would end the text is not taken
SOURCE = "SmolLM2-135M-Instruct.Q4_1.gguf"
WITHOUT_AMX = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
REBUILT = (
    "Status -4 is an instruction that this system denies; where that is AMX, build llama.cpp again without it: "
    f"CFLAGS='{WITHOUT_AMX}' CXXFLAGS='{WITHOUT_AMX}' python -m pip install --force-reinstall --no-cache-dir --no-deps "
    "llama-cpp-python"
)


class Writer(Protocol):
    """Reads a text and takes the likeliest token after it."""

    def write(self, prompt: Sequence[int], count: int) -> list[int]:
        """Forget all, read the prompt, write `count` tokens."""

    def read_first(self, ids: Sequence[int]) -> int:
        """Forget all and read; the token that follows."""

    def read(self, ids: Sequence[int]) -> int:
        """Read on; the token that follows."""

    def rewind(self, count: int) -> None:
        """Forget all but the first `count` tokens."""


class Ours:
    """The course's fast path."""

    def __init__(self, model: FastDecoder):
        self.model = model

    def write(self, prompt: Sequence[int], count: int) -> list[int]:
        written = [self.read_first(prompt)]
        while len(written) < count:
            written.append(self.read(written[-1:]))
        return written

    def read_first(self, ids: Sequence[int]) -> int:
        self.model.reset()
        return self.read(ids)

    def read(self, ids: Sequence[int]) -> int:
        logits = self.model.read(ids)
        logits[END] = float("-inf")
        return int(logits.argmax())

    def rewind(self, count: int) -> None:
        self.model.rewind(count)


class Theirs:
    """`transformers`: `generate` to write, a pass of the model with its cache to read."""

    def __init__(self, folder: Path, dtype: torch.dtype):
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
        self.cache = DynamicCache()

    def write(self, prompt: Sequence[int], count: int) -> list[int]:
        ids = torch.tensor([prompt])
        settings = {"min_new_tokens": count, "max_new_tokens": count, "do_sample": False, "pad_token_id": 0}
        return self.model.generate(ids, attention_mask=torch.ones_like(ids), **settings)[0, len(prompt) :].tolist()

    def read_first(self, ids: Sequence[int]) -> int:
        self.cache = DynamicCache()
        return self.read(ids)

    @torch.no_grad()
    def read(self, ids: Sequence[int]) -> int:
        logits = read_on(self.model, torch.tensor([ids]), self.cache, logits_to_keep=1).logits[0, -1]
        logits[END] = float("-inf")
        return int(logits.argmax())

    def rewind(self, count: int) -> None:
        if more := self.cache.get_seq_length() - count:
            self.cache.crop(-more)                                 # below zero: how many to remove


class Llama:
    """llama.cpp by its Python package. It may take END, and then goes on like everybody."""

    def __init__(self, module: ModuleType, threads: int, context: int):
        settings = {"n_threads": threads, "n_threads_batch": threads, "n_ctx": context, "verbose": False}
        self.model = module.Llama(str(gguf()), **settings)
        atexit.register(self.model.close)                          # later Python has already taken its functions away

    def write(self, prompt: Sequence[int], count: int) -> list[int]:
        self.model.reset()                                         # or it would keep what it knows of the prompt
        tokens = self.model.generate(list(prompt), temp=0.0, top_k=1)
        return [next(tokens) for _ in range(count)]

    def read_first(self, ids: Sequence[int]) -> int:
        self.model.reset()
        return self.read(ids)

    def read(self, ids: Sequence[int]) -> int:
        self.model.eval(list(ids))
        return self.model.sample(temp=0.0, top_k=1)

    def rewind(self, count: int) -> None:
        self.model.n_tokens = count


def llama_module() -> ModuleType | None:
    """llama.cpp's package; None, with a line that says why, where it, or the file for it, is not here or cannot run."""
    module = peer("llama_cpp", "llama-cpp-python")
    if module is None:
        return None
    if assets.offline() and not _kept().exists():
        print(f"{SOURCE} is not kept here and COURSE_OFFLINE forbids fetching it, so llama.cpp does not run")
        return None
    if status := _tried(gguf()):
        print(f"llama.cpp stops with status {status} on this machine, so it does not run. {REBUILT}")
        return None
    return module


def _tried(file: Path) -> int:
    """The exit status of llama.cpp on a short prompt in a process of its own, which a wrong instruction would end."""
    code = f"import llama_cpp; llama_cpp.Llama({str(file)!r}, n_ctx=64, verbose=False).eval([1] * 32)"
    return subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL).returncode


def gguf() -> Path:
    """The file of which the asset smollm2 is made, fetched as the asset is, and kept for the next time.

    Raises CourseError where no source gives it.
    """
    if not _kept().exists():
        _kept().parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_kept().parent) as work:
            shutil.move(_fetched(Path(work)), _kept())
    return _kept()


def _kept() -> Path:
    return cache_dir() / "bench" / SOURCE


def _fetched(work: Path) -> Path:
    tried = []
    for source in assets.load_manifest()["smollm2"].sources:
        try:
            return source.read(work) / SOURCE
        except CourseError as error:
            tried.append(f"{source}: {error}")
    raise CourseError(f"{SOURCE} was expected from one of its sources; tried: {'; '.join(tried)}. Try again later.")
