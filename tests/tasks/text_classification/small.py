"""Text classifiers of 16 bytes: shared by the tests of this folder."""

from __future__ import annotations

from typing import Any

from tensorflow import keras

from perceiver_keras.config_tree import override, to_json
from perceiver_keras.tasks.text_classification import TASK
from perceiver_keras.tasks.text_classification.presets import PRESETS

CONFIG = override(
    PRESETS["tiny"].config,
    *("data.crop=start", "data.token_dropout=0"),
    *("model.channels=8", "model.query_dim=8", "model.length=16", "model.num_classes=3"),
    *("model.encode.num_latents=4", "model.encode.latent_dim=16", "model.encode.qk_dim=8"),
    *("model.encode.v_dim=8", "model.process.num_self_attention_layers=1"),
    *("model.decode.qk_dim=8", "model.decode.v_dim=8"),
)
PAIRS = override(CONFIG, "data.text2=text2")
NUMBERS = override(
    *(CONFIG, "model.num_classes=1", "data.label_type=float32"),
    *("model.number_mean=100", "model.number_std=50"),
)
LABELS = ["bad", "good", "neither"]


_MODELS: dict[str, Any] = {}


def small_model(config: Any = CONFIG) -> Any:
    """The model of a configuration, always with the same weights."""
    key = to_json(config)
    if key not in _MODELS:
        _MODELS[key] = _built(config)
    return _MODELS[key]


def _built(config: Any) -> Any:
    keras.utils.set_random_seed(1)
    model = TASK.build(config).build_all()
    model.task_config = config
    model.labels = LABELS if config.model.num_classes == 3 else None
    return model
