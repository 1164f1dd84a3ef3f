"""A corpus too large for memory, as files of ids that are read where they lie: `python -m course_utils.text.shards`.

    python -m course_utils.text.shards FOLDER a.txt b.txt           the bytes of texts, 64 million a file

An index names each file, how many ids it has and its sha256. Which ids a batch is made of follows from its number
alone, so a run that was killed goes on at the same token.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from course_utils.errors import CourseError
from course_utils.seeding import generator
from course_utils.text.batches import NO_TARGET, mixed

INDEX, SIZE = "index.json", 64_000_000                             # ids a file
DTYPES = {"uint8": 2**8, "uint16": 2**16, "int32": 2**31}          # and how many ids each can tell apart
ROUNDS = 4                                                         # of the shuffle


class ShardError(CourseError):
    """A file of a sharded corpus cannot be used; the message says which and what to do."""


# --- writing --------------------------------------------------------------------------------------


def write_shards(folder: Path, texts: Iterable[torch.Tensor], vocabulary_size: int, size: int = SIZE) -> dict:
    """Write texts of ids (N,) one after another into files of `size` ids, and their index, which is returned.

    Only one file's ids are in memory at a time. A folder without an index is one whose writing did not end: what it
    has is written again. Raises ShardError where the folder holds another corpus, CourseError for ids out of range.
    """
    if (folder / INDEX).exists():
        raise ShardError(f"{folder.name}/ already holds a corpus; delete it, or name another folder.")
    dtype = next((name for name, most in DTYPES.items() if vocabulary_size <= most), None)
    if dtype is None or vocabulary_size < 1 or size < 1:
        raise CourseError(f"vocabulary_size is {vocabulary_size} and size {size}; expected 1 to 2**31, and 1 or more.")
    folder.mkdir(parents=True, exist_ok=True)
    files = [_write(folder, number, ids) for number, ids in enumerate(_filled(texts, vocabulary_size, dtype, size))]
    if not files:
        raise CourseError("expected at least one id, got none.")
    index = {"dtype": dtype, "vocabulary_size": vocabulary_size, "ids": sum(file["ids"] for file in files)}
    index |= {"files": files}
    temporary = folder / f"{INDEX}.tmp"
    temporary.write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, folder / INDEX)                          # last: where it is, the files are whole
    return index


def _filled(texts: Iterable[torch.Tensor], vocabulary_size: int, dtype: str, size: int) -> Iterator[np.ndarray]:
    """The ids of all texts in arrays of `size`, the last one shorter."""
    kept = np.empty(0, dtype)
    for ids in texts:
        if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < vocabulary_size:
            raise CourseError(f"ids go from {ids.min()} to {ids.max()}; expected 0 to {vocabulary_size - 1}.")
        kept = np.concatenate([kept, ids.numpy().astype(dtype)])
        while len(kept) >= size:
            yield kept[:size]
            kept = kept[size:]
    if len(kept):
        yield kept


def _write(folder: Path, number: int, ids: np.ndarray) -> dict:
    path = folder / f"{number:05d}.ids"
    path.write_bytes(ids.tobytes())
    return {"name": path.name, "ids": len(ids), "sha256": hashlib.sha256(ids.tobytes()).hexdigest()}


# --- reading --------------------------------------------------------------------------------------


class Shards:
    """A sharded corpus, of which only what is asked for is read. `len` and slices, as of one long text of ids."""

    def __init__(self, folder: Path):
        """Raises ShardError for a file that is missing or of another length; `verify` looks at every byte."""
        index = _index(folder)
        self.folder, self.vocabulary_size, self.files = folder, index["vocabulary_size"], index["files"]
        self.dtype = np.dtype(index["dtype"])
        for file in self.files:
            path, expected = folder / file["name"], file["ids"] * self.dtype.itemsize
            has = path.stat().st_size if path.exists() else "no"
            if has != expected:
                raise ShardError(f"{path.name} has {has} bytes; expected {expected}. Write {folder.name}/ again.")
        self.ends = np.cumsum([file["ids"] for file in self.files])
        self.arrays = [np.memmap(folder / file["name"], self.dtype, "r") for file in self.files]

    def __len__(self) -> int:
        return int(self.ends[-1])

    def read(self, begin: int, end: int) -> torch.Tensor:
        """The ids from `begin` up to `end`, int64; a text goes on from file to file. Raises CourseError beyond it."""
        if not 0 <= begin <= end <= len(self):
            raise CourseError(f"begin is {begin} and end {end}; expected 0 up to {len(self)}.")
        parts, number = [], int(np.searchsorted(self.ends, begin, side="right"))
        while begin < end:
            first = int(self.ends[number]) - self.files[number]["ids"]
            part = self.arrays[number][begin - first : end - first]
            parts.append(part.astype(np.int64))
            begin, number = begin + len(part), number + 1
        return torch.from_numpy(np.concatenate(parts) if parts else np.empty(0, np.int64))

    def verify(self) -> None:
        """Read every byte. Raises ShardError with the name of the first file that is not as it was written."""
        for file in self.files:
            with (self.folder / file["name"]).open("rb") as opened:
                found = hashlib.file_digest(opened, "sha256").hexdigest()
            if found != file["sha256"]:
                raise ShardError(
                    f"{file['name']} is damaged: its sha256 begins with {found[:12]}; expected {file['sha256'][:12]}. "
                    f"Write {self.folder.name}/ again."
                )


def _index(folder: Path) -> dict:
    try:
        return json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ShardError(f"{INDEX} in {folder.name}/ cannot be read ({error}); write the corpus again.") from error


class ShardBatches:
    """Windows of a sharded corpus: (inputs, targets), each (B, T) int64. Every window comes once an epoch.

    The corpus is cut into windows of T ids; each epoch goes through them in an order of its own. All batches are of B
    windows: one that an epoch leaves unfilled is filled from the next. Raises CourseError for a corpus that has not
    one batch of windows.
    """

    def __init__(self, shards: Shards, batch: int, length: int, seed: int):
        if batch < 1 or length < 1:
            raise CourseError(f"batch is {batch} and length {length}; expected 1 or more of each.")
        self.shards, self.batch, self.length, self.seed = shards, batch, length, seed
        self.windows = (len(shards) - 1) // length
        if self.windows < batch:
            raise CourseError(f"The corpus has {len(shards)} ids; expected {batch * length + 1} or more for a batch.")

    def __call__(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The batch of a step, the same for the same step. Raises CourseError for a negative one."""
        return self.rows(step, 0, 1)

    def rows(self, step: int, place: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Every `count`-th row of the batch from `place` on: a process reads no others.

        Where there are fewer rows than processes, the last ones get the first row, with targets of -100: in a step all
        have to take part. Raises CourseError for a negative step, and for a place that is none of `count`.
        """
        if step < 0 or not 0 <= place < count:
            raise CourseError(f"step {step}, place {place} of {count}; expected 0 or more, a place below the count.")
        rows = range(place, self.batch, count) or (0,)
        read = torch.stack([self._read(self._window(step * self.batch + row)) for row in rows])   # (B, T + 1)
        inputs, targets = read[:, :-1], read[:, 1:]
        return inputs, targets if place < self.batch else torch.full_like(targets, NO_TARGET)

    def _read(self, number: int) -> torch.Tensor:
        return self.shards.read(number * self.length, (number + 1) * self.length + 1)

    def _window(self, number: int) -> int:
        """Which window comes at this number, counted on through all epochs: a shuffle that is computed, not stored."""
        epoch, place = divmod(number, self.windows)
        return shuffled(place, self.windows, mixed(self.seed, epoch))


def shuffled(number: int, count: int, seed: int) -> int:
    """Where `number` goes in an order of 0 … count − 1 that the seed decides. Takes no memory, however many there are.

    A Feistel network over the next even number of bits (Luby and Rackoff 1988) permutes; numbers that fall outside are
    sent on until they come back in.
    """
    half = max(1, (max(count - 1, 1).bit_length() + 1) // 2)
    keys = torch.randint(2**31, (ROUNDS,), generator=generator(seed)).tolist()
    while True:
        left, right = number >> half, number & (2**half - 1)
        for key in keys:
            left, right = right, left ^ (_scrambled(right ^ key) & (2**half - 1))
        number = left << half | right
        if number < count:
            return number


def _scrambled(number: int) -> int:
    """32 bits, each of which depends on all bits of the number (the end of MurmurHash3, Appleby 2011)."""
    number = (number ^ number >> 16) * 0x85EBCA6B % 2**32
    number = (number ^ number >> 13) * 0xC2B2AE35 % 2**32
    return number ^ number >> 16


# --- command line ---------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m course_utils.text.shards", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the corpus goes, or lies")
    parser.add_argument("texts", nargs="*", type=Path, help="files whose bytes to write; none: verify the folder")
    parser.add_argument("--size", type=int, default=SIZE, help="ids a file")
    options = parser.parse_args(arguments)
    try:
        if options.texts:
            write_shards(options.folder, _bytes(options.texts, options.size), 256, options.size)
        shards = Shards(options.folder)
        shards.verify()
        print(json.dumps({"ids": len(shards), "files": len(shards.files), "verified": True}))
    except (CourseError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _bytes(paths: list[Path], size: int) -> Iterator[torch.Tensor]:
    """The bytes of files, in pieces that fit in memory."""
    for path in paths:
        with path.open("rb") as opened:
            while piece := opened.read(size):
                yield torch.frombuffer(bytearray(piece), dtype=torch.uint8)


if __name__ == "__main__":
    sys.exit(main())
