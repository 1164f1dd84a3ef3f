"""Both forms of Fashion-MNIST give the same files: the packed idx files of Debian, and the tables of the hub."""

import gzip
import io

import numpy as np
import pyarrow
import pyarrow.parquet
from PIL import Image

from course_utils.idx import idx_bytes
from course_utils.unpack_images import fashion_mnist

RANDOM = np.random.default_rng(1)
PARTS = {
    "train": (RANDOM.integers(0, 256, (5, 28, 28), dtype=np.uint8), np.array([3, 0, 9, 9, 1], np.uint8)),
    "test": (RANDOM.integers(0, 256, (2, 28, 28), dtype=np.uint8), np.array([7, 2], np.uint8)),
}
PREFIX = {"train": "train", "test": "t10k"}


def expected_files() -> dict[str, bytes]:
    files = {}
    for part, (images, labels) in PARTS.items():
        files[f"{PREFIX[part]}-images-idx3-ubyte"] = idx_bytes(images)
        files[f"{PREFIX[part]}-labels-idx1-ubyte"] = idx_bytes(labels)
    return files


def files_made_from(source, target) -> dict[str, bytes]:
    target.mkdir()
    fashion_mnist(source, target)
    return {path.name: path.read_bytes() for path in target.iterdir()}


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


def test_packed_files_are_unpacked(tmp_path):
    for name, content in expected_files().items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    (tmp_path / "README.md.gz").write_bytes(gzip.compress(b"not data"))
    assert files_made_from(tmp_path, tmp_path / "made") == expected_files()


def test_tables_give_the_same_bytes_in_the_order_of_their_rows(tmp_path):
    folder = tmp_path / "fashion_mnist"
    folder.mkdir()
    for part, (images, labels) in PARTS.items():
        cells = [{"bytes": png(image), "path": None} for image in images]
        table = pyarrow.table({"image": cells, "label": labels.astype(np.int64)})
        pyarrow.parquet.write_table(table, folder / f"{part}-00000-of-00001.parquet")
    assert files_made_from(tmp_path, tmp_path / "made") == expected_files()
