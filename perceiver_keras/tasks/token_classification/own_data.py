"""The user's own tagged texts, and the settings that fit them."""

from __future__ import annotations

from typing import Any

from perceiver_keras.config_tree import Whole
from perceiver_keras.data.own import tagged
from perceiver_keras.data.own.found import Found
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.contract.own_data import OwnData
from perceiver_keras.tasks.token_classification.presets import TokenClassificationConfig


def settings(found: Any, config: TokenClassificationConfig) -> dict[str, Any]:
    """The tags, and a threshold: the share of bytes that have the commonest tag.

    Raises:
      UsageError: it is a data set of TFDS's catalogue, whose examples are not stored with a tag per byte.
    """
    if not isinstance(found, Found):
        raise UsageError(
            f"--data {found.dataset}: TFDS's data sets of tokens are not stored with a tag for every byte; write it "
            "as JSON Lines of tokens and tags, and name that file."
        )
    return {
        "model": {"tags": list(found.measured["tags"])},
        "evaluate": {"thresholds": Whole({"accuracy": round(found.measured["commonest"], 4)})},
    }


OWN_DATA = OwnData(look=tagged.look, settings=settings)
