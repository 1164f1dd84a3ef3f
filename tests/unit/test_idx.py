"""The idx format: headers worked out by hand, and files that are none."""

import struct

import numpy as np
import pytest

from course_utils.errors import CourseError
from course_utils.idx import idx_bytes, read_idx

TWO_BY_THREE = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255])   # two axes, of 2 and of 3


def written(tmp_path, content: bytes):
    path = tmp_path / "some-idx"
    path.write_bytes(content)
    return path


def test_a_file_written_by_hand_is_read_row_by_row_and_may_be_written_to(tmp_path):
    values = read_idx(written(tmp_path, TWO_BY_THREE))
    assert values.dtype == np.uint8 and values.tolist() == [[1, 2, 3], [4, 5, 255]]
    values[0, 0] = 9


def test_an_array_becomes_the_bytes_that_were_worked_out_by_hand():
    assert idx_bytes(np.array([[1, 2, 3], [4, 5, 255]], np.uint8)) == TWO_BY_THREE


def test_sizes_of_axes_are_written_with_the_most_significant_byte_first():
    assert idx_bytes(np.zeros((60_000,), np.uint8))[4:8] == struct.pack(">I", 60_000) == b"\x00\x00\xea\x60"


@pytest.mark.parametrize("shape", [(7,), (3, 4), (2, 3, 4), (0,), (2, 0, 3)])
def test_what_is_written_is_read_again(tmp_path, shape):
    values = (np.arange(np.prod(shape)) * 37 % 256).astype(np.uint8).reshape(shape)
    found = read_idx(written(tmp_path, idx_bytes(values)))
    assert found.shape == shape and np.array_equal(found, values)


def test_columns_that_lie_together_in_memory_are_still_written_row_by_row(tmp_path):
    turned = np.arange(6, dtype=np.uint8).reshape(2, 3).T
    assert read_idx(written(tmp_path, idx_bytes(turned))).tolist() == [[0, 3], [1, 4], [2, 5]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "ends within its header"),
        (TWO_BY_THREE[:10], "ends within its header"),
        (TWO_BY_THREE[:-1], r"holds 5 values; expected 6 for \(2, 3\)"),
        (TWO_BY_THREE + b"\x00", r"holds 7 values; expected 6 for \(2, 3\)"),
        (b"\x00\x00\x0d" + TWO_BY_THREE[3:], "starts with 00 00 0d 02; expected 00 00 08"),   # floats
        (b"\x1f\x8b\x08\x00" + TWO_BY_THREE, "starts with 1f 8b 08 00; expected 00 00 08"),   # still packed by gzip
    ],
)
def test_a_file_that_is_not_one_is_refused_and_what_came_is_said(tmp_path, content, said):
    with pytest.raises(CourseError, match=f"some-idx {said}"):
        read_idx(written(tmp_path, content))


def test_numbers_that_are_no_bytes_are_refused():
    with pytest.raises(CourseError, match="values are float64; expected uint8"):
        idx_bytes(np.zeros((2, 2)))
