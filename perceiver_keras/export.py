"""A trained model as a SavedModel for TensorFlow Serving: four signatures, warm-up requests and a model card.

The signatures (docs/serving.md) are `serving_default`, which takes raw bytes as users have them, `serving_examples`
(serialized tf.Examples without labels), `serving_tensors` (the model's own inputs), and `evaluate` (examples with
labels). The folder contains the weights that they read, but no optimizer, moving averages or Keras objects, so it
loads where `perceiver_keras` is not installed.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import tensorflow as tf
from tensorflow import keras

import perceiver_keras
from perceiver_keras.config import TaskConfig
from perceiver_keras.config_tree import to_dict
from perceiver_keras.errors import PerceiverError, UsageError, nearest
from perceiver_keras.files import whole_folder
from perceiver_keras.remote import as_path
from perceiver_keras.saved_model import MAX_WARMUP_RECORDS, TASK_FILE, WARMUP_FILE, is_saved_model
from perceiver_keras.show import model_card
from perceiver_keras.signatures import (
    ATTENTION,
    Signatures,
    Tensors,
    Transform,
    names_of,
    plain_spec,
)
from perceiver_keras.tasks.task import Task

WARMUP_BATCH = 8  # warm-up requests have two batch sizes, 1 and this one


def export_saved_model(
    task: Task,
    config: TaskConfig,
    model: keras.Model,
    folder: str,
    *,
    labels: Sequence[str] | None = None,
    transform: Transform | None = None,
    warmup: Sequence[bytes] = (),
    requests: Mapping[str, Any] | None = None,
    preset: str | None = None,
    known: model_card.Card | None = None,
    limits: Sequence[str] = (),
    attention: bool = False,
) -> str:
    """Writes the SavedModel under a temporary name, then renames it to `folder`: it is there whole or not at all.

    Args:
      task: What the model does.
      config: Its settings.
      model: Built, with the weights to serve.
      folder: Where to write; an existing SavedModel is replaced, any other content is an error.
      labels: Names of the classes.
      transform: From batched raw features to features (a `tft.TransformFeaturesLayer`, whose files become part of the
        export); None: the task's own `transform`.
      warmup: Serialized tf.Examples with labels, as stored, before `transform`. For every signature, a request with one
        of them and a request with up to eight are recorded, together with the model's answers.
      requests: Raw inputs {name: [B, ...]} to warm `serving_default` up with; None: the features of `warmup` that have
        the inputs' names, with or without `_bytes`.
      preset: The name by which people know the configuration; it is only recorded.
      known: The model card of the same model in the version that a run pushed, for what it says of data and metrics.
      limits: What else the model card should tell users, one sentence each.
      attention: Whether there is a fifth signature, `attention`: see `Serving.attended`.

    Returns:
      `folder`, without a trailing slash.

    Raises:
      UsageError: the task has no map of attention.
      PerceiverError: the folder contains something else, or `warmup` does not fit the task.
    """
    place = as_path(folder)
    folder = str(place)
    free = not place.exists() or (place.is_dir() and not any(place.iterdir()))
    if not free and not is_saved_model(folder):
        raise PerceiverError(f"{folder} holds something other than a SavedModel; name another.")
    if attention and task.serving.attended is None:
        raise UsageError(f"{task.name} has no map of what the latents attended to.")
    served = Signatures(task, config, model, labels, transform)
    functions = served.functions(attention)
    logs = _warmup_logs(served, functions, warmup, requests) if warmup else []

    with whole_folder(folder, last="saved_model.pb") as aside:
        tf.saved_model.save(
            _module(functions, (model, transform, *task.examples.vocabulary.resources(config))),
            str(aside),
            signatures=functions,
        )
        (aside / "assets.extra").mkdir()
        about = {"task": task.name, "preset": preset, "config": to_dict(config)}
        about |= {"labels": None if labels is None else list(labels)}
        (aside / TASK_FILE).write_text(json.dumps(about, indent=2), encoding="utf-8")
        card = model_card.carried(_card(served, functions, preset), known or {}, limits)
        if place.name.isdecimal():  # as TensorFlow Serving counts versions
            card["model_details"]["version"]["name"] = place.name
        for name, text in model_card.files(card).items():
            (aside / name).write_text(text, encoding="utf-8")
        if logs:
            with tf.io.TFRecordWriter(str(aside / WARMUP_FILE)) as writer:
                for log in logs:
                    writer.write(log.SerializeToString(deterministic=True))
    return folder


def _card(served: Signatures, functions: Mapping[str, Any], preset: str | None) -> model_card.Card:
    """What is known about a model without its run."""
    task, config = served.task, served.config
    return model_card.exported(
        task=task.name,
        summary=task.summary,
        preset=preset,
        source=task.presets[preset].source if preset in task.presets else None,
        slices=config.evaluate.slices or task.measures.slices(config),
        versions={
            "perceiver-keras": perceiver_keras.__version__,
            "tensorflow": tf.__version__,
            "keras": metadata.version("keras"),
            "python": platform.python_version(),
        },
        config=to_dict(config),
        labels=served.labels,
        of_classes=task.serving.of_classes,
        parameters=served.model.count_params(),
        signatures={
            name: {
                "inputs": _ends(function.structured_input_signature[1]),
                "outputs": _ends(function.structured_outputs),
            }
            for name, function in functions.items()
        },
    )


def _ends(specs: Mapping[str, Any]) -> dict[str, str]:
    """Name -> "float32 [B, 8, 8, 1]": the first axis is the examples', another "?" is free."""

    def shape(of: tf.TensorShape) -> str:
        if of.rank is None:
            return "of any shape"
        sizes = ["?" if size is None else str(size) for size in of]
        return f"[{', '.join(['B', *sizes[1:]] if sizes else [])}]"

    return {name: f"{spec.dtype.name} {shape(spec.shape)}" for name, spec in specs.items()}


