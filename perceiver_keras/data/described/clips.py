"""A clip's frames: how many, their size and light, and how much changes from one to the next."""

from __future__ import annotations

import numpy as np

from perceiver_keras.data.described import pictures
from perceiver_keras.data.described.decode import Decoded, frame_places


def describe(clip: Decoded) -> dict[str, float | int | bytes]:
    """The measures of a decoded clip, by name: means over its decoded frames.

    Size, channels and format are those of the first frame; `sizes` counts how many sizes there are.
    """
    frames = clip.value
    lights = [pictures.light(frame) for frame in frames]
    shapes = {frame.shape[:2] for frame in frames}
    found = pictures.describe(Decoded("picture", frames[0], format=clip.format))
    found["constant"] = int(all(bool((frame == frame[0, 0]).all()) for frame in frames))
    for name in lights[0]:
        found[name] = float(np.mean([light[name] for light in lights if name in light]))
    return found | {"frames": clip.count, "sizes": len(shapes), "motion": motion(clip)}


def motion(clip: Decoded) -> float:
    """The mean absolute difference of brightness between decoded neighbours of one size, in 0..255."""
    places, greys = frame_places(clip.count), [pictures.luma(frame) for frame in clip.value]
    steps = [
        float(np.abs(greys[i + 1] - greys[i]).mean())
        for i in range(len(greys) - 1)
        if places[i + 1] == places[i] + 1 and greys[i + 1].shape == greys[i].shape
    ]
    return float(np.mean(steps)) if steps else 0.0
