"""What training answers to stored examples: the requests by which ServingValidator compares an export with it.

Each example goes the way it goes in evaluation: parsed, through Transform's graph, `prepare`, the Keras model of the
preset folder, `respond`. The answers are written as the requests of every signature that takes the same example in
another form: raw, as a record, or as the model's inputs. So it can be said where two answers part. The model's inputs
are written, too, by the names that the export gives them.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import TaskConfig
from perceiver_keras.data.store.batches import serialized
from perceiver_keras.data.store.records import Records
from perceiver_keras.export import prediction_log, raw_inputs
from perceiver_keras.signatures import marked_names, names_of, plain_spec
from perceiver_keras.tasks.batches import Transform
from perceiver_keras.tasks.task import Task

MOST_EXAMPLES = 200
MOST_AT_ONCE = 32
AFTER_FIRST = 8  # whose time tells little about others'
# That the trained model may take, after the first example: that one also waits for all that is done once.
MOST_SECONDS = 20.0
MOST_BYTES = 1 << 27  # of requests and answers

Arrays = Mapping[str, np.ndarray]


def write_requests(
    path: str,
    task: Task,
    config: TaskConfig,
    model: keras.Model,
    labels: Sequence[str] | None,
    records: Records,
    transform: Transform | None = None,
) -> int:
    """Writes requests and the trained model's answers as a TFRecord file of PredictionLogs.

    Args:
      path: Of the file.
      task: What the model does.
      config: How it was trained.
      model: With the trained weights. It is called on the CPU, as the export will be.
      labels: Names of the classes.
      records: Raw examples with labels; at most `MOST_EXAMPLES` are used, and fewer if they are large or slow.
      transform: Transform's graph; None: the task's own `transform`.

    Returns:
      How many examples are used, at least one.
    """
    transform = transform or (lambda features: task.examples.transform(features, config))
    trained = _Trained(task, config, model, labels)
    examples = _prepared(task, config, records.limit(MOST_EXAMPLES), transform)
    done, size, written, start, first = 0, 1, 0, time.monotonic(), 0.0
    with tf.device("/CPU:0"), tf.io.TFRecordWriter(path) as writer:
        while chunk := list(itertools.islice(examples, size)):
            for signature, request, answer in trained.requests(chunk):
                log = prediction_log(task.name, signature, request, answer)
                content = log.SerializeToString(deterministic=True)
                written += len(content)
                writer.write(content)
            done += len(chunk)
            if done == 1:
                first, start = time.monotonic() - start, time.monotonic()
            spent = time.monotonic() - start
            if spent >= MOST_SECONDS or written >= MOST_BYTES:
                break
            each = first if done == 1 else spent / (done - 1)
            fast = int((MOST_SECONDS - spent) / max(each, 1e-6))
            roomy = (MOST_BYTES - written) * done // written
            most = MOST_AT_ONCE if done > 1 else AFTER_FIRST
            size = max(1, min(most, fast, roomy))
    return done


class _Trained:
    """The training path of one model, from prepared examples to answers."""

    def __init__(
        self, task: Task, config: TaskConfig, model: keras.Model, labels: Sequence[str] | None
    ):
        self.task, self.config, self.model, self.labels = task, config, model, labels
        self._extra: bool | None = None

    def requests(self, chunk: list[Any]) -> Iterator[tuple[str, Arrays, Arrays]]:
        """(signature, request, the trained model's answer)."""
        stored, inputs, labelled, targets = tf.nest.map_structure(
            lambda *parts: tf.stack(parts), *chunk
        )
        answer = self._respond(inputs)
        named = dict(zip(names_of(inputs), tf.nest.flatten(inputs), strict=True))
        yield "serving_tensors", named, answer
        made = marked_names(inputs)
        yield "serving_examples", {"examples": stored}, answer | made
        measures = self.task.measures
        columns = measures.columns(targets, self.model(labelled, training=False))
        columns = _served({measures.key: columns})
        yield "evaluate", {"examples": stored}, columns | marked_names(labelled)
        raw = raw_inputs(self.task, self.config, stored)
        yield from self._raw_requests(raw, answer, made)

    def _raw_requests(
        self, raw: Mapping[str, tf.Tensor], answer: Arrays, made: Arrays
    ) -> Iterator[tuple[str, Arrays, Arrays]]:
        alike = self.task.serving.as_trained(raw, self.config).numpy()
        if (rows := np.flatnonzero(alike)).size:
            # What only `serve` answers, such as how much of a text did not fit, is its own affair.
            extra = self._serve(_rows(raw, rows)).items() if self._has_extra(raw, answer) else ()
            own = {name: value for name, value in extra if name not in answer}
            yield "serving_default", _rows(raw, rows), own | _rows({**answer, **made}, rows)
        for row in np.flatnonzero(~alike):
            # One at a time: they may differ in size.
            request = _rows(raw, [row])
            yield "serving_default", request, self._serve(request)

    def _has_extra(self, raw: Mapping[str, tf.Tensor], answer: Arrays) -> bool:
        if self._extra is None:
            self._extra = set(self._serve(_rows(raw, [0]))) > set(answer)
        return self._extra

    def _respond(self, inputs: Any) -> Arrays:
        outputs = self.model(inputs, training=False)
        return _served(self.task.serving.respond(inputs, outputs, self.config, self.labels))

    def _serve(self, raw: Arrays) -> Arrays:
        return _served(self.task.serving.serve(self.model, raw, self.config, self.labels))


def _prepared(task: Task, config: TaskConfig, records: Records, transform: Transform) -> Iterator:
    """(the record, inputs without and with the label, targets) of each example, as evaluation prepares them.

    But for the seed, which serving has no number of the example for.
    """
    specs = (plain_spec(task, config), dict(task.examples.spec(config)))

    def one(example: tf.Tensor) -> tuple[Any, ...]:
        (inputs, _), (labelled, targets) = (
            task.examples.prepare(
                {
                    name: tf.squeeze(value, 0)
                    for name, value in transform(tf.io.parse_example(example[None], spec)).items()
                },
                config,
                False,
                tf.zeros([2], tf.int32),
            )
            for spec in specs
        )
        return example, inputs, labelled, targets

    return iter(serialized(records).map(one))


def _rows(tensors: Mapping[str, Any], rows: Sequence[int]) -> dict[str, tf.Tensor]:
    return {name: tf.gather(value, rows) for name, value in tensors.items()}


def _served(answer: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """As an export returns it: half-precision outputs become float32."""
    half = (tf.bfloat16, tf.float16)
    return {
        name: tf.cast(value, tf.float32) if value.dtype in half else value
        for name, value in answer.items()
    }
