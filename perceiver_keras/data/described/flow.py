"""A flow field's motion, and where it is known and occluded."""

from __future__ import annotations

import numpy as np

from perceiver_keras.data.described.decode import Decoded

MASKS = ("valid", "occluded")  # names of the stored masks


def describe(
    flow: Decoded, valid: Decoded | None = None, occluded: Decoded | None = None
) -> dict[str, float]:
    """The measures of a decoded flow, by name.

    Motion is that of known pixels: valid and finite; there is none if no pixel is known. Without a mask all are valid.

    Raises:
      ValueError: a mask has another number of pixels than the flow.
    """
    vectors = flow.value
    known = finite = np.isfinite(vectors).all(axis=1)
    found = {"not_finite": float(1 - finite.mean()) if len(vectors) else 0.0}
    for name, mask in zip(MASKS, (valid, occluded), strict=True):
        if mask is None or mask.problem:
            continue
        pixels = mask.value.ravel()
        if len(pixels) != len(vectors):
            raise ValueError(f"mask {name!r} has {len(pixels)} pixels and the flow {len(vectors)}")
        found[name] = float(pixels.mean())
        if name == "valid":
            known = finite & pixels
    if known.any():
        vectors = vectors[known].astype(np.float64)
        median, high = np.quantile(np.hypot(*vectors.T), [0.5, 0.95])
        right, down = vectors.mean(axis=0)
        found |= {"median": median, "p95": high, "right": right, "down": down}
    return {name: float(value) for name, value in found.items()}
