"""Ranges that can't be are refused, and no wave is steeper than `steepness` says."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from perceiver_keras.data.builders.perceiver_flow import perceiver_flow_dataset_builder as builder
from perceiver_keras.data.scenes import config as scenes
from perceiver_keras.data.scenes.config import SceneConfig
from perceiver_keras.errors import UsageError


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"foregrounds": (0, 2)}, "foregrounds"),
        ({"corners": (2, 5)}, "corners"),
        ({"picture_scale": (2.0, 1.0)}, "picture_scale"),
        ({"blur_samples": 0}, "blur_samples"),
        ({"zoom": 0.9}, "zoom"),
        ({"rotation": 46.0}, "rotation"),
    ],
)
def test_ranges_that_cannot_be_are_refused(changed, said):
    with pytest.raises(UsageError, match=said):
        dataclasses.replace(SceneConfig(), **changed)


def test_steepness_is_the_slope_of_waves_that_all_add_up():
    """The steepest case: every wave at its largest amplitude, shortest length, and in phase."""
    config = SceneConfig(waves=3, wave_amplitude=0.2, wave_length=(0.5, 2.0))
    short = 40
    x = np.linspace(0, 2 * 20, 100_001)
    height = 3 * 0.2 * np.sin(2 * np.pi * x / (0.5 * short))
    assert config.steepness(short) == pytest.approx(np.gradient(height, x).max(), rel=1e-5)
    assert SceneConfig(waves=0).steepness(short) == 0


def test_the_named_ranges_fit_their_frames():
    """Waves of half a pixel per pixel may fold a picture over itself; the data sets' frames are far from it."""
    for config, size in (
        (scenes.TINY, builder.SIZE),
        (scenes.CAMERA, builder.SIZE),
        (scenes.FULL, (448, 576)),
    ):
        assert config.steepness(min(size)) < 0.5
    named = {entry.name.upper() for entry in builder.Builder.BUILDER_CONFIGS}
    assert all(isinstance(getattr(scenes, name), SceneConfig) for name in named)
    without = {"motion_blur_probability", "fog_probability", "brightness", "contrast", "noise"}
    changed = {
        field.name
        for field in dataclasses.fields(SceneConfig)
        if getattr(scenes.CAMERA, field.name) != getattr(scenes.TINY, field.name)
    }
    assert changed == without  # the camera alone differs, not the motion
