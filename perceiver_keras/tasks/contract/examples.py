"""The data of a task: from a stored example to what the model takes and what it should answer.

Shapes: "one example" has no batch axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from perceiver_keras.config import TaskConfig

Tensors = Mapping[str, tf.Tensor]
Labels = Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """A tokenizer that may be learned from the data, and whose file travels with the model. By default there is none.

    Attributes:
      resources: config -> modules whose tables and files the graphs read; they go into exports.
      words: (batch of raw features, config) -> strings [n] (valid UTF-8, non-empty, no line breaks) whose
        frequencies Transform counts over the training split; None if no vocabulary is to be learned.
      learn: ({word: frequency}, config, folder) -> the configuration with a vocabulary learned from these words, whose
        file is in `folder`; the Trainer calls it before training.
      portable: config -> the configuration as it travels, and the files that it names, {name: content}.
      located: (a configuration that `portable` made, the folder it was read from) -> with its files found there.
    """

    resources: Callable[[TaskConfig], Sequence[tf.Module]] = lambda config: ()
    words: Callable[[Tensors, TaskConfig], tf.Tensor | None] = lambda features, config: None
    learn: Callable[[Mapping[bytes, int], TaskConfig, str], TaskConfig] | None = None
    portable: Callable[[TaskConfig], tuple[TaskConfig, dict[str, bytes]]] = lambda config: (
        config,
        {},
    )
    located: Callable[[TaskConfig, Path], TaskConfig] = lambda config, folder: config


@dataclass(frozen=True, kw_only=True)
class Examples:
    """What is stored, what of it is usable, and how it becomes inputs and targets.

    Attributes:
      spec: config -> what `tf.io.parse_example` reads from a stored example, labels included.
      label_key: The feature that holds the answer, of any type; serving examples lack it. None if there is none.
      check: (features of one example as Python values, config) -> why it is corrupt, or None.
      check_dataset: (labels of the data set or None, config) -> None; raises `UsageError` where they do not fit.
        Called first, before any data is read; must be cheap.
      prepare: (features of one example, config, training, stateless seed int32 [2]) -> (inputs, targets).
      transform: (batch of raw features, config) -> features; runs in TFX Transform, in training and in serving.
      vocabulary: The tokenizer, for tasks on text that have one in a file.
    """

    spec: Callable[[TaskConfig], dict[str, Any]]
    label_key: str | None
    check: Callable[[Mapping[str, Any], TaskConfig], str | None]
    check_dataset: Callable[[Labels | None, TaskConfig], None]
    prepare: Callable[[Tensors, TaskConfig, bool, tf.Tensor], tuple[Any, Any]]
    transform: Callable[[Tensors, TaskConfig], dict[str, Any]] = lambda features, config: dict(
        features
    )
    vocabulary: Vocabulary = Vocabulary()
