"""The expected calibration error in NumPy, one bin after the other."""

from __future__ import annotations

import numpy as np

BINS = 15


def calibration_error(confidence, right) -> float:
    """Guo et al., equation 3, with bins ((m - 1) / 15, m / 15], of two arrays of one shape."""
    confidence, right = np.ravel(np.asarray(confidence, np.float32)), np.ravel(right)
    edges = np.arange(1, BINS) / np.float32(BINS)
    place = np.digitize(confidence, edges, right=True)
    total = 0.0
    for one in range(BINS):
        inside = place == one
        if inside.any():
            gap = abs(right[inside].mean() - confidence[inside].astype(np.float64).mean())
            total += inside.sum() / len(confidence) * gap
    return float(total)
