"""Transform's graph, applied to features as the task's own spec parses them, and the words that Transform counted.

SchemaGen infers a scalar as a list of one, and a feature that some example lacks as sparse. Transform's graph takes
features as the schema describes them; a task describes them once, in `examples.spec`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import tensorflow as tf
import tensorflow_transform as tft

from perceiver_keras.config import TaskConfig
from perceiver_keras.tasks.task import Task

WORDS = "words"  # the name of the vocabulary in Transform's output
MOST_WORDS = 1 << 20  # only the most frequent: Transform sorts them in one worker's memory


class TransformGraph(tf.Module):
    """Called with batched raw features {name: [B, ...]}; returns transformed features, in serving as in training.

    Args:
      uri: The folder of Transform's `transform_graph` output.
    """

    def __init__(self, uri: str):
        super().__init__()
        output = tft.TFTransformOutput(uri)
        # Tracked, so that an export includes its vocabularies.
        self.layer = output.transform_features_layer()
        # The words are for the Trainer and may be many, so exports leave them out.
        found = self.layer._saved_model_loader._imported
        found.assets = [
            asset
            for asset in found.assets
            if os.path.basename(asset.asset_path.numpy().decode()) != WORDS
        ]
        self._spec = output.raw_feature_spec()

    def __call__(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return self.layer({name: self._as_stored(name, value) for name, value in features.items()})

    def _as_stored(self, name: str, value: tf.Tensor) -> tf.Tensor | tf.SparseTensor:
        spec = self._spec[name]
        if isinstance(spec, tf.io.FixedLenFeature):
            return tf.reshape(value, [-1, *spec.shape])
        return tf.sparse.from_dense(tf.reshape(value, [tf.shape(value)[0], -1]))


def count_words(words: tf.Tensor) -> None:
    """For a `preprocessing_fn`: makes Transform count strings [n] and keep the `MOST_WORDS` most frequent.

    The result is a text file with one word per line: words must not be empty or contain line breaks.
    """
    tft.vocabulary(words, vocab_filename=WORDS, top_k=MOST_WORDS, store_frequency=True)


def word_counts(uri: str) -> dict[bytes, int] | None:
    """{word: frequency} as `count_words` found it; None if it was not called.

    Args:
      uri: The folder of Transform's `transform_graph` output.
    """
    output = tft.TFTransformOutput(uri)
    if output.vocabulary_file_by_name(WORDS) is None:
        return None
    lines = (line.split(b" ", 1) for line in output.vocabulary_by_name(WORDS))
    return {word: int(count) for count, word in lines}


def learned_vocabulary(task: Task, config: TaskConfig, uri: str, folder: str) -> TaskConfig:
    """The configuration with a vocabulary of the counted words, learned in `folder` unless it is there already.

    Args:
      task: Whose vocabulary it is.
      config: Of the run; returned as it is if no words were counted.
      uri: The folder of Transform's `transform_graph` output.
      folder: The same for all that need the vocabulary, so that they have the same one.
    """
    counts = word_counts(uri)
    return config if counts is None else task.examples.vocabulary.learn(counts, config, folder)
