"""From a stored set of units to ({"entities": [E, F], "mask": [E]}, {"target": [], "won": []})."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from perceiver_keras.autograph import unconverted
from perceiver_keras.data.described.kinds import Kind
from perceiver_keras.tasks.contract.examples import Examples, Labels
from perceiver_keras.tasks.starcraft_entities.own_data import OWN_DATA
from perceiver_keras.tasks.starcraft_entities.presets import StarcraftEntitiesConfig


def spec(config: StarcraftEntitiesConfig) -> dict[str, Any]:
    m = config.model
    return {
        "entities": tf.io.FixedLenFeature([m.max_entities, len(m.features)], tf.float32),
        "mask": tf.io.FixedLenFeature([m.max_entities], tf.int64),
        "label": tf.io.FixedLenFeature([2], tf.int64),  # the target's row; whether the side wins
    }


def check(features: Mapping[str, Any], config: StarcraftEntitiesConfig) -> str | None:
    """Why a stored example can't be used; None if it can."""
    m = config.model
    sizes = {"entities": m.max_entities * len(m.features), "mask": m.max_entities, "label": 2}
    for name, size in sizes.items():
        if len(features.get(name) or ()) != size:
            return f"feature {name!r} has {len(features.get(name) or ())} numbers, not {size}"
    if not all(map(math.isfinite, features["entities"])):
        return "feature 'entities' has numbers that are not finite"
    target, won = features["label"]
    if not 0 <= target < m.max_entities or not features["mask"][target]:
        return f"label: row {target} holds no entity to be the target"
    return None if won in (0, 1) else f"label: the outcome is {won}; expected 0 or 1"


def check_dataset(labels: Labels | None, config: StarcraftEntitiesConfig) -> None:
    """Nothing to check: targets and outcomes have no names."""


@unconverted
def prepare(
    features: Mapping[str, tf.Tensor],
    config: StarcraftEntitiesConfig,
    training: bool,
    seed: tf.Tensor,
) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor] | None]:
    """The features as they are; "target" is the row of the chosen unit, "won" is 0 or 1, both int64 []."""
    inputs = {"entities": features["entities"], "mask": features["mask"]}
    if "label" not in features:
        return inputs, None
    label = features["label"]
    return inputs, {"target": label[0], "won": label[1]}


def kinds(config: StarcraftEntitiesConfig) -> dict[str, Kind]:
    return {"entities": "entities", "mask": "mask", "label": "choice"}


def names(config: StarcraftEntitiesConfig) -> dict[str, tuple[str, ...]]:
    return {"entities": config.model.features}


EXAMPLES = Examples(
    spec=spec,
    label_key="label",
    check=check,
    check_dataset=check_dataset,
    prepare=prepare,
    kinds=kinds,
    names=names,
    own_data=OWN_DATA,
)
