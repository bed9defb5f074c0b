"""The user's own texts with classes or numbers, and the settings that fit them."""

from __future__ import annotations

from typing import Any

from perceiver_keras.config_tree import Whole
from perceiver_keras.data.own import texts
from perceiver_keras.data.own.found import Found
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.contract.own_data import OwnData
from perceiver_keras.tasks.shared.labels import trivial_accuracy
from perceiver_keras.tasks.text_classification.presets import TextClassificationConfig

SMALL = 512  # tokens; models of more are made for long texts, and keep their length
STEP = 64
LEAST_PEARSON = 0.1  # naming one number for all does not correlate


def settings(found: Any, config: TextClassificationConfig) -> dict[str, Any]:
    """Classes or the numbers' mean and spread, the length of a small model, and a threshold over the trivial guess.

    Raises:
      UsageError: the configuration wants numbers, and the labels are names.
    """
    if not isinstance(found, Found):
        return {}  # `columns.settings_of` reads them from the data set
    measured = found.measured
    data: dict[str, Any] = {"text": "text", "label": "label"}
    if measured["pairs"]:
        data["text2"] = "text2"
    if found.labels is None:
        std = measured["std"] if measured["std"] > 0 else 1.0
        model = {
            "num_classes": 1,
            "number_mean": round(measured["mean"], 6),
            "number_std": round(std, 6),
        }
        thresholds = {"pearson": LEAST_PEARSON}
        data["label_type"] = "float32"
    elif config.model.num_classes == 1:
        some = ", ".join(found.labels[:3])
        raise UsageError(
            f"{found.place.given}: its labels are not numbers ({some}), which model.num_classes=1 is for. "
            "Leave that out, or name another column with data.label."
        )
    else:
        model = {"num_classes": len(found.labels)}
        thresholds = {"accuracy": trivial_accuracy(found)}
    length = config.model.length
    if length <= SMALL and config.data.sentencepiece is None:
        wanted = -(-(measured["most_bytes"] + 3 * measured["pairs"]) // STEP) * STEP
        model["length"] = min(max(wanted, length), SMALL)
    return {"data": data, "model": model, "evaluate": {"thresholds": Whole(thresholds)}}


def options(config: TextClassificationConfig) -> dict[str, Any]:
    """How the user's files are read; a model that answers with a number takes whole numbers as such, not as classes."""
    found = {key: getattr(config.data, key) for key in ("text", "text2", "label", "label_type")}
    return found | ({"label_type": "float32"} if config.model.num_classes == 1 else {})


OWN_DATA = OwnData(look=texts.look, settings=settings, options=options)
