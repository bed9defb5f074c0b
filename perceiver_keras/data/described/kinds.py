"""What a stored feature can be: each kind has a module here that measures it."""

from __future__ import annotations

from typing import Literal

# picture: an encoded image; pictures: several, the frames of a clip; sound: an encoded WAV; text: UTF-8 bytes;
# flow: an encoded motion field, with masks `valid` and `occluded`; entities: rows of numbers with their `mask`;
# label: one class; labels: several, padded with -1; tags: one per byte of a text, the byte 48 + n for tag n;
# choice: the row of `entities` that was chosen, and the outcome, 0 or 1; number: a number, itself; category: a name,
# itself.
Kind = Literal[
    "picture",
    "pictures",
    "sound",
    "text",
    "flow",
    "mask",
    "entities",
    "label",
    "labels",
    "tags",
    "choice",
    "number",
    "category",
]

# What a model is to say; the others are what it sees. Two examples that differ only here are the same example.
ANSWERS: frozenset[Kind] = frozenset(
    {"label", "labels", "tags", "choice", "number", "flow", "mask"}
)
