"""What a task is: seven stages, read top to bottom, and what train, evaluate, export and serve need of them.

Shapes: B examples a batch; "one example" has no batch axis. Everything here is plain functions, so that a task's
file reads in the order in which the data goes: data, prepare, build, loss, metrics, serve, show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import TaskConfig
from perceiver_keras.errors import UsageError, nearest
from perceiver_keras.tasks.requests import Request, from_files

Tensors = Mapping[str, tf.Tensor]
Labels = Sequence[str]


def answer_grid(contents: Sequence[Any], outputs: Sequence[Tensors], answers: Sequence[Any]) -> Any:
    """The pictures that were asked about, with bars of their labels."""
    from perceiver_keras.show import answers as drawn

    return drawn.answer_grid(contents, answers)


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A named configuration and where its numbers come from (paper table, release, or ours)."""

    config: TaskConfig
    source: str


@dataclass(frozen=True, kw_only=True)
class Task:
    """The contract. `train.py`, `export.py`, the pipeline and the command line know only this.

    Attributes:
      name: As in the registry.
      summary: One line for people.
      model_class: The Keras model, a `TaskModel`.
      presets: By name; `tiny` trains on two CPU cores in minutes.
      feature_spec: config -> what `tf.io.parse_example` reads from a stored example, labels included.
      label_key: The feature that holds the answer, of any type; serving examples lack it. None: no feature does.
      check: (features of one example as Python values, config) -> why it is corrupt, or None.
      check_dataset: (labels of the data set or None, config) -> None; raises `UsageError` where they don't fit. It
        comes before anything else and is quick.
      transform: (batch of raw features, config) -> features; runs in TFX Transform, in training and in serving.
      words: (batch of raw features, config) -> strings [n], valid UTF-8, none empty or with an end of line, that TFX
        Transform counts in the training split for a vocabulary; None where the configuration wants none.
      learn: ({word: how often}, config, folder) -> the configuration with the vocabulary of these words, whose file
        is in `folder`; the Trainer calls it before it trains.
      prepare: (one example's features, config, training, stateless seed int32 [2]) -> (inputs, targets).
      loss: config -> Keras loss of (targets, outputs).
      metrics: config -> Keras metrics of (targets, outputs); fresh ones at every call.
      figures: (outputs, targets, config) -> the `evaluate` signature's outputs, one row an example.
      figure_metrics: config -> Keras metrics of (label_key, prediction_key) as TFMA computes them from the figures.
      prediction_key: The figure that `figure_metrics` read.
      serving_spec: config -> what `serving_default` takes: raw bytes as users have them, first axis B.
      serve: (model, raw inputs, config, labels) -> what `serving_default` returns.
      respond: (outputs, config, labels) -> the same named outputs from the model's own.
      respond_reads_inputs: Whether `respond` gets (inputs, outputs) in place of the outputs: where an answer
        depends on what was asked, as the places of masks do.
      resources: config -> modules whose tables and files the graphs read, such as a tokenizer; they go into exports.
      warmup: raw inputs that are the features of stored examples -> raw inputs worth warming up with.
      requests: words of the command line -> `Request`s, one at a time; by default each file is one.
      requests_at_once: How many requests `predict` gives to the model together.
      read: contents of requests -> raw inputs for `serve`, one row a request; they are of one shape.
      answer: (outputs of `serve` as NumPy, labels, top) -> one entry a request, with Hugging Face's keys.
      picture: (contents, outputs, answers), each a list with one entry a request -> matplotlib figure.
      formats: File suffix -> outputs of one request as that file's bytes; what `predict --save` writes
        beside .npz and .json.
      streams: File suffix -> path -> a writer of all requests in turn, `add(content, outputs)` and `close()`, for
        what `predict -o` writes while it goes, such as films.
      baseline: (finite dataset of (inputs, targets), config) -> figures of the trivial guess.
      lower_is_better: Names of figure metrics whose small values are good.
      show: (model, batch of inputs, targets, config, labels) -> {title: matplotlib figure} for the report.
    """

    name: str
    summary: str
    model_class: type[keras.Model]
    presets: Mapping[str, Preset]
    feature_spec: Callable[[TaskConfig], dict[str, Any]]
    label_key: str | None
    check: Callable[[Mapping[str, Any], TaskConfig], str | None]
    check_dataset: Callable[[Labels | None, TaskConfig], None]
    prepare: Callable[[Tensors, TaskConfig, bool, tf.Tensor], tuple[Any, Any]]
    loss: Callable[[TaskConfig], keras.losses.Loss]
    metrics: Callable[[TaskConfig], list[keras.metrics.Metric]]
    figures: Callable[[Any, Any, TaskConfig], dict[str, tf.Tensor]]
    figure_metrics: Callable[[TaskConfig], list[keras.metrics.Metric]]
    prediction_key: str
    serving_spec: Callable[[TaskConfig], dict[str, tf.TensorSpec]]
    serve: Callable[[keras.Model, Tensors, TaskConfig, Labels | None], dict[str, tf.Tensor]]
    respond: Callable[[Any, TaskConfig, Labels | None], dict[str, tf.Tensor]]
    respond_reads_inputs: bool = False
    read: Callable[[Sequence[bytes]], dict[str, Any]]
    answer: Callable[[Mapping[str, Any], Labels | None, int], list[Any]]
    baseline: Callable[[tf.data.Dataset, TaskConfig], dict[str, float]]
    show: Callable[..., dict[str, Any]]
    requests: Callable[[Sequence[str]], Iterable[Request]] = from_files
    requests_at_once: int = 32
    picture: Callable[[Sequence[Any], Sequence[Tensors], Sequence[Any]], Any] = answer_grid
    formats: Mapping[str, Callable[[Mapping[str, Any]], bytes]] = field(default_factory=dict)
    streams: Mapping[str, Callable[[str], Any]] = field(default_factory=dict)
    transform: Callable[[Tensors, TaskConfig], dict[str, Any]] = lambda features, config: dict(
        features
    )
    words: Callable[[Tensors, TaskConfig], tf.Tensor | None] = lambda features, config: None
    learn: Callable[[Mapping[bytes, int], TaskConfig, str], TaskConfig] | None = None
    resources: Callable[[TaskConfig], Sequence[tf.Module]] = lambda config: ()
    warmup: Callable[[Tensors], Tensors] = lambda raw: raw
    lower_is_better: tuple[str, ...] = ()

    def preset(self, name: str) -> Preset:
        """Raises `UsageError` naming the nearest preset where there is none of that name."""
        if name not in self.presets:
            raise UsageError(f"{self.name} has no preset {name!r}.{nearest(name, self.presets)}")
        return self.presets[name]

    def build(self, config: TaskConfig) -> keras.Model:
        """A new model with fresh weights, as Keras seeds them."""
        return self.model_class(config.model)
