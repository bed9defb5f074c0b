"""A checkpoint under our own names, checked against what is expected; one error lists every difference."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from perceiver_keras.convert.names import RELEASED, Row
from perceiver_keras.errors import PerceiverError, UsageError, nearest

Source = Literal["deepmind", "huggingface"]
Shapes = Mapping[str, tuple[int, ...]]

# The official code uses GELU's tanh form, the port the exact one (docs/architecture.md, Where the two codes differ).
ACTIVATION = {"deepmind": "gelu_tanh", "huggingface": "gelu"}

# How each source names the self-attention layers of a block; Haiku's first layer has no number.
LAYER_NUMBER = {
    "deepmind": r"encoder/~/self_attention(?:_(\d{1,3}))?/",
    "huggingface": r"^perceiver\.encoder\.self_attends\.(\d{1,3})\.",
}
OUR_LAYER_NUMBER = r"^process/self_attention_(\d{1,3})/"


@dataclass(frozen=True)
class Checkpoint:
    """The weights of one of the released models, in the same form whichever file they came from.

    Attributes:
        model: which model, a key of `names.RELEASED`.
        source: which kind of file the weights came from.
        tensors: our path -> array, in our layout.
        sizes: the named sizes in the rows' shapes, as the file has them.
        extras: tensors that no model needs (counters of moving averages), under the source's names;
            kept so that writing the checkpoint back gives the same file.
        settings: what only the file's configuration can tell, not its tensors: blocks, heads, the activation.
        path: the file, for messages.
    """

    model: str
    source: Source
    tensors: dict[str, np.ndarray]
    sizes: dict[str, int]
    extras: dict[str, np.ndarray] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    path: str = "checkpoint"

    @property
    def activation(self) -> str:
        return self.settings.get("activation", ACTIVATION[self.source])

    @property
    def num_layers(self) -> int:
        return count_layers(self.tensors, OUR_LAYER_NUMBER)

    @property
    def rows(self) -> list[Row]:
        return released(self.model).rows(self.num_layers)


def released(model: str):
    """The entry of a released model, found by the name of its preset."""
    if model not in RELEASED:
        raise UsageError(f"There is no released model {model!r}.{nearest(model, RELEASED)}")
    return RELEASED[model]


def count_layers(names: Mapping[str, object], pattern: str) -> int:
    """One more than the highest number that the group of `pattern` matches in the names (an empty group is 0)."""
    found = (re.search(pattern, name) for name in names)
    numbers = [int(match.group(1) or 0) for match in found if match]
    return max(numbers, default=-1) + 1


def diff(path: str, found: Shapes, expected: Shapes, what: str) -> None:
    """Raises one `PerceiverError` that lists every tensor that is missing, unknown or of the wrong shape."""
    lines = [
        *(f"- {name} {_spell(expected[name])}: missing" for name in expected if name not in found),
        *(f"+ {name} {_spell(found[name])}: unknown" for name in found if name not in expected),
        *(
            f"! {name} {_spell(found[name])}: should be {_spell(expected[name])}"
            for name in found
            if name in expected and tuple(found[name]) != tuple(expected[name])
        ),
    ]
    if lines:
        raise PerceiverError(
            f"{path} doesn't fit {what}; {len(lines)} of its tensors differ:\n" + "\n".join(lines)
        )


def from_source(
    source: Source,
    raw: Mapping[str, np.ndarray],
    path: str,
    settings: Mapping[str, Any] | None = None,
) -> Checkpoint:
    """The checkpoint made of a file's tensors, which are given under the source's names.

    The names determine which model it is, and the sizes that most tensors agree on determine the shape
    that each should have. Raises `PerceiverError` listing every tensor that differs.
    """
    num_layers = count_layers(raw, LAYER_NUMBER[source])
    model = _nearest_model(source, raw, num_layers, path)
    rows = {getattr(row, source): row for row in released(model).rows(num_layers)}
    extras = {name: raw[name] for name in raw if name not in rows and _is_extra(name)}
    found = {name: array.shape for name, array in raw.items() if name not in extras}
    sizes = agreed_sizes(source, found, rows)
    expected = {name: _shape_in(source, row, sizes) for name, row in rows.items()}
    diff(path, found, expected, f"{model} with {num_layers} self-attention layers")
    tensors = {
        row.ours: getattr(row.layout, f"from_{source}")(raw[name]) for name, row in rows.items()
    }
    return Checkpoint(model, source, tensors, sizes, extras, dict(settings or {}), path)


def _nearest_model(
    source: Source, raw: Mapping[str, np.ndarray], num_layers: int, path: str
) -> str:
    """The released model whose tensor names differ least from the file's."""
    names = {
        model: {getattr(row, source) for row in entry.rows(num_layers)}
        for model, entry in RELEASED.items()
    }
    nearest_model = min(names, key=lambda model: len(names[model] ^ raw.keys()))
    if not names[nearest_model] & raw.keys():
        listed = ", ".join(list(raw)[:3]) or "none"
        raise PerceiverError(
            f"{path}: its {len(raw)} tensors ({listed}, …) do not belong to any of the released "
            f"Perceiver IO models ({', '.join(RELEASED)})."
        )
    return nearest_model


def agreed_sizes(source: Source | None, found: Shapes, rows: Mapping[str, Row]) -> dict[str, int]:
    """Every named size in the rows' shapes, with the value that most tensors give it.

    `found` and `rows` are keyed by the source's names, or by ours where `source` is None.
    """
    votes: dict[str, Counter[int]] = {}
    for name, row in rows.items():
        ours = found.get(name, ())
        if source is not None and len(ours) == getattr(row.layout, f"{source}_rank"):
            ours = getattr(row.layout, f"from_{source}")(_dummy(ours)).shape
        if len(ours) == len(row.shape):
            for size, number in zip(row.shape, ours, strict=True):
                if isinstance(size, str):
                    votes.setdefault(size, Counter())[number] += 1
    return {size: counted.most_common(1)[0][0] for size, counted in votes.items()}


def _shape_in(source: Source, row: Row, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The shape that a row's tensor should have in the source; 0 for a size that no tensor determines."""
    ours = [size if isinstance(size, int) else sizes.get(size, 0) for size in row.shape]
    return getattr(row.layout, f"to_{source}")(_dummy(ours)).shape


def _dummy(shape: Sequence[int]) -> np.ndarray:
    """An array of the given shape that takes no memory."""
    return np.broadcast_to(np.zeros((), np.bool_), tuple(shape))


def _spell(shape: Sequence[int]) -> str:
    return f"[{', '.join(str(n) if n else '?' for n in shape)}]"


def to_source(checkpoint: Checkpoint, source: Source) -> dict[str, np.ndarray]:
    """The tensors under a source's names and in its layout; extras only if they came from that source."""
    rows = checkpoint.rows
    diff(
        checkpoint.path,
        {name: array.shape for name, array in checkpoint.tensors.items()},
        {row.ours: tuple(checkpoint.sizes.get(n, n) for n in row.shape) for row in rows},
        checkpoint.model,
    )
    tensors = {
        getattr(row, source): getattr(row.layout, f"to_{source}")(checkpoint.tensors[row.ours])
        for row in rows
    }
    return tensors | (checkpoint.extras if checkpoint.source == source else {})


def _is_extra(name: str) -> bool:
    """Whether it is Haiku's or PyTorch's bookkeeping of moving averages, which only their own training needs."""
    return bool(re.search(r"_ema/(counter|hidden)$|\.num_batches_tracked$", name))
