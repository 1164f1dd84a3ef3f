"""The idx format, in which MNIST and its relatives are written: a short header, then one byte a pixel.

The header is two zero bytes, a byte for the type of the numbers, a byte for how many axes there are, and the size of
each axis in four bytes, the most significant first. LeCun, Cortes and Burges 1998, http://yann.lecun.com/exdb/mnist/.
"""

import struct
from pathlib import Path

import numpy as np

from course_utils.errors import CourseError

UNSIGNED_BYTE = 0x08                       # the only type of number that is read and written here
START = struct.Struct(">HBB")              # two zero bytes, type, number of axes


def idx_bytes(values: np.ndarray) -> bytes:
    """An array of uint8 as an idx file. Raises CourseError for other numbers."""
    if values.dtype != np.uint8:
        raise CourseError(f"values are {values.dtype}; expected uint8, one byte each.")
    return START.pack(0, UNSIGNED_BYTE, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def read_idx(path: Path) -> np.ndarray:
    """The array of an idx file of unsigned bytes. Raises CourseError where the file is none, or too short or long."""
    content = path.read_bytes()
    try:
        zeros, kind, axes = START.unpack_from(content)
        shape = struct.unpack_from(f">{axes}I", content, START.size)
    except struct.error as error:
        raise CourseError(f"{path.name} ends within its header; expected an idx file. Fetch it again.") from error
    if (zeros, kind) != (0, UNSIGNED_BYTE):
        raise CourseError(f"{path.name} starts with {content[:4].hex(' ')}; expected 00 00 08, an idx file of bytes.")
    values = np.frombuffer(content, np.uint8, offset=START.size + 4 * axes)
    expected = int(np.prod(shape, dtype=np.int64))
    if values.size != expected:
        raise CourseError(f"{path.name} holds {values.size} values; expected {expected} for {shape}. Fetch it again.")
    return values.reshape(shape).copy()                            # (sizes of the axes); a copy may be written to
