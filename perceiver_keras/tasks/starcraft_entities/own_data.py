"""The user's own records of units, and the settings that fit them."""

from __future__ import annotations

from typing import Any

from perceiver_keras.config_tree import Whole
from perceiver_keras.data.own import battles
from perceiver_keras.data.own.found import Found
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.contract.own_data import OwnData
from perceiver_keras.tasks.starcraft_entities.presets import StarcraftEntitiesConfig


def settings(found: Any, config: StarcraftEntitiesConfig) -> dict[str, Any]:
    """Units per record, the numbers of a unit, and thresholds over guesses.

    Raises:
      UsageError: it is a data set of TFDS's catalogue, which has no such records.
    """
    if not isinstance(found, Found):
        raise UsageError(
            f"--data {found.dataset}: TFDS has no such records; name a file or folder of JSON Lines."
        )
    measured = found.measured
    model: dict[str, Any] = {"max_entities": measured["rows"]}
    if measured["numbers"] != len(config.model.features):
        model["features"] = [f"feature_{number}" for number in range(measured["numbers"])]
    thresholds = {key: round(measured[key], 4) for key in ("target_accuracy", "winner_accuracy")}
    return {"model": model, "evaluate": {"thresholds": Whole(thresholds)}}


OWN_DATA = OwnData(look=battles.look, settings=settings)
