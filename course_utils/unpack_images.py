"""The reader of Fashion-MNIST, whichever of its two forms was downloaded. See `unpack.py` for what a reader is."""

import gzip
import io
import shutil
from pathlib import Path

import numpy as np

from course_utils.idx import idx_bytes

IDX_NAMES = {"train": "train", "test": "t10k"}                     # a part on the hub, and in the names of idx files


def fashion_mnist(source: Path, target: Path) -> None:
    """Write two idx files of each part, images and labels: the same bytes from either form.

    Debian has these files, each in a `.gz`; the hub has a table of each part, `*.parquet`, with the images as PNG.
    """
    for packed in source.glob("*-ubyte.gz"):
        with gzip.open(packed) as content, open(target / packed.stem, "wb") as unpacked:
            shutil.copyfileobj(content, unpacked)
    for table in source.rglob("*.parquet"):
        images, labels = _read_table(table)
        name = IDX_NAMES[table.name.partition("-")[0]]             # test-00000-of-00001.parquet
        (target / f"{name}-images-idx3-ubyte").write_bytes(idx_bytes(images))
        (target / f"{name}-labels-idx1-ubyte").write_bytes(idx_bytes(labels))


def _read_table(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, H, W) and labels (N,), uint8, of a table in the order of its rows."""
    import pyarrow.parquet
    from PIL import Image

    table = pyarrow.parquet.read_table(path, columns=["image", "label"])
    pictures = (Image.open(io.BytesIO(cell["bytes"])) for cell in table["image"].to_pylist())
    images = np.stack([np.asarray(picture, dtype=np.uint8) for picture in pictures])
    return images, table["label"].to_numpy().astype(np.uint8)
