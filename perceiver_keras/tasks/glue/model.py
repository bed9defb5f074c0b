"""The model for GLUE's tasks, told apart by queries, tokens or heads (paper, section 4.1, Tab. 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.data.text.glue import TASKS, task_named
from perceiver_keras.errors import UsageError, nearest
from perceiver_keras.postprocess.task_heads import TaskHeads
from perceiver_keras.preprocess.task_tokens import TaskTokenPreprocess
from perceiver_keras.query import LearnedQuery
from perceiver_keras.tasks.glue.presets import GlueModelConfig
from perceiver_keras.tasks.model import TaskModel
from perceiver_keras.tasks.shared.inputs import answer_each, kind_of, numbered
from perceiver_keras.tasks.shared.texts import to_bytes

NAMES = tuple(row.name for row in TASKS)
CLASSES = tuple(row.classes for row in TASKS)
IS_SCORE = tuple(not row.labels for row in TASKS)
# A score is middle + half * output, so that the outputs of all tasks are of similar size.
MIDDLE = tuple(0.0 if row.labels else (row.low + row.high) / 2 for row in TASKS)
HALF = tuple(1.0 if row.labels else (row.high - row.low) / 2 for row in TASKS)


@keras.saving.register_keras_serializable(package="perceiver_keras")
class GlueModel(TaskModel):
    """Perceiver IO for the tasks of `config.tasks`: ids and a task to that task's logits or score.

    Takes {"ids" [B, M], "mask" [B, M], "task" [B]}, where a task is its index in `data.text.glue.TASKS`, and returns
    [B, 1 + K], float32: the task's number, then its outputs.
    """

    task_name = "glue"
    takes_transformer = True
    config_class = GlueModelConfig
    heads = ("query/", "postprocess/", "preprocess/task_tokens")
    head_settings = ("tasks", "readout")

    def __init__(self, config: GlueModelConfig, **kwargs: Any):
        count = len(config.tasks)
        tokens = {"query": 0, "shared_token": 1, "task_tokens": count}[config.readout]
        super().__init__(
            config,
            preprocess=TaskTokenPreprocess(
                num_tokens=tokens,
                vocabulary=config.vocabulary,
                length=config.length,
                channels=config.channels,
                init_scale=config.embedding_init_scale,
                name="preprocess",
            ),
            query=LearnedQuery(
                num_queries=count if config.readout == "query" else 1,
                channels=config.query_dim,
                name="query",
            ),
            postprocess=TaskHeads(
                num_tasks=count,
                num_outputs=max(task_named(name).classes for name in config.tasks),
                name="postprocess",
            ),
            **kwargs,
        )

    @unconverted
    def call(self, inputs: Mapping[str, tf.Tensor], **kwargs: Any) -> Any:
        # Keras builds a loaded model on floats.
        task, mask = tf.cast(inputs["task"], tf.int32), tf.cast(inputs["mask"], tf.bool)
        if self.preprocess.num_tokens:
            mask = tf.concat([tf.ones_like(mask[:, :1]), mask], axis=1)
        head = tf.gather(tf.constant(heads(self.config)), task)
        outputs = super().call({**inputs, "head": head}, mask=mask, **kwargs)
        outputs, *maps = outputs if isinstance(outputs, tuple) else (outputs,)
        middle, half = (tf.gather(tf.constant(x), task)[:, None] for x in (MIDDLE, HALF))
        own = tf.where(outputs_of(task, outputs.shape[-1]), middle + half * outputs, 0.0)
        outputs = tf.concat([tf.cast(task, tf.float32)[:, None], own], axis=1)
        return (outputs, *maps) if maps else outputs

    def symbolic_inputs(self) -> Any:
        return {
            "ids": keras.Input([self.config.length], dtype=tf.int32, name="ids"),
            "mask": keras.Input([self.config.length], dtype=tf.bool, name="mask"),
            "task": keras.Input([], dtype=tf.int32, name="task"),
        }

    def classify(self, requests: Any, top: int = 5) -> list[Any]:
        """One list or dict of labels per (task, sentence) or (task, sentence, sentence); see `predict.answers`.

        Args:
          requests: A list of such requests, or one, whose answer alone is returned. Sentences are texts (str) or their
            bytes.
          top: Labels per request.

        Raises:
          UsageError: something is not a request, or the model is not from `from_preset` or `load`.
        """
        return answer_each(
            requests, _is_request, REQUEST, lambda several: self._classify_each(several, top)
        )

    def _classify_each(self, several: list[Any], top: int) -> list[Any]:
        names = numbered("request", len(several))
        asked = [to_request(one, name) for one, name in zip(several, names, strict=True)]
        for name, (task, _, second) in zip(names, asked, strict=True):
            if task not in NAMES:
                raise UsageError(f"{name}: GLUE has no task {task!r}.{nearest(task, NAMES)}")
            pair = len(TASKS[NAMES.index(task)].sentences) > 1
            if pair != bool(second):
                takes = "two sentences" if pair else "one sentence"
                raise UsageError(f"{name}: {task} takes {takes}.")
        return self.answer(asked, top)


REQUEST = "(task, sentence), or (task, sentence, sentence)"


def _is_request(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and 2 <= len(value) <= 3
        and all(isinstance(part, (str, bytes)) for part in value)
    )


def to_request(value: Any, name: str) -> tuple[str, bytes, bytes]:
    """(task, sentence, sentence or b"") from a request as Python programs have it; `name` is what errors call it.

    Raises:
      UsageError: it has another form.
    """
    if not _is_request(value):
        raise UsageError(f"{name}: expected {REQUEST}; got {kind_of(value)}.")
    task, first, second = (*(to_bytes(part, name) for part in value), b"")[:3]
    return task.decode("utf-8", "replace").strip().lower().replace("-", ""), first, second


def heads(config: GlueModelConfig) -> tuple[int, ...]:
    """For each row of `TASKS` the number of its head; 0 if the model has none, which `check_trained` refuses."""
    names = [row.head or row.name for row in TASKS]
    return tuple(config.tasks.index(name) if name in config.tasks else 0 for name in names)


def outputs_of(task: tf.Tensor, width: int) -> tf.Tensor:
    """Which of `width` outputs belong to each task: numbers [B] -> bool [B, width]."""
    return tf.sequence_mask(tf.gather(tf.constant(CLASSES), task), width)
