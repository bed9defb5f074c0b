"""The table of what is measured: unit, meaning, and where slices are cut if the user does not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from perceiver_keras.data.described.kinds import Kind


@dataclass(frozen=True)
class Measure:
    """One number or name per example.

    Attributes:
      unit: "pixels", "Hz", …; "1" for shares and counts of nothing in particular; "name" for names.
      meaning: A phrase for people.
      edges: Where slices are cut by default; empty: the user must name the edges, or values are names.
    """

    unit: str
    meaning: str
    edges: tuple[float, ...] = ()

    @property
    def is_name(self) -> bool:
        """Whether values are names, so that each is a slice of its own."""
        return self.unit == "name"


UNDECODABLE = "undecodable"
COLUMN = "column_"  # before the name of a column of entities
_LOST = Measure("1", "1 if the stored value can't be decoded, or does not fit the others, else 0")
_NOT_FINITE = Measure("share", "numbers that are NaN or infinite")

_LIGHT = {
    "mean": Measure("0 to 255", "mean brightness (luma)", (64, 128, 192)),
    "contrast": Measure("0 to 255", "standard deviation of the brightness", (20, 60)),
    "sharpness": Measure("0 to 255", "standard deviation of the brightness's Laplacian", (10, 40)),
    "red": Measure("0 to 255", "mean of the red channel, of pictures with colours"),
    "green": Measure("0 to 255", "mean of the green channel"),
    "blue": Measure("0 to 255", "mean of the blue channel"),
    "warmth": Measure("-255 to 255", "mean of red minus mean of blue"),
}
_PICTURE = {
    "height": Measure("pixels", "rows, after EXIF's turn", (64, 256, 512)),
    "width": Measure("pixels", "columns", (64, 256, 512)),
    "side": Measure("pixels", "the shorter side", (64, 256, 512)),
    "channels": Measure("channels", "as stored: 1 grey, 3 colours, 2 and 4 with alpha"),
    "format": Measure("name", "PNG, JPEG, GIF or BMP"),
    "constant": Measure("1", "1 if all pixels are alike, else 0"),
    **_LIGHT,
    UNDECODABLE: _LOST,
}

# By kind, then by the name that follows the feature's name; "" is the feature itself.
MEASURES_OF: dict[Kind, dict[str, Measure]] = {
    "picture": _PICTURE,
    "pictures": {
        **_PICTURE,
        "frames": Measure("frames", "how many are stored", (16, 64, 250)),
        "sizes": Measure("sizes", "how many sizes its frames have"),
        "motion": Measure(
            "0 to 255", "mean change of brightness from one frame to the next", (1, 5, 20)
        ),
    },
    "sound": {
        "rate": Measure("Hz", "samples per second"),
        "channels": Measure("channels", "1 mono, 2 stereo"),
        "seconds": Measure("s", "length", (1, 5, 30)),
        "level": Measure("dBFS", "level of its power; -120 for digital silence", (-40, -20)),
        "clipped": Measure("share", "samples of full scale"),
        "silent": Measure("share", "parts of 20 ms below -60 dBFS"),
        "centroid": Measure("Hz", "mean frequency, weighted by power", (500, 2000)),
        UNDECODABLE: _LOST,
    },
    "text": {
        "bytes": Measure("bytes", "length as stored", (64, 256, 1024)),
        "characters": Measure("characters", "length as UTF-8", (64, 256, 1024)),
        "words": Measure("words", "parts between blanks", (10, 50, 200)),
        "script": Measure("name", "script of most letters: Latin, Cyrillic, Han, …, or none"),
        "not_utf8": Measure("share", "bytes that are not UTF-8"),
    },
    "flow": {
        "median": Measure("pixels", "median of the motion, where it is known", (1, 10, 40)),
        "p95": Measure("pixels", "95th percentile of the motion", (1, 10, 40)),
        "right": Measure("pixels", "mean motion to the right"),
        "down": Measure("pixels", "mean motion down"),
        "valid": Measure("share", "pixels whose flow is known"),
        "occluded": Measure("share", "pixels that the second frame hides", (0.01, 0.1)),
        "not_finite": _NOT_FINITE,
        UNDECODABLE: _LOST,
    },
    "entities": {
        "count": Measure("entities", "rows with an entity", (5, 50, 200)),
        "columns": Measure("numbers", "numbers per entity"),
        "column_NAME": Measure(
            "any",
            "mean of a column over its entities, of the first 32; without names they are numbered",
        ),
        "not_finite": _NOT_FINITE,
        UNDECODABLE: _LOST,
    },
    "choice": {
        "row": Measure("row", "the row of the entity that was chosen"),
        "outcome": Measure("name", "won or lost"),
    },
    "label": {"": Measure("name", "the class")},
    "labels": {
        "": Measure("name", "the classes"),
        "count": Measure("labels", "how many there are", (1, 2)),
    },
    "tags": {
        "": Measure("name", "the tag of each run of bytes with a tag other than the first"),
        "count": Measure("runs", "how many there are", (1, 10)),
        "tagged": Measure("share", "bytes with a tag other than the first", (0.01, 0.1)),
    },
    "number": {"": Measure("any", "the number")},
    "category": {"": Measure("name", "the name")},
    "mask": {},
}
MEASURES: dict[str, Measure] = {
    f"{kind}/{name}" if name else kind: measure
    for kind, measures in MEASURES_OF.items()
    for name, measure in measures.items()
}


def measure_of(key: str, kinds: Mapping[str, Kind]) -> Measure | None:
    """What "FEATURE/MEASURE", or "FEATURE", is; None if nothing of that name is measured."""
    if key in kinds:
        return MEASURES_OF[kinds[key]].get("")
    # Features have slashes in their names, too, as TFDS stores nested ones.
    feature, _, name = key.rpartition("/")
    if feature not in kinds:
        return None
    if name == UNDECODABLE:
        return _LOST
    if kinds[feature] == "entities" and name.startswith(COLUMN) and name != COLUMN:
        name = "column_NAME"
    return MEASURES_OF[kinds[feature]].get(name)


def keys_of(kinds: Mapping[str, Kind]) -> list[str]:
    """All that may be measured of examples with these features, in the order of the table."""
    return [
        f"{feature}/{name}" if name else feature
        for feature, kind in kinds.items()
        for name in MEASURES_OF[kind]
    ]


def as_markdown() -> str:
    """The table of docs/data_checks.md."""
    lines = ["| kind of feature | measure | unit | what it is | slices are cut at |"]
    lines += ["|---|---|---|---|---|"]
    for kind, measures in MEASURES_OF.items():
        for name, measure in measures.items():
            key = f"`FEATURE/{name}`" if name else "`FEATURE`"
            cut = "each name" if measure.is_name else ", ".join(f"{e:g}" for e in measure.edges)
            lines.append(f"| {kind} | {key} | {measure.unit} | {measure.meaning} | {cut} |")
    return "\n".join(lines) + "\n"
