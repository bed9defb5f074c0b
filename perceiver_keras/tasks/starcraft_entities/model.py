"""The encoder of sets of game units (paper, section 4.4).

Inputs: {"entities": [B, E, F] float32, "mask": [B, E], 1 for a unit}; outputs "embeddings" [B, E, C], "pooled" [B, C],
"pointer" [B, E], the probability of each unit to be the target of the acting one, and "winning" [B], a logit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.postprocess.entities import EntitiesPostprocess
from perceiver_keras.preprocess.entities import EntitiesPreprocess
from perceiver_keras.query import InputQuery
from perceiver_keras.tasks.model import TaskModel
from perceiver_keras.tasks.shared.inputs import answer_each
from perceiver_keras.tasks.starcraft_entities.presets import EntityEncoderConfig


@keras.saving.register_keras_serializable(package="perceiver_keras")
class EntityEncoder(TaskModel):
    """Perceiver IO for sets of entities: each entity is an input element and a query for its own output."""

    task_name = "starcraft_entities"
    takes_transformer = True
    config_class = EntityEncoderConfig

    def __init__(self, config: EntityEncoderConfig, **kwargs: Any):
        super().__init__(
            config,
            preprocess=EntitiesPreprocess(channels=config.channels, name="preprocess"),
            query=InputQuery(name="query"),
            postprocess=EntitiesPostprocess(
                pooled_dim=config.decode.output_dim, name="postprocess"
            ),
            **kwargs,
        )

    def check_inputs(self, inputs: Any) -> None:
        if isinstance(inputs, Mapping) and hasattr(inputs.get("entities"), "shape"):
            self._check_width(inputs["entities"].shape[-1])
        super().check_inputs(inputs)

    @unconverted
    def call(self, inputs: Any, mask: tf.Tensor | None = None, **kwargs: Any) -> Any:
        if isinstance(inputs, Mapping):
            mask = inputs["mask"]
        mask = None if mask is None else tf.cast(mask, tf.bool)
        return super().call({"entities": inputs["entities"], "mask": mask}, mask=mask, **kwargs)

    def symbolic_inputs(self) -> Any:
        m = self.config
        return {
            "entities": keras.Input([m.max_entities, len(m.features)], name="entities"),
            "mask": keras.Input([m.max_entities], name="mask", dtype=tf.int64),
        }

    def encode_entities(self, sets: Sequence[Any]) -> list[dict[str, Any]]:
        """The embeddings of each set's entities, its target and its chance to win.

        Args:
          sets: Each is an array [E, F], nested lists, or {"entities": [E, F]} as in the files that `predict` reads. One
            set alone is answered alone.

        Returns:
          For each set {"embeddings": float32 [E, C], "pooled": [C], "pointer": [E], "winning": probability}.

        Raises:
          PerceiverError: one of them is not a set. UsageError: the model is not from `from_preset` or `load`.
        """
        takes = "a set of entities: an array [E, F], a list of rows of numbers, or a mapping with it as entities"
        return answer_each(sets, is_set, takes, self._encode_each)

    def _encode_each(self, sets: list[Any]) -> list[dict[str, Any]]:
        found = []
        for one in sets:
            outputs = self.serve_contents([as_set(one)])
            found.append({name: value[0] for name, value in outputs.items()})
        return found

    def _check_width(self, width: int | None) -> None:
        features = self.config.features
        if width not in (None, len(features)):
            raise UsageError(
                f"A set of entities is a list of rows of {len(features)} numbers ({', '.join(features)}), got rows of "
                f"{width}."
            )


def is_set(value: Any) -> bool:
    """Whether it is meant as one set: a mapping, an array of two dimensions, or a list of lists of numbers."""
    if isinstance(value, (Mapping, np.ndarray)):
        return isinstance(value, Mapping) or value.ndim in (1, 2)
    row = value[0] if isinstance(value, (list, tuple)) and value else None
    if isinstance(row, np.ndarray):
        return row.ndim == 1
    inside = row[0] if isinstance(row, (list, tuple)) and row else None
    return isinstance(inside, (int, float, np.number))


def as_set(one: Any) -> np.ndarray:
    """float32 [E, F] from an array, nested lists, or {"entities": …, "mask": …}, whose mask drops rows.

    Raises:
      PerceiverError: it is none of these, or has no entity.
    """
    given = one if isinstance(one, Mapping) else {"entities": one}
    try:
        rows = np.asarray(given["entities"], np.float32)
        mask = np.asarray(given.get("mask", np.ones(len(rows))), bool)
        if rows.ndim != 2 or not mask.any():
            raise ValueError(f"an array of shape {list(rows.shape)}")
        if not np.isfinite(rows[mask]).all():
            raise ValueError("a value is infinite or not a number")
        return rows[mask]
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise PerceiverError(
            f"A set of entities is a list of rows of numbers, or an object with it as entities: {error}."
        ) from None
