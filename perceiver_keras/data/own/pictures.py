"""Pictures with classes: what lies there, their sizes and colours, and the stored example of each."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from perceiver_keras.data import image
from perceiver_keras.data.own import labelled
from perceiver_keras.data.own.found import (
    Found,
    Item,
    Place,
    class_notes,
    classes,
    to_items,
)
from perceiver_keras.errors import PerceiverError

# Formats that TensorFlow does not read are listed too: such files are named, not silently passed over.
SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".png",
    ".gif",
    ".bmp",
    ".webp",
    ".tif",
    ".tiff",
    ".heic",
    ".heif",
    ".avif",
    ".jxl",
    ".jp2",
)
_SAMPLED = 200  # pictures that are measured


def look(place: Place) -> Found:
    """One folder per class, folders of splits, or a table of paths and labels; raises as `labelled.look`."""
    files = labelled.look(place, "pictures", SUFFIXES)
    items = to_items(files.drafts, place, "pictures")
    labels = classes((item.label for item in items), place)
    measured = _measure(items)
    smallest, largest = measured["smallest"], measured["largest"]
    sizes = _size(smallest) if smallest == largest else f"{_size(smallest)} to {_size(largest)}"
    colour = "colour" if measured["channels"] == 3 else "grey"
    return Found(
        kind="pictures",
        place=place,
        layout=files.layout,
        items=items,
        labels=labels,
        features={
            "image": tfds.features.Image(shape=(None, None, None)),
            "label": tfds.features.ClassLabel(names=labels),
            "file": tfds.features.Text(),
        },
        read=read,
        passed=files.passed,
        measured=measured,
        facts=[("pictures", f"{sizes} pixels (height x width), {colour}")],
        notes=class_notes(items, labels),
    )


def read(item: Item) -> Iterator[dict[str, Any]]:
    """The stored example: the file's own bytes; raises `PerceiverError` if they are not a picture."""
    content = item.source.read_bytes()
    if reason := image.check_image(content):
        raise PerceiverError(reason)
    # TFDS reads a path's bytes as they are, and would decode and encode an array.
    yield {"image": str(item.source), "label": item.label, "file": item.name}


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _measure(items: Sequence[Item]) -> dict[str, Any]:
    step = max(1, len(items) // _SAMPLED)
    return _measure_contents(item.source.read_bytes() for item in items[::step])


def measure_examples(examples: Sequence[tf.train.Example]) -> dict[str, Any]:
    """The same of stored examples of any TFDS data set with a feature `image`."""
    found = (example.features.feature["image"].bytes_list.value for example in examples)
    return _measure_contents(values[0] for values in found if values)


def _measure_contents(contents: Iterable[bytes]) -> dict[str, Any]:
    """Sizes and channels of some pictures.

    Returns:
      "smallest", "largest" (by area) and "median" as (height, width), "channels" 1 or 3, and "mean" and "std" of all
      pixels on 0..255. Without one readable picture: 1x1 pixels, 3 channels.
    """
    sizes, grey, pixels = [], True, []
    for content in contents:
        if image.check_image(content) is not None:
            continue
        picture = image.decode_image(tf.constant(content), 3).numpy()
        sizes.append(picture.shape[:2])
        grey = grey and bool((picture == picture[..., :1]).all())
        pixels.append(
            picture.reshape(-1, 3)[:: max(1, picture.shape[0] * picture.shape[1] // 1000)]
        )
    sizes = sorted(sizes, key=lambda size: size[0] * size[1]) or [(1, 1)]
    values = np.concatenate(pixels) if pixels else np.zeros([1, 3])
    return {
        "smallest": sizes[0],
        "largest": sizes[-1],
        "median": tuple(int(statistics.median(side)) for side in zip(*sizes, strict=True)),
        "channels": 1 if grey and pixels else 3,
        "mean": tuple(float(v) for v in values.mean(axis=0)),
        "std": tuple(float(v) for v in values.std(axis=0)),
    }
