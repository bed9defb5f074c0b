"""The model for GLUE's tasks, told apart by queries, tokens or heads (paper, section 4.1, Tab. 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.data.text.glue import TASKS, task_named
from perceiver_keras.postprocess.task_heads import TaskHeads
from perceiver_keras.preprocess.task_tokens import TaskTokenPreprocess
from perceiver_keras.query import LearnedQuery
from perceiver_keras.tasks.glue.presets import GlueModelConfig
from perceiver_keras.tasks.model import TaskModel

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
    config_class = GlueModelConfig

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

    def classify(self, requests: Sequence[Sequence[str]], top: int = 5) -> list[Any]:
        """One list or dict of labels per (task, sentence) or (task, sentence, sentence); see `predict.answers`."""
        return self.answer([(*request, "")[:3] for request in requests], top)


def heads(config: GlueModelConfig) -> tuple[int, ...]:
    """For each row of `TASKS` the number of its head; 0 if the model has none, which `check_trained` refuses."""
    names = [row.head or row.name for row in TASKS]
    return tuple(config.tasks.index(name) if name in config.tasks else 0 for name in names)


def outputs_of(task: tf.Tensor, width: int) -> tf.Tensor:
    """Which of `width` outputs belong to each task: numbers [B] -> bool [B, width]."""
    return tf.sequence_mask(tf.gather(tf.constant(CLASSES), task), width)
