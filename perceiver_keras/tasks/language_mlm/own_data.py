"""The user's own texts to learn a language from, and the settings that fit them."""

from __future__ import annotations

from typing import Any

from perceiver_keras.config_tree import Whole
from perceiver_keras.data.own import documents
from perceiver_keras.tasks.contract.own_data import OwnData
from perceiver_keras.tasks.language_mlm.presets import LanguageMLMConfig


def settings(found: Any, config: LanguageMLMConfig) -> dict[str, Any]:
    """The gate's threshold: the share of the commonest byte, which naming it everywhere reaches.

    With other tokens than bytes it stays the preset's.
    """
    if config.data.sentencepiece is not None or "commonest" not in found.measured:
        return {}
    return {"evaluate": {"thresholds": Whole({"accuracy": round(found.measured["commonest"], 4)})}}


OWN_DATA = OwnData(look=documents.look, settings=settings)
