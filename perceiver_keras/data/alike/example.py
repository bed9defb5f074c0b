"""The fingerprint of an example: by what it is found again, in another split, another file format, or another span."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from perceiver_keras.data.alike import clips, exact, part, pictures, sounds, texts
from perceiver_keras.data.alike.part import HEAD, NEAR, PLAIN, Part, Sketch
from perceiver_keras.data.described.decode import Decoded
from perceiver_keras.data.described.kinds import Kind

# What an example is, in the order in which its keys are taken; all other kinds say something about it.
SKETCHES: dict[Kind, Sketch] = {
    "pictures": clips.SKETCH,
    "picture": pictures.SKETCH,
    "sound": sounds.SKETCH,
    "text": texts.SKETCH,
    "entities": exact.ENTITIES,
    "category": exact.CATEGORY,
}
_LABELS = ("label", "labels", "choice", "tags", "number", "flow")
_LONGEST_LABEL = 64  # bytes; of longer ones, a digest stands for the label


class Fingerprint(NamedTuple):
    """What is kept of an example.

    Attributes:
      exact: 16 bytes, equal if and only if the content is the same, whatever its file format and label; empty if
        there is nothing to tell it from another example by: black pictures, silence, empty texts.
      label: Its label as UTF-8: a class's name, several sorted ones, a number; "#" and a digest, of flow and long
        tags; empty if it has none.
      keys: Examples that are alike share at least one of these few, nearly always; `exact` is the first.
      print: What `alike` compares.
    """

    exact: bytes
    label: bytes
    keys: tuple[bytes, ...]
    print: bytes


def fingerprint(
    decoded: Mapping[str, Decoded], label: str | None = None, names: Sequence[str] | None = None
) -> Fingerprint:
    """The fingerprint of an example.

    Args:
      decoded: From `decode_example`.
      label: The feature that holds the label, whatever its kind; None: each that is of a label's kind.
      names: The classes' names, if they have any.
    """
    features = {
        name: found
        for name, found in sorted(decoded.items())
        if found.kind in SKETCHES and name != label
    }
    parts = {name: _part(found) for name, found in features.items()}
    said = _label(decoded, label, names)
    told = [parts[name] for name, found in features.items() if found.kind != "category"]
    if all(found.state == PLAIN for found in told):
        return Fingerprint(b"", said, (), b"")
    titles = {name: f"{name}:{features[name].kind}".encode() for name in parts}
    whole = b"".join(
        titles[name] + len(found.content).to_bytes(8, "little") + found.content
        for name, found in parts.items()
    )
    same = part.digest(whole)
    bodies = [part.print_of(parts[name], SKETCHES[features[name].kind].size) for name in parts]
    printed = b"|".join(titles.values()) + b"\n" + b"".join(bodies)
    return Fingerprint(same, said, (same, *_keys(features, parts)), printed)


def alike(a: bytes, b: bytes) -> bool:
    """Whether the `print`s of two examples are those of the same or nearly the same content."""
    return bool(alike_pairs([a], [b])[0, 0])


def alike_pairs(a: Sequence[bytes], b: Sequence[bytes]) -> np.ndarray:
    """`alike` for each of a with each of b: bool [len(a), len(b)]."""
    found = np.zeros([len(a), len(b)], bool)
    ours, theirs = _by_title(a), _by_title(b)
    for title in ours.keys() & theirs.keys():
        (rows, left), (columns, right) = ours[title], theirs[title]
        agree, place = np.ones([len(rows), len(columns)], bool), 0
        for feature in title.decode().split("|"):
            sketch = SKETCHES[feature.rpartition(":")[2]]
            end = place + HEAD + sketch.size
            agree &= part.alike(left[:, place:end], right[:, place:end], sketch)
            place = end
        found[np.ix_(rows, columns)] = agree
    return found


def _by_title(prints: Sequence[bytes]) -> dict[bytes, tuple[list[int], np.ndarray]]:
    """{which features: (places, bodies uint8 [n, size])}."""
    rows: dict[bytes, list[int]] = {}
    for place, printed in enumerate(prints):
        rows.setdefault(printed.partition(b"\n")[0], []).append(place)
    return {
        title: (
            places,
            np.stack([np.frombuffer(prints[p], np.uint8, offset=len(title) + 1) for p in places]),
        )
        for title, places in rows.items()
        if title
    }


def _part(found: Decoded) -> Part:
    return exact.stored(found) if found.problem else SKETCHES[found.kind].part(found)


def _keys(features: Mapping[str, Decoded], parts: Mapping[str, Part]) -> tuple[bytes, ...]:
    """The keys of the most telling feature: all of them must be alike, so one finds the candidates."""
    order = list(SKETCHES)
    near = [name for name, found in parts.items() if found.state == NEAR]
    if not near:
        return ()
    first = min(near, key=lambda name: order.index(features[name].kind))
    return tuple(first.encode() + key for key in parts[first].keys)


# === The label ===


def _label(decoded: Mapping[str, Decoded], label: str | None, names: Sequence[str] | None) -> bytes:
    if label is not None:
        found = [decoded[label]] if label in decoded else []
    else:
        found = [one for _, one in sorted(decoded.items()) if one.kind in _LABELS]
    said = b", ".join(_said(one, names) for one in found)
    return said if len(said) <= _LONGEST_LABEL else _digest(said)


def _said(found: Decoded, names: Sequence[str] | None) -> bytes:
    value: Any = found.value
    if found.kind == "flow" and not found.problem:
        return _digest(np.ascontiguousarray(value).tobytes())
    if isinstance(value, bytes):
        return value
    if found.kind in ("label", "labels") and not found.problem:
        value = [value] if isinstance(value, int) else [one for one in value if one != -1]
        return ", ".join(sorted(_class(one, names) for one in value)).encode()
    values = value if isinstance(value, list | tuple) else [value]
    return ", ".join(_text(one) for one in values).encode()


def _class(number: int, names: Sequence[str] | None) -> str:
    return names[number] if names and 0 <= number < len(names) else str(number)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return f"{value:g}" if isinstance(value, float) else str(value)


def _digest(content: bytes) -> bytes:
    return b"#" + part.digest(content)[:4].hex().encode()
