"""Batch sizes for the memory that is free."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.config_tree import override
from perceiver_keras.errors import PerceiverError
from perceiver_keras.tasks import registry
from perceiver_keras.training import fit_memory
from perceiver_keras.training.fit_memory import Most, largest, limits, settle
from perceiver_keras.training.free_memory import GIB, MIB, Free

TASK = registry.get("image_classification")
CONFIG = override(TASK.preset("tiny").config, "model.process.num_self_attention_layers=1")
AUTO = override(CONFIG, "data.batch_size=auto", "evaluate.batch_size=auto")


@given(st.integers(1, 5000), st.integers(0, 5000))
def test_the_largest_size_is_the_limit_or_a_power_of_two(most, room):
    found = largest(lambda size: size <= room, most)
    sizes = {most, *(1 << n for n in range(13))}
    assert found == max([size for size in sizes if size <= min(room, most)], default=0)


def test_plenty_takes_the_limits_and_keeps_them(tmp_path):
    said: list[str] = []
    plenty = Free(64 * GIB, "this machine")
    config = settle(TASK, AUTO, most=Most(48, 200), folder=tmp_path, say=said.append, free=plenty)
    assert (config.data.batch_size, config.evaluate.batch_size) == (48, 200)
    assert dataclasses.replace(config, data=CONFIG.data, evaluate=CONFIG.evaluate) == CONFIG
    assert "data.batch_size=48" in said[0] and "64.0 GiB" in said[0]

    # A run that continues keeps its sizes, whatever is free by then.
    little = Free(300 * MIB, "this machine")
    assert settle(TASK, AUTO, most=Most(48, 200), folder=tmp_path, free=little) == config
    kept = json.loads((tmp_path / fit_memory.FILE).read_text())
    assert kept["data.batch_size"] == 48
    # Another model is not that run.
    other = override(AUTO, "model.encode.num_latents=5")
    assert settle(TASK, other, most=Most(8, 8), folder=tmp_path, free=plenty).data.batch_size == 8
    other = override(other, "train.recompute=true")
    assert settle(TASK, other, most=Most(9, 9), folder=tmp_path, free=plenty).data.batch_size == 9


def test_little_memory_means_small_batches_and_says_how_to_keep_the_effective_one():
    said: list[str] = []
    tight = Free(400 * MIB, "this container")
    config = settle(TASK, AUTO, most=Most(4096, 8192), say=said.append, free=tight)
    size = config.data.batch_size
    assert 1 <= size < 4096 and size & (size - 1) == 0
    assert f"train.gradient_accumulation={4096 // size}" in said[0] and "container" in said[0]
    assert config.evaluate.batch_size > size  # no gradient


def test_weights_that_do_not_fit_are_an_error_that_says_so():
    with pytest.raises(PerceiverError, match="weights, gradients and the optimizer alone"):
        settle(TASK, AUTO, most=Most(64, 64), free=Free(MIB, "this machine"))


def test_numbers_stay():
    assert settle(TASK, CONFIG, most=Most(1, 1)) is CONFIG


def test_limits_are_the_presets_and_the_examples():
    assert limits([AUTO, CONFIG], 40, None) == Most(40, 256)
    assert limits([CONFIG], 1000, 1000) == Most(64, 256)
    assert limits([AUTO], None, 7) == Most(None, 7)
