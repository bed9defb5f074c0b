"""GLUE, single-task and multi-task (paper, section 4.1 and App. F.4): the seven stages, top to bottom.

Inputs {"ids" [B, M], "mask" [B, M], "task" [B]}; outputs [B, 1 + K] float32: the number of the task, then its logits
or its score, 0 where the task has fewer than K classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.agreement import GROUP, LABEL, PLACES_MOST, PREDICTION, Agreement, Statistic
from perceiver_keras.data.glue import TASKS, GlueTask, task_named
from perceiver_keras.data.text import SEP, fit
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import glue_requests
from perceiver_keras.tasks.glue_model import HALF, IS_SCORE, NAMES, GlueModel, outputs_of
from perceiver_keras.tasks.glue_presets import PRESETS, GlueTaskConfig
from perceiver_keras.tasks.language_tokens import resources, tokenizer_of
from perceiver_keras.tasks.task import Labels, Task

# === Data: one stored example -> (ids of both sentences and the task, what is right) ===


def feature_spec(config: GlueTaskConfig) -> dict[str, Any]:
    return {
        "task": tf.io.FixedLenFeature([], tf.string),
        "sentence1": tf.io.FixedLenFeature([], tf.string),
        "sentence2": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.float32),
        "idx": tf.io.FixedLenFeature([], tf.int64),
    }


def check(features: Mapping[str, Any], config: GlueTaskConfig) -> str | None:
    """Why a stored example can't be used, or None."""
    for name in feature_spec(config):
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
    if not 0 <= place < (PLACES_MOST if "spearman" in row.figures else 1 << 24):
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


def prepare(
    features: Mapping[str, tf.Tensor], config: GlueTaskConfig, training: bool, seed: tf.Tensor
) -> tuple[dict[str, tf.Tensor], tf.Tensor | None]:
    """The model's inputs of one example, and the targets, float32 [3]: task number, label, place in the data set."""
    inputs, _ = to_inputs(features["task"], features["sentence1"], features["sentence2"], config)
    label = features.get("label")
    if label is None:
        return inputs, None
    if training:
        hint = "a label of -1 is no answer: GLUE's test splits can't be trained on"
        tf.debugging.assert_greater(label, -1.0, message=hint)
    return inputs, tf.stack(
        [tf.cast(x, tf.float32) for x in (inputs["task"], label, features["idx"])]
    )


