"""Image files in, labels out; pictures for the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.tasks.contract.asking import Asking, Verdicts
from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.image_classification.presets import ImageClassificationConfig
from perceiver_keras.tasks.shared.inputs import numbered
from perceiver_keras.tasks.shared.labels import class_names, top_labels
from perceiver_keras.tasks.shared.pictures import is_picture, to_bytes


def pack(contents: Sequence[Any]) -> dict[str, Any]:
    """Pictures of any kind as `serving_default` takes them; raises `UsageError` for what is not one."""
    names = numbered("picture", len(contents))
    encoded = [to_bytes(one, name) for one, name in zip(contents, names, strict=True)]
    return {"image_bytes": np.array(encoded, dtype=object)}


def report(
    model: keras.Model,
    inputs: tf.Tensor,
    targets: tf.Tensor,
    config: ImageClassificationConfig,
    labels: Labels | None,
) -> dict[str, Any]:
    """Pictures for the report: predictions, the confusion matrix, what the latents attend to."""
    from perceiver_keras.show import attention, classification

    names = class_names(labels, config.model.num_classes)
    logits, maps = model(inputs, training=False, return_attention=True)
    probabilities = tf.nn.softmax(logits).numpy()
    pictures = np.asarray(inputs) * config.data.std + config.data.mean  # 0 to 255
    truth = targets.numpy()
    found = {
        "Right and wrong": classification.prediction_grid(pictures, truth, probabilities, names),
        "Confusion matrix": classification.confusion_matrix(truth, probabilities, names),
    }
    if "encode" in maps:  # a Transformer has no latents
        found["What the latents attend to"] = attention.attention_over_pictures(
            pictures, maps["encode"].numpy()
        )
    return found


def verdicts(
    model: keras.Model, inputs: tf.Tensor, targets: tf.Tensor, config: ImageClassificationConfig
) -> Verdicts:
    pictures = np.asarray(inputs)
    probabilities = tf.nn.softmax(model.predict_on_batch(inputs)).numpy()
    return Verdicts(
        truth=targets.numpy(), probabilities=probabilities, example=lambda row: pictures[row]
    )


ASKING = Asking(
    pack=pack,
    content=lambda value: value if is_picture(value) else None,
    answers=top_labels,
    report=report,
    verdicts=verdicts,
)