def _module(functions: Mapping[str, Any], roots: Sequence[Any]) -> tf.Module:
    """A plain module that tracks what the signatures read: variables, tables, tokenizers, Transform's files."""
    captured = {
        id(tensor)
        for function in functions.values()
        for tensor in function.captured_inputs
        if tensor.dtype == tf.resource
    }
    module = tf.Module()
    model = roots[0]
    variables = {
        id(variable.handle): variable for f in functions.values() for variable in f.graph.variables
    }
    # In the model's order, whatever is traced first, so that two exports of one model are identical.
    # A variable that a strategy mirrors has a copy on each device; a graph reads one of them.
    place = {
        id(part.handle): index
        for index, variable in enumerate(model.variables)
        for part in getattr(variable, "values", (variable,))
    }
    ordered = sorted(variables, key=lambda handle: place.get(handle, len(place)))
    module.weights = [variables[handle] for handle in ordered]
    module.resources = [
        part
        for root in roots
        if isinstance(root, tf.Module)  # Keras layers are modules
        for part in tf.train.TrackableView(root).descendants()
        if id(getattr(part, "resource_handle", None)) in captured - variables.keys()
    ]
    module.files = [root for root in roots[1:] if isinstance(root, tf.Module)]
    return module


def _warmup_logs(
    served: Signatures,
    functions: Mapping[str, Any],
    warmup: Sequence[bytes],
    requests: Mapping[str, Any] | None,
) -> list[Any]:
    """One PredictionLog per signature and batch size: the request, and the model's answer."""
    try:
        examples = tf.constant(list(warmup)[:WARMUP_BATCH], tf.string)
        tf.io.parse_example(examples, served.labelled_spec)
        inputs = served.prepare(examples)
    except (tf.errors.InvalidArgumentError, TypeError) as error:
        raise PerceiverError(
            f"The warm-up examples don't fit the task {served.task.name}: {error}"
        ) from error
    named = dict(zip(names_of(inputs), tf.nest.flatten(inputs), strict=True))
    raw = requests if requests is not None else raw_inputs(served.task, served.config, examples)
    raw = {name: tf.convert_to_tensor(value) for name, value in raw.items()}
    by_signature = {
        "serving_default": raw,
        ATTENTION: raw,
        "serving_examples": {"examples": examples},
        "serving_tensors": named,
        "evaluate": {"examples": examples},
    }
    logs = []
    for name in functions:
        tensors = by_signature[name]
        size = min(int(value.shape[0]) for value in tensors.values())
        for batch in sorted({1, min(size, WARMUP_BATCH)}):
            request = {key: value[:batch] for key, value in tensors.items()}
            # On the CPU, where the validator compares them: a GPU rounds matrix products differently.
            with tf.device("/CPU:0"):
                answer = functions[name](**request)
            logs.append(prediction_log(served.task.name, name, request, answer))
    assert len(logs) <= MAX_WARMUP_RECORDS
    return logs


def raw_inputs(task: Task, config: TaskConfig, examples: tf.Tensor) -> Tensors:
    """What users would send to `serving_default` for serialized examples [B], by name; labels are not needed.

    Raises:
      PerceiverError: no feature has the name of an input.
    """
    features = tf.io.parse_example(examples, plain_spec(task, config))
    raw = {}
    for name in task.serving.spec(config):
        # A task may have a setting that names the feature: `data.text`.
        names = (name, name.removesuffix("_bytes"), getattr(config.data, name, None))
        feature = next((n for n in names if n in features), None)
        if feature is None:
            raise PerceiverError(
                f"No feature of the warm-up examples has the name of {name!r}, an input of serving_default; "
                f"pass requests={{{name!r}: ...}}.{nearest(name, features)}"
            )
        raw[name] = features[feature]
    return task.serving.warmup(raw)


def prediction_log(model: str, signature: str, request: Tensors, answer: Tensors) -> Any:
    """A request to a signature and its answer, as the PredictionLog that TensorFlow Serving replays."""
    from tensorflow_serving.apis import prediction_log_pb2

    log = prediction_log_pb2.PredictionLog()
    for part, tensors in (
        (log.predict_log.request.inputs, request),
        (log.predict_log.response.outputs, answer),
    ):
        for name, value in tensors.items():
            part[name].CopyFrom(tf.make_tensor_proto(value))
    for message in (log.predict_log.request, log.predict_log.response):
        message.model_spec.name = model
        message.model_spec.signature_name = signature
    return log
