"""A tagger of windows of 8 bytes: shared by the tests of this folder."""

from __future__ import annotations

import functools
from typing import Any

from tensorflow import keras

from perceiver_keras.config_tree import override
from perceiver_keras.tasks.token_classification import TASK
from perceiver_keras.tasks.token_classification.presets import PRESETS

CONFIG = override(
    PRESETS["tiny"].config,
    *("model.channels=8", "model.query_dim=8", "model.length=8"),
    *("model.encode.num_latents=4", "model.encode.latent_dim=16", "model.encode.qk_dim=8"),
    *("model.encode.v_dim=8", "model.process.num_self_attention_layers=1"),
    *("model.decode.qk_dim=8", "model.decode.v_dim=8"),
)


@functools.cache
def small_model() -> Any:
    keras.utils.set_random_seed(1)
    model = TASK.build(CONFIG).build_all()
    model.task_config = CONFIG
    return model
