"""The signatures of a served model, traced for any batch size, and the names of what goes in (docs/serving.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.config import TaskConfig
from perceiver_keras.layers.xla import within_control_flow
from perceiver_keras.tasks.shared import requests
from perceiver_keras.tasks.task import Task

Tensors = Mapping[str, tf.Tensor]
Transform = Callable[[Tensors], Tensors]
ATTENTION = "attention"  # a signature, and its output
MODEL_INPUT = "model_input_"  # of the model's inputs, in graphs of signatures that make them


class Signatures:
    """The four signatures of one model, traced for any batch size."""

    def __init__(
        self,
        task: Task,
        config: TaskConfig,
        model: keras.Model,
        labels: Sequence[str] | None,
        transform: Transform | None,
    ) -> None:
        self.task, self.config, self.model, self.labels = task, config, model, labels
        self._function = tf.function(lambda *args, **kwargs: model(*args, **kwargs))
        self.transform = transform or (lambda features: task.examples.transform(features, config))
        self.labelled_spec = dict(task.examples.spec(config))
        self.plain_spec = plain_spec(task, config)
        self.element = self._element_spec(self.plain_spec, with_targets=False)
        self.labelled_element = self._element_spec(self.labelled_spec, with_targets=True)

    def functions(self, attention: bool) -> dict[str, Any]:
        examples = {"examples": tf.TensorSpec([None], tf.string)}
        named = zip(names_of(self.element), tf.nest.flatten(self.element), strict=True)
        inputs = {name: tf.TensorSpec([None, *spec.shape], spec.dtype) for name, spec in named}
        raw = self.task.serving.spec(self.config)
        more = {ATTENTION: _concrete(self._attend, raw)} if attention else {}
        return {
            "serving_default": _concrete(self._serve, raw),
            "serving_examples": _concrete(self._serve_examples, examples),
            "serving_tensors": _concrete(self._serve_tensors, inputs),
            "evaluate": _concrete(self._evaluate, examples),
        } | more

    def called(self, *args: Any, **kwargs: Any) -> Any:
        """The model by the one function that all signatures call: it is traced once, and its graph is stored once.

        Not in loops, where TensorFlow's optimizers fuse other operations, so that layers trace otherwise.
        """
        return (self.model if within_control_flow() else self._function)(*args, **kwargs)

    def _serve(self, **raw: tf.Tensor) -> dict[str, tf.Tensor]:
        model = _Marking(self.model, self.called)
        return self.task.serving.serve(model, raw, self.config, self.labels)

    def _attend(self, **raw: tf.Tensor) -> dict[str, tf.Tensor]:
        return self.task.serving.attended(self.model, raw, self.config)

    def _serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._respond(_marked(self.prepare(examples)))

    def _serve_tensors(self, **named: tf.Tensor) -> dict[str, tf.Tensor]:
        flat = [named[name] for name in names_of(self.element)]
        return self._respond(tf.nest.pack_sequence_as(self.element, flat))

    def _evaluate(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        features = self._features(examples, self.labelled_spec)
        inputs, targets = self._map(features, self.labelled_element, True)
        inputs = _marked(inputs)
        measures = self.task.measures
        return {measures.key: measures.columns(targets, self.called(inputs, training=False))}

    def _respond(self, inputs: Any) -> dict[str, tf.Tensor]:
        outputs = self.called(inputs, training=False)
        return self.task.serving.respond(inputs, outputs, self.config, self.labels)

    def prepare(self, examples: tf.Tensor) -> Any:
        """Serialized examples [B], labels not needed, to the model's inputs [B, ...]."""
        return self._map(self._features(examples, self.plain_spec), self.element, False)

    def _features(self, examples: tf.Tensor, spec: Mapping[str, Any]) -> Tensors:
        return self.transform(tf.io.parse_example(examples, dict(spec)))

    def _one(self, features: Tensors, with_targets: bool) -> Any:
        prepared = self.task.examples.prepare(features, self.config, False, tf.zeros([2], tf.int32))
        return prepared if with_targets else prepared[0]

    def _map(self, features: Tensors, spec: Any, with_targets: bool) -> Any:
        one = lambda example: self._one(example, with_targets)  # noqa: E731
        return tf.map_fn(one, dict(features), fn_output_signature=spec)

    def _element_spec(self, feature_spec: Mapping[str, Any], with_targets: bool) -> Any:
        """The spec of what `prepare` returns for one example, found by tracing it in a temporary graph."""
        with tf.__internal__.FuncGraph("element").as_default():
            examples = tf.compat.v1.placeholder(tf.string, [None])
            features = self._features(examples, feature_spec)
            data = tf.data.Dataset.from_tensor_slices(dict(features))
            return data.map(lambda f: self._one(f, with_targets)).element_spec


class _Marking:
    """A model for `serve`: its calls are `called`, and their inputs get names in the graph."""

    def __init__(self, model: keras.Model, called: Callable[..., Any]) -> None:
        self._model, self._called = model, called

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        return self._called(_marked(inputs), *args, **kwargs)


def marked_names(inputs: Any) -> dict[str, Any]:
    """The model's inputs by the names that they have in the graphs of signatures that make them."""
    pairs = zip(names_of(inputs), tf.nest.flatten(inputs), strict=True)
    return {f"{MODEL_INPUT}{name}": value for name, value in pairs}


@unconverted
def _marked(inputs: Any) -> Any:
    """The same tensors, by names under which `components/serving/serving_answers.py` finds them in the export."""
    flat = [tf.identity(value, name=name) for name, value in marked_names(inputs).items()]
    return tf.nest.pack_sequence_as(inputs, flat)


def names_of(structure: Any, prefix: str = "") -> list[str]:
    """A name for each tensor of a nested structure, in `tf.nest`'s order, such as `rgb`, `audio_left`, `inputs_0`."""
    if isinstance(structure, Mapping):
        parts = [(str(key), structure[key]) for key in sorted(structure)]
    elif isinstance(structure, (list, tuple)):
        parts = [(f"{'' if prefix else 'inputs_'}{i}", part) for i, part in enumerate(structure)]
    else:
        return [prefix or "inputs"]
    return [
        name for key, part in parts for name in names_of(part, f"{prefix}_{key}" if prefix else key)
    ]


def _concrete(function: Callable[..., Tensors], specs: Mapping[str, tf.TensorSpec]) -> Any:
    """`function` traced for the named inputs; half-precision outputs become float32, which JSON can carry."""

    def signature(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {
            name: tf.cast(value, tf.float32) if value.dtype in (tf.bfloat16, tf.float16) else value
            for name, value in function(**requests.as_many(inputs)).items()
        }

    named = {name: tf.TensorSpec(s.shape, s.dtype, name=name) for name, s in specs.items()}
    return tf.function(signature).get_concrete_function(**named)


def plain_spec(task: Task, config: TaskConfig) -> dict[str, Any]:
    """How an example is parsed in serving: without its label."""
    label = task.examples.label_of(config)
    return {name: kind for name, kind in task.examples.spec(config).items() if name != label}
