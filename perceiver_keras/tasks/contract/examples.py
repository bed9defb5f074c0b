"""The data of a task: from a stored example to the model's inputs and targets.

"One example" has no batch axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from perceiver_keras.config import TaskConfig
from perceiver_keras.data.described.kinds import Kind
from perceiver_keras.tasks.contract.own_data import OwnData

Tensors = Mapping[str, tf.Tensor]
Labels = Sequence[str]


def _no_files(config: TaskConfig) -> tuple[TaskConfig, dict[str, bytes]]:
    return config, {}


def unchanged(features: Tensors, config: TaskConfig) -> dict[str, Any]:
    """The features as they are, in a new dictionary."""
    return dict(features)


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """A tokenizer that may be learned from the data and whose file travels with the model. By default, there is none.

    Attributes:
      resources: config -> modules with the tables and files that the graphs read; exports include them.
      words: (batch of raw features, config) -> strings [n] (valid UTF-8, non-empty, no line breaks) whose
        frequencies Transform counts over the training split; None if no vocabulary is needed.
      learn: ({word: frequency}, config, folder) -> the configuration with a vocabulary learned from these words and
        written to `folder`; the Trainer calls it before training.
      portable: config -> (the configuration with file names instead of paths, {file name: content}), to be saved
        together.
      located: (a configuration from `portable`, the folder it was read from) -> the configuration with the paths of
        its files there.
    """

    resources: Callable[[TaskConfig], Sequence[tf.Module]] = lambda config: ()
    words: Callable[[Tensors, TaskConfig], tf.Tensor | None] = lambda features, config: None
    learn: Callable[[Mapping[bytes, int], TaskConfig, str], TaskConfig] | None = None
    portable: Callable[[TaskConfig], tuple[TaskConfig, dict[str, bytes]]] = _no_files
    located: Callable[[TaskConfig, Path], TaskConfig] = lambda config, folder: config


@dataclass(frozen=True, kw_only=True)
class Examples:
    """What is stored, which examples are usable, and how they become inputs and targets.

    Attributes:
      spec: config -> what `tf.io.parse_example` reads from a stored example, labels included.
      label_key: The feature that holds the label, of any type; examples to be served lack it. None if there is none.
      check: (features of one example as Python values, config) -> why it is corrupt, or None.
      check_dataset: (the data set's labels or None, config) -> None; raises `UsageError` if they do not fit.
        Called first, before any data is read; must be cheap.
      prepare: (features of one example, config, training, stateless seed int32 [2]) -> (inputs, targets).
      transform: (batch of raw features, config) -> features; runs in TFX Transform, in training and in serving.
      vocabulary: The tokenizer, for text tasks that keep one in a file.
      own_data: How the user's own files become such examples; None if only TFDS data sets do.
      stored_label: config -> the name of the feature that holds the label, where data sets call it differently; None:
        it is `label_key` in all of them.
      kinds: config -> {name of a stored feature: what it is}, by the names in `data/described/`: what the statistics
        measure, by what leaks are found, and into what slices the test split can be cut.
      names: config -> {name of a stored feature: names}: of the tags of a feature of the kind `tags`, of the columns of
        `entities`. Labels have those of the data set.
      joined: config -> how many stored examples make one in training; with more than one, `prepare` gets each feature
        of all of them, [joined, ...].
      settings_of: config -> the settings, as a partial tree, that its TFDS data set determines; asked only where that
        is not the preset's. The user's own settings win.
    """

    spec: Callable[[TaskConfig], dict[str, Any]]
    label_key: str | None
    check: Callable[[Mapping[str, Any], TaskConfig], str | None]
    check_dataset: Callable[[Labels | None, TaskConfig], None]
    prepare: Callable[[Tensors, TaskConfig, bool, tf.Tensor], tuple[Any, Any]]
    transform: Callable[[Tensors, TaskConfig], dict[str, Any]] = unchanged
    vocabulary: Vocabulary = Vocabulary()
    own_data: OwnData | None = None
    stored_label: Callable[[TaskConfig], str] | None = None
    kinds: Callable[[TaskConfig], Mapping[str, Kind]] = lambda config: {}
    names: Callable[[TaskConfig], Mapping[str, Sequence[str]]] = lambda config: {}
    joined: Callable[[TaskConfig], int] = lambda config: config.data.documents_per_example
    settings_of: Callable[[TaskConfig], dict[str, Any]] = lambda config: {}

    def label_of(self, config: TaskConfig) -> str | None:
        """The name of the feature that holds the label in a configuration's data set."""
        return self.label_key if self.stored_label is None else self.stored_label(config)
