"""Scenes are drawn from their ranges, and a pair depends on its index alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from perceiver_keras.data.scenes import draw
from perceiver_keras.data.scenes.render import renderer
from perceiver_keras.errors import UsageError
from tests.data.scenes.small_scenes import HARD, SIZE, first_pairs, pairs, some_scenes


def test_layers_are_drawn_from_their_ranges():
    numbers = some_scenes(HARD, count=draw.BLOCK)
    present = np.array([number["present"].sum() for number in numbers])
    assert set(present) == {1, 2, 3}
    corners = np.concatenate([number["corners"] for number in numbers])  # [N, 2, V, 2]
    kinds = [len(np.unique(outline, axis=0)) for outline in corners[:, 0]]
    assert min(kinds) == 3 and max(kinds) == 8
    centre = np.concatenate([number["centre"] for number in numbers])
    far = np.linalg.norm(corners[:, 0] - centre[:, None], axis=-1)
    assert far.max() <= 0.6 * 20 * 1.001 and far.min() >= 0.25 * 20 * 0.5 * 0.999
    holes = np.ptp(corners[:, 1], axis=1).max(-1) > 1e-4
    assert 0.55 < holes.mean() < 0.85  # 0.7 of 192
    shift = np.concatenate([number["motion"][:, 2:4] for number in numbers])
    assert 1.3 < np.linalg.norm(shift, axis=-1).max() <= 1.6


def test_a_pair_depends_on_its_index_alone():
    config = dataclasses.replace(HARD, noise=0.05, fog_probability=0.5)
    first = pairs(config, count=70)  # more than are drawn at once
    others = [pairs(config, count=70, batch=7, num_parallel_calls=1), pairs(config, count=66)]
    for other in others:
        for one, two in zip(first, other, strict=False):
            for name in one:
                # Other batches may round a sum in another order: by one grey level at most.
                assert np.abs(one[name].astype(float) - two[name]).max() <= 1, name
    for one, two in zip(first, others[1], strict=False):
        assert all(np.array_equal(one[name], two[name]) for name in one)
    for one, two in zip(first, first_pairs(config), strict=False):
        for name in one:
            assert np.abs(one[name].astype(float) - two[name]).max() <= 1, name
    assert not np.array_equal(first[0]["frame1"], first[64]["frame1"])
    assert not np.array_equal(first[0]["frame1"], first_pairs(config, seed=6)[0]["frame1"])


def test_other_photographs_are_rendered_by_the_same_trace():
    config = dataclasses.replace(HARD, edge=0.75)  # of this test alone
    render = renderer(config, SIZE)
    for sizes in ([(9, 12)], [(40, 30), (8, 8), (16, 64)]):
        photographs = [np.full((*size, 3), 100, np.uint8) for size in sizes]
        (pair,) = draw.render_pairs(photographs, config, SIZE, 0, batch=2).take(1)
        assert pair["frame1"].shape == (*SIZE, 3)
        assert render.experimental_get_tracing_count() == 1


def test_waves_that_would_fold_a_picture_are_refused():
    with pytest.raises(UsageError, match="too steep"):
        pairs(dataclasses.replace(HARD, wave_amplitude=5.0))


def test_photographs_that_cannot_be_are_refused():
    with pytest.raises(UsageError, match="no photographs"):
        draw.render_pairs([], HARD, SIZE, 0)
    with pytest.raises(UsageError, match=r"A photograph is \(9, 9\)"):
        draw.render_pairs([np.zeros((9, 9), np.uint8)], HARD, SIZE, 0)
