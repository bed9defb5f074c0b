"""A stored sentence or pair to ({"ids", "mask", "task"}, targets float32 [3])."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from perceiver_keras.autograph import unconverted
from perceiver_keras.data.described.kinds import Kind
from perceiver_keras.data.text.glue import TASKS, task_named
from perceiver_keras.errors import UsageError
from perceiver_keras.metrics.agreement import PLACES_MOST
from perceiver_keras.tasks.contract.examples import Examples, Labels
from perceiver_keras.tasks.glue.model import NAMES
from perceiver_keras.tasks.glue.presets import GlueTaskConfig, settings_of
from perceiver_keras.tasks.shared.text_pairs import join
from perceiver_keras.tasks.shared.tokens import VOCABULARY, tokenizer_of


def spec(config: GlueTaskConfig) -> dict[str, Any]:
    return {
        "task": tf.io.FixedLenFeature([], tf.string),
        "sentence1": tf.io.FixedLenFeature([], tf.string),
        "sentence2": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.float32),
        "idx": tf.io.FixedLenFeature([], tf.int64),
    }


def check(features: Mapping[str, Any], config: GlueTaskConfig) -> str | None:
    """Why a stored example can't be used, or None."""
    for name in spec(config):
        if not features.get(name):
            return f"feature {name!r} is missing"
    name, label, place = (features[key][0] for key in ("task", "label", "idx"))
    name = name.decode("utf-8", "replace") if isinstance(name, bytes) else name
    if name not in NAMES:
        return f"GLUE has no task {name!r}"
    row = task_named(name)
    if (row.head or name) not in config.model.tasks:
        return f"task {name!r} is not among model.tasks ({', '.join(config.model.tasks)})"
    if label == -1:
        return "label is -1, as in GLUE's test splits, whose answers only its server has; take `validation`"
    if row.labels and (label != int(label) or not 0 <= label < row.classes):
        return f"label {label:g} of {name} is not in 0 to {row.classes - 1}"
    if not row.labels and not row.low <= label <= row.high:
        return f"label {label:g} of {name} is not in {row.low:g} to {row.high:g}"
    if not 0 <= place < (PLACES_MOST if "spearman" in row.metrics else 1 << 24):
        return f"idx {place} of {name} is out of bounds"
    return None


def check_dataset(labels: Labels | None, config: GlueTaskConfig) -> None:
    if config.data.sentencepiece == "train":
        raise UsageError(
            "data.sentencepiece: name the file that the language model was trained with."
        )
    tokenizer_of(config)
    rows = [task_named(name) for name in config.model.tasks]
    for row in rows:
        if row.head:
            raise UsageError(f"model.tasks: {row.name} is answered by {row.head}; name that.")
    if not rows or len(set(rows)) < len(rows):
        raise UsageError("model.tasks: name each task once, and at least one.")
    for name in config.data.task_weights:
        task_named(name)


@unconverted
def prepare(
    features: Mapping[str, tf.Tensor], config: GlueTaskConfig, training: bool, seed: tf.Tensor
) -> tuple[dict[str, tf.Tensor], tf.Tensor | None]:
    """One example to the model's inputs and float32 [3]: the task's number, the label, the place in the data set."""
    inputs, _ = to_inputs(features["task"], features["sentence1"], features["sentence2"], config)
    label = features.get("label")
    if label is None:
        return inputs, None
    if training:
        hint = "a label of -1 is not an answer: GLUE's test splits can't be trained on"
        tf.debugging.assert_greater(label, -1.0, message=hint)
    return inputs, tf.stack(
        [tf.cast(x, tf.float32) for x in (inputs["task"], label, features["idx"])]
    )


def to_inputs(
    task: tf.Tensor, first: tf.Tensor, second: tf.Tensor, config: GlueTaskConfig
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """Strings [] to {"ids" int32 [M], "mask" bool [M], "task" int32 []}, and the number of ids that did not fit.

    SEP stands between the sentences; see `text_pairs.join`.
    """
    encoded = join(first, second, tokenizer_of(config), config.model.length)
    with tf.control_dependencies([check_trained(task[None], config)]):
        number = tf.argmax(tf.equal(task, tf.constant(NAMES)), output_type=tf.int32)
    return {"ids": encoded.ids, "mask": encoded.mask, "task": number}, encoded.cut


def check_trained(names: tf.Tensor, config: GlueTaskConfig) -> tf.Operation:
    """An operation that fails if any of the tasks' names [B] is not one that the model was trained for."""
    trained = [row.name for row in TASKS if (row.head or row.name) in config.model.tasks]
    words = f"This model was trained for {', '.join(trained)}, but was asked for:"
    known = tf.reduce_any(tf.equal(names[:, None], tf.constant(trained)), axis=1)
    return tf.debugging.Assert(tf.reduce_all(known), [words, names[~known]])


def batch_of(
    task: tf.Tensor, first: tf.Tensor, second: tf.Tensor, config: GlueTaskConfig
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """`to_inputs`, for strings [B]."""
    length = config.model.length
    return tf.map_fn(
        lambda strings: to_inputs(*strings, config),
        (task, first, second),
        fn_output_signature=(
            {
                "ids": tf.TensorSpec([length], tf.int32),
                "mask": tf.TensorSpec([length], tf.bool),
                "task": tf.TensorSpec([], tf.int32),
            },
            tf.TensorSpec([], tf.int32),
        ),
    )


def kinds(config: GlueTaskConfig) -> dict[str, Kind]:
    """Labels are numbers where a task's are scores."""
    classes = all(task_named(name).labels for name in config.model.tasks)
    return {
        "task": "category",
        "sentence1": "text",
        "sentence2": "text",
        "label": "label" if classes else "number",
    }


EXAMPLES = Examples(
    spec=spec,
    label_key="label",
    check=check,
    check_dataset=check_dataset,
    prepare=prepare,
    kinds=kinds,
    vocabulary=VOCABULARY,
    settings_of=settings_of,
)
