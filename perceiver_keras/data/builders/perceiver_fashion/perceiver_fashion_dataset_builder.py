"""Fashion-MNIST, real pictures of clothes, as a TFDS data set, from the files of a Debian package."""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from perceiver_keras.data.own.files import Listing
from perceiver_keras.data.store.files_builder import FilesBuilder, Named
from perceiver_keras.errors import PerceiverError, UsageError

NAMES = (
    *("T-shirt or top", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)
SIDE = 28
VALIDATION = 1 / 12  # of the training pictures, their last ones: 5,000 of 60,000
FILES = {  # split: (pictures, labels), as they are called everywhere
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
_UNSIGNED_BYTES = 8  # IDX's code for this type


class Builder(FilesBuilder):
    """Pictures of clothes, 28x28 grey pixels, ten classes."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    INSTALLED = "/usr/share/datasets/fashion-mnist"
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""
    Install them with `apt-get install dataset-fashion-mnist`, or put {", ".join(sum(FILES.values(), ()))}
    into perceiver_fashion/.
    """

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(SIDE, SIDE, 1), encoding_format="png"),
                    "label": tfds.features.ClassLabel(names=list(NAMES)),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://github.com/zalandoresearch/fashion-mnist",
        )

    def sources(self, listed: Listing) -> Mapping[str, Iterable[Named]]:
        missing = [
            name for names in FILES.values() for name in names if not (listed.root / name).is_file()
        ]
        if missing:
            raise UsageError(f"{listed.root} lacks {', '.join(missing)} of Fashion-MNIST.")
        found = {}
        for split, names in FILES.items():
            pictures, labels = (read_idx(listed.root / name) for name in names)
            if pictures.shape[1:] != (SIDE, SIDE) or labels.shape != pictures.shape[:1]:
                raise PerceiverError(
                    f"{names[0]} has an array {list(pictures.shape)} and {names[1]} {list(labels.shape)}; expected "
                    f"[n, {SIDE}, {SIDE}] and [n]."
                )
            found[split] = list(zip(pictures[..., None], labels, strict=True))
        kept = len(found["train"]) - round(VALIDATION * len(found["train"]))
        found["validation"] = found["train"][kept:]
        found["train"] = found["train"][:kept]
        return {
            split: [(f"{split} {row}", (row, *item)) for row, item in enumerate(items)]
            for split, items in found.items()
        }

    def read(self, item: tuple[int, np.ndarray, int]) -> Iterator[tuple[int, dict]]:
        row, picture, label = item
        if label >= len(NAMES):
            raise PerceiverError(f"label {label} is not in 0 to {len(NAMES) - 1}")
        yield row, {"image": picture, "label": int(label)}


def read_idx(path: Path) -> np.ndarray:
    """The array in a gzipped IDX file of unsigned bytes: two zeros, the type, the number of sides, the sides, the data.

    Raises:
      PerceiverError: it is damaged, or of another type.
    """
    try:
        with gzip.open(path, "rb") as file:
            content = file.read()
    except (OSError, EOFError) as error:
        raise PerceiverError(f"{path} can't be unpacked: {error}.") from error
    kind, dimensions = tuple(content[:3]), content[3] if len(content) > 3 else 0
    start = 4 + 4 * dimensions
    shape = (
        tuple(np.frombuffer(content[4:start], ">u4", dimensions).tolist())
        if len(content) >= start
        else ()
    )
    if kind != (0, 0, _UNSIGNED_BYTES) or not shape or len(content) != start + math.prod(shape):
        raise PerceiverError(f"{path} is not an IDX file of unsigned bytes, or it is cut short.")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