def to_inputs(
    task: tf.Tensor, first: tf.Tensor, second: tf.Tensor, config: GlueTaskConfig
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """Strings [] as {"ids" int32 [M], "mask" bool [M], "task" int32 []}, and how many ids did not fit, int32 [].

    The sentences stand to the left and right of SEP. Where both are too long each gets half; a short one leaves its
    part to the other.
    """
    room = config.model.length - 1
    both = tokenizer_of(config).encode(tf.stack([first, second]), specials=False)
    left, right = both[0], both[1]
    kept = tf.minimum(tf.size(left), tf.maximum(room - tf.size(right), (room + 1) // 2))
    ids = tf.concat([left[:kept], [SEP], right[: room - kept]], 0)
    encoded = fit(ids, config.model.length)
    cut = tf.size(left) + tf.size(right) + 1 - tf.size(ids)
    with tf.control_dependencies([check_trained(task[None], config)]):
        number = tf.argmax(tf.equal(task, tf.constant(NAMES)), output_type=tf.int32)
    return {"ids": encoded.ids, "mask": encoded.mask, "task": number}, cut


def check_trained(names: tf.Tensor, config: GlueTaskConfig) -> tf.Operation:
    """Fails where one of the tasks' names [B] is not what the model was trained for."""
    trained = [row.name for row in TASKS if (row.head or row.name) in config.model.tasks]
    words = f"This model was trained for {', '.join(trained)}, and asked for:"
    known = tf.reduce_any(tf.equal(names[:, None], tf.constant(trained)), axis=1)
    return tf.debugging.Assert(tf.reduce_all(known), [words, names[~known]])


def batch_of(
    task: tf.Tensor, first: tf.Tensor, second: tf.Tensor, config: GlueTaskConfig
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """`to_inputs` of strings [B]."""
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


# === Preprocess, encode, process, decode, postprocess: `glue_model.GlueModel` ===


# === Loss and metrics ===


@keras.saving.register_keras_serializable(package="perceiver_keras")
class GlueLoss(keras.losses.Loss):
    """Cross-entropy of classes in nats; of a score the squared error in units of half its range.

    Args:
      task_weights: What each task's loss is multiplied by, by name.
      label_smoothing: Of classes.

    Call: targets [B, 3], outputs [B, 1 + K] -> [B] float32, 0 where there is no label.
    """

    def __init__(
        self,
        task_weights: Mapping[str, float] | None = None,
        label_smoothing: float = 0.0,
        name: str = "glue_loss",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.task_weights, self.label_smoothing = dict(task_weights or {}), label_smoothing

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        task, label, outputs = tf.cast(y_true[:, 0], tf.int32), y_true[:, 1], y_pred[:, 1:]
        valid = outputs_of(task, outputs.shape[-1])
        logs = tf.nn.log_softmax(tf.where(valid, outputs, -1e9))
        right = tf.one_hot(tf.cast(label, tf.int32), outputs.shape[-1])
        evenly = tf.cast(valid, tf.float32) / tf.reduce_sum(
            tf.cast(valid, tf.float32), 1, keepdims=True
        )
        wanted = (1 - self.label_smoothing) * right + self.label_smoothing * evenly
        surprise = -tf.reduce_sum(tf.where(valid, wanted * logs, 0.0), axis=1)
        error = tf.square((outputs[:, 0] - label) / tf.gather(HALF, task))
        weights = tf.constant([self.task_weights.get(name, 1.0) for name in NAMES])
        loss = tf.where(tf.gather(IS_SCORE, task), error, surprise) * tf.gather(weights, task)
        return tf.where(label > -1, loss, 0.0)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "task_weights": self.task_weights,
            "label_smoothing": self.label_smoothing,
        }


def loss(config: GlueTaskConfig) -> keras.losses.Loss:
    return GlueLoss(config.data.task_weights, config.train.label_smoothing)


def columns(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """[B, 4]: the task's number, the label, what was predicted (a class or a score), the place in the data set."""
    task, own = tf.cast(targets[:, 0], tf.int32), tf.cast(outputs[:, 1:], tf.float32)
    best = tf.argmax(tf.where(outputs_of(task, own.shape[-1]), own, -float("inf")), axis=1)
    said = tf.where(tf.gather(IS_SCORE, task), own[:, 0], tf.cast(best, tf.float32))
    targets = tf.cast(targets, tf.float32)
    return tf.stack([targets[:, 0], targets[:, 1], said, targets[:, 2]], axis=1)


def metrics(config: GlueTaskConfig) -> list[keras.metrics.Metric]:
    return _metrics(config, columns)


def _metrics(config: GlueTaskConfig, of: Any) -> list[keras.metrics.Metric]:
    """The official figures of each task, and the mean of the first of each as in the paper's Tab. 14."""
    rows = judged(config)
    found = [
        Agreement([Statistic(kind=kind, group=row.number)], f"{row.name}_{kind}", columns=of)
        for row in rows
        for kind in row.figures
    ]
    counted = [row for row in rows if row.in_average] or rows
    mean = [
        # MNLI's two sets count as one.
        Statistic(
            kind=row.figures[0],
            group=row.number,
            weight=1
            / sum((other.head or other.name) == (row.head or row.name) for other in counted),
        )
        for row in counted
    ]
    return [Agreement(mean, "glue_average", columns=of), *found]


def judged(config: GlueTaskConfig) -> list[GlueTask]:
    """The rows that have figures: the model's tasks, and MNLI's second set where the data has it."""
    rows = [row for row in TASKS if row.name in config.model.tasks]
    if "mnli" in config.model.tasks and config.data.mismatched:
        rows.append(task_named("mnli_mismatched"))
    return rows


def figures(outputs: tf.Tensor, targets: tf.Tensor, config: GlueTaskConfig) -> dict[str, tf.Tensor]:
    return {"columns": columns(targets, outputs)}


def figure_metrics(config: GlueTaskConfig) -> list[keras.metrics.Metric]:
    return _metrics(config, None)


def baseline(dataset: tf.data.Dataset, config: GlueTaskConfig) -> dict[str, float]:
    """The figures of always naming each task's commonest class, or its mean score."""
    targets = np.concatenate([targets.numpy() for _, targets in dataset])
    rows = np.insert(targets, PREDICTION, 0.0, axis=1)
    for row in TASKS:
        own = rows[:, GROUP] == row.number
        labels = rows[own & (rows[:, LABEL] > -1), LABEL]
        if len(labels):
            common = np.bincount(labels.astype(int)).argmax() if row.labels else labels.mean()
            rows[own, PREDICTION] = common
    found = figure_metrics(config)
    for metric in found:
        metric.update_state(None, tf.constant(rows))
    return {metric.name: float(metric.result()) for metric in found}


# === Serve ===


def serving_spec(config: GlueTaskConfig) -> dict[str, tf.TensorSpec]:
    names = ("task", "sentence1", "sentence2")
    return {name: tf.TensorSpec([None], tf.string) for name in names}


def serve(
    model: keras.Model,
    raw: Mapping[str, Any],
    config: GlueTaskConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    """`task`, `sentence1`, `sentence2` ("" where the task has one), string [B] -> see `respond`, and `cut` [B].

    `cut` counts the bytes (or tokens) that did not fit. A task that the model was not trained on is an error.
    """
    task, first, second = (tf.convert_to_tensor(raw[key]) for key in serving_spec(config))
    inputs, cut = batch_of(task, first, second, config)
    return respond(model(inputs, training=False), config, labels) | {"cut": cut}


def respond(
    outputs: tf.Tensor, config: GlueTaskConfig, labels: Labels | None
) -> dict[str, tf.Tensor]:
    """`label` string [B], `score` [B] (its probability, or the score), `probabilities` and `classes` [B, K].

    A task with a score has the label "score", probabilities 0 and no classes. A task that the model was not trained
    for is an error.
    """
    task = tf.cast(tf.round(outputs[:, 0]), tf.int32)
    with tf.control_dependencies([check_trained(tf.gather(tf.constant(NAMES), task), config)]):
        own = tf.identity(outputs[:, 1:])
    width = own.shape[-1]
    is_score = tf.gather(IS_SCORE, task)
    shown = outputs_of(task, width) & ~is_score[:, None]
    probabilities = tf.where(
        shown, tf.nn.softmax(tf.where(outputs_of(task, width), own, -1e9)), 0.0
    )
    names = tf.constant([[*row.labels, *[""] * width][:width] for row in TASKS])
    classes = tf.gather(names, task)
    best = tf.argmax(probabilities, axis=1)
    label = tf.gather(classes, best, batch_dims=1)
    return {
        "label": tf.where(is_score, tf.constant("score"), label),
        "score": tf.where(is_score, own[:, 0], tf.reduce_max(probabilities, axis=1)),
        "probabilities": probabilities,
        "classes": classes,
    }


# === Show ===


def show(
    model: keras.Model,
    inputs: Mapping[str, tf.Tensor],
    targets: tf.Tensor,
    config: GlueTaskConfig,
    labels: Labels | None,
) -> dict[str, Any]:
    """For the report: every task's figures beside the trivial guess, and sentences with what was said of them."""
    from perceiver_keras.show import sentences

    outputs = model(inputs, training=False)
    answers = glue_requests.answer(
        {key: value.numpy() for key, value in respond(outputs, config, labels).items()}, None, 3
    )
    found = figure_metrics(config)
    for metric in found:
        metric.update_state(None, columns(targets, outputs))
    trivial = baseline(tf.data.Dataset.from_tensors((inputs, targets)), config)
    return {
        "Every task": sentences.task_bars(
            {metric.name: float(metric.result()) for metric in found}, trivial
        ),
        "Sentences": sentences.sentence_table(list(_examples(inputs, targets, config)), answers),
    }


def _examples(
    inputs: Mapping[str, tf.Tensor], targets: tf.Tensor, config: GlueTaskConfig
) -> Iterator[tuple[str, str, str]]:
    """(task, text, right answer) of each example."""
    tokenizer = tokenizer_of(config)
    ids = tf.cast(inputs["ids"], tf.int32)
    between = tf.cumsum(tf.cast(ids == SEP, tf.int32), axis=1)  # 0 before SEP, 1 from it on
    left, right = (
        tokenizer.decode(tf.ragged.boolean_mask(ids, inputs["mask"] & (between == side))).numpy()
        for side in (0, 1)
    )
    for *texts, (number, label, _) in zip(left, right, targets.numpy(), strict=True):
        row = TASKS[int(number)]
        answer = row.labels[int(label)] if row.labels and label >= 0 else f"{label:.1f}"
        yield row.name, " | ".join(text.decode() for text in texts if text), answer


TASK = Task(
    name="glue",
    summary="Sentences and pairs to labels: GLUE's tasks, one model for all.",
    model_class=GlueModel,
    presets=PRESETS,
    feature_spec=feature_spec,
    label_key="label",
    check=check,
    check_dataset=check_dataset,
    prepare=prepare,
    loss=loss,
    metrics=metrics,
    figures=figures,
    figure_metrics=figure_metrics,
    prediction_key="columns",
    serving_spec=serving_spec,
    serve=serve,
    respond=respond,
    resources=resources,
    requests=glue_requests.requests,
    read=glue_requests.read,
    answer=glue_requests.answer,
    picture=glue_requests.picture,
    baseline=baseline,
    show=show,
)
