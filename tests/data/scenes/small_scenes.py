"""Small scenes of smooth photographs: what the tests of drawing and of rendering share."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from perceiver_keras.data.scenes import draw, render
from perceiver_keras.data.scenes.config import SceneConfig

SIZE = (20, 28)
HARD = SceneConfig(edge=0.0, foregrounds=(1, 3), hole_probability=0.7, picture_scale=(0.8, 1.3))
FAST = dataclasses.replace(
    HARD, translation=6.0, rotation=12.0, zoom=0.1, wave_amplitude=0.4, waves=3, wave_length=(1, 2)
)


def smooth(rows=90, columns=120, seed=0):
    """A photograph without fine detail, so that bilinear interpolation is nearly exact."""
    dice = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns] * np.pi
    # Even about the borders: smooth where the renderer goes on mirrored.
    waves = [
        np.cos(a * x / (columns - 1)) * np.cos(b * y / (rows - 1))
        for a, b in dice.integers(1, 4, (3, 2))
    ]
    return np.rint(128 + 60 * np.stack(waves, -1)).astype(np.uint8)


def drawn_and_rendered(config, seed, count):
    """The numbers of the first scenes, and what the renderer makes of them."""
    atlas = render.make_atlas([smooth(), smooth(seed=1)], config.picture_scale[1])
    numbers = draw.draw_scenes(atlas, config, SIZE, tf.constant([seed, 0], tf.int64))
    numbers = {name: value[:count] for name, value in numbers.items()}
    return numbers, render.renderer(config, SIZE)(atlas, numbers)


def some_scenes(config, seed=3, count=8):
    """A dictionary per scene: its numbers and, as `out_NAME`, what the renderer makes of them."""
    numbers, rendered = drawn_and_rendered(config, seed, count)
    return [
        {name: value[k].numpy() for name, value in numbers.items()}
        | {f"out_{name}": value[k].numpy() for name, value in rendered.items()}
        for k in range(count)
    ]


def pairs(config, seed=5, count=6, **options):
    photographs = [smooth(), smooth(seed=1)]
    found = draw.render_pairs(photographs, config, SIZE, seed, **options).take(count)
    return list(found.as_numpy_iterator())


def first_pairs(config, seed=5, count=6):
    """The first of `pairs` without a dataset, whose graph takes seconds to build."""
    _, rendered = drawn_and_rendered(config, seed, count)
    found = []
    for index in range(count):
        pair = {name: value[index] for name, value in rendered.items()}
        seeds = tf.constant([seed, index], tf.int64)
        found.append(render.round_frames(pair, seeds, noise=config.noise > 0))
    return [{name: value.numpy() for name, value in pair.items()} for pair in found]
