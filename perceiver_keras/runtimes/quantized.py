"""What eight bits cost: the task's own metrics on the test split, of the model and of the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import TaskConfig
from perceiver_keras.evaluate import evaluate
from perceiver_keras.runtimes.agreement import Call
from perceiver_keras.runtimes.graph import Signature
from perceiver_keras.tasks.batches import TaskData
from perceiver_keras.tasks.task import Task


class AsModel:
    """A runtime in the place of the Keras model, for metrics."""

    def __init__(self, runtime: Call, signature: Signature) -> None:
        self._runtime, self._signature = runtime, signature
        self._own = tf.nest.flatten(signature.own)

    def __call__(self, inputs: Any, training: bool = False) -> Any:
        """The model's outputs, as the structure that it returns."""
        kinds = self._signature.function.structured_outputs

        def run(*arrays: np.ndarray) -> list[np.ndarray]:
            answers = self._runtime(dict(zip(self._signature.inputs, arrays, strict=True)))
            return [
                np.asarray(answers[name], kinds[name].dtype.as_numpy_dtype) for name in self._own
            ]

        flat = [
            tf.cast(value, spec.dtype)
            for value, spec in zip(
                tf.nest.flatten(inputs), self._signature.inputs.values(), strict=True
            )
        ]
        outputs = tf.numpy_function(run, flat, [kinds[name].dtype for name in self._own])
        for name, value in zip(self._own, outputs, strict=True):
            value.set_shape(self._signature.shape(name))
        return tf.nest.pack_sequence_as(self._signature.own, outputs)


def losses(
    task: Task,
    config: TaskConfig,
    model: keras.Model,
    runtime: Call,
    signature: Signature,
    say: Callable[[str], None],
) -> Mapping[str, Any]:
    """{"split", "examples", "before": metrics of the model, "after": metrics of the file} on the test split.

    Raises:
      PerceiverError: the data set is not here.
    """
    from perceiver_keras.training import fit_memory

    split, data = config.data.test_split, TaskData(task, config)
    count = data.records(split).num_examples
    if fit_memory.is_auto(config):
        most = fit_memory.Most(1, count)
        config = fit_memory.settle(task, config, most=most, training=False, say=say)
        data = TaskData(task, config)
    found = {"split": split, "dataset": config.data.dataset, "examples": count}
    with data.explained(split):
        batches = data.eval_batches(split)
        found["before"] = evaluate(task, config, model, batches, say)
        found["after"] = evaluate(task, config, AsModel(runtime, signature), batches, say)
    return found
