"""Labels by their names, so that a changed order of classes is seen as what it is."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from perceiver_keras.data.described.decode import Decoded

_FIRST_TAG = 48  # the byte of tag 0


def name_of(label: int, names: Sequence[str] | None) -> bytes:
    """The class's name; the number as text if it has none."""
    known = names is not None and 0 <= label < len(names)
    return names[label].encode() if known else str(label).encode()


def describe(labels: Decoded, names: Sequence[str] | None) -> dict[str, int | list[bytes]]:
    """Several labels: their names under "", and their `count`."""
    return {
        "": [name_of(label, names) for label in labels.value],
        "count": len(labels.value),
    }


def describe_tags(
    tags: Decoded, names: Sequence[str] | None = None
) -> dict[str, float | int | list[bytes]]:
    """Tags of bytes: under "" the name of each run of a tag other than 0, their `count`, and the share `tagged`."""
    runs = [tag - _FIRST_TAG for tag, _ in itertools.groupby(tags.value)]
    spans = [name_of(tag, names) for tag in runs if tag]
    inside = sum(tag != _FIRST_TAG for tag in tags.value)
    return {"": spans, "count": len(spans), "tagged": inside / max(len(tags.value), 1)}
