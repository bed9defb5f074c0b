"""A stored text to ({"ids" int32 [M], "mask" bool [M]}, targets int32 [M], -1 where nothing was masked)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from perceiver_keras.autograph import unconverted
from perceiver_keras.data.described.kinds import Kind
from perceiver_keras.data.text import masking
from perceiver_keras.tasks.contract.examples import Examples, Labels
from perceiver_keras.tasks.language_mlm.own_data import OWN_DATA
from perceiver_keras.tasks.language_mlm.presets import LanguageMLMConfig
from perceiver_keras.tasks.shared.tokens import VOCABULARY, check_tokens, tokenizer_of


def spec(config: LanguageMLMConfig) -> dict[str, Any]:
    return {"text": tf.io.FixedLenFeature([], tf.string)}


def check(features: Mapping[str, Any], config: LanguageMLMConfig) -> str | None:
    """Why a stored example can't be used, or None. Any bytes are a text, and so is the empty string."""
    return None if features.get("text") else "feature 'text' is missing"


def check_dataset(labels: Labels | None, config: LanguageMLMConfig) -> None:
    check_tokens(config)


@unconverted
def prepare(
    features: Mapping[str, tf.Tensor], config: LanguageMLMConfig, training: bool, seed: tf.Tensor
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """A crop of the text with masks: {"ids" int32 [M], "mask" bool [M]}, targets int32 [M], -1 where not masked.

    Several texts [n] are first joined, with an empty line between them. Outside training, the crop and the masks are
    determined by the text itself, not by the seed.
    """
    data = config.data
    rate = data.mask_rate
    if training and data.train_mask_rate is not None:
        rate = data.train_mask_rate
    return masking.mask_text(
        tf.strings.reduce_join(features["text"], separator="\n\n"),
        tokenizer_of(config),
        config.model.length,
        data.masking,
        rate,
        seed if training else None,
    )


def kinds(config: LanguageMLMConfig) -> dict[str, Kind]:
    return {"text": "text"}


EXAMPLES = Examples(
    spec=spec,
    label_key=None,
    check=check,
    check_dataset=check_dataset,
    prepare=prepare,
    kinds=kinds,
    vocabulary=VOCABULARY,
    own_data=OWN_DATA,
)
