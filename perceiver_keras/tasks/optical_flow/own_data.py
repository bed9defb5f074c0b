"""The user's own pairs of frames with their flow, and the settings that fit them."""

from __future__ import annotations

from typing import Any

from perceiver_keras.config_tree import Whole
from perceiver_keras.data.own import catalogue, pairs
from perceiver_keras.tasks.contract.own_data import OwnData
from perceiver_keras.tasks.optical_flow.presets import OpticalFlowConfig


def settings(found: Any, config: OpticalFlowConfig) -> dict[str, Any]:
    """The gate's threshold: to be better than saying that nothing moves. Crops of any frames fit any model."""
    return {"evaluate": {"thresholds": Whole({"relative_aepe": 1.0})}}


def settings_of(config: OpticalFlowConfig) -> dict[str, Any]:
    """The splits of a TFDS data set that lacks one; raises `UsageError` if TFDS has no data set of that name."""
    builder = catalogue.opened(config.data)
    return {} if builder is None else {"data": catalogue.missing_splits(config.data, builder)}


OWN_DATA = OwnData(look=pairs.look, settings=settings)
