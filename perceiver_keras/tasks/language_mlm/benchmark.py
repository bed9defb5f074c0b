"""A masked language model on any text: hidden words (paper, Tab. 12), and hidden single bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.data.text.masking import Masking, mask_text
from perceiver_keras.errors import UsageError
from perceiver_keras.metrics.columns import ColumnMetric, ColumnRatio
from perceiver_keras.tasks.language_mlm.metrics import columns
from perceiver_keras.tasks.language_mlm.presets import LanguageMLMConfig
from perceiver_keras.tasks.shared import texts
from perceiver_keras.tasks.shared.tokens import tokenizer_of

RATE = 0.15
MASKS: tuple[Masking, ...] = ("words", "tokens")
NAMES = ("words", "bytes")  # in the metrics' names
WINDOW = 2048  # bytes, the released model's length
_SUMS = 4  # of `metrics.columns`: masked tokens, correct ones, nats, bits


def open_benchmark(name: str, data: Path, options: Mapping[str, str]) -> TextBenchmark:
    """The text in a file, or in the .txt files of a folder.

    Raises:
      UsageError: there is none.
    """
    files = [data] if data.is_file() else sorted(data.rglob("*.txt"))
    found = {path: texts.to_bytes(path) for path in files if path.is_file()}
    found = {path: text for path, text in found.items() if text.strip()}
    if not found:
        raise UsageError(
            f"{data} holds no text; expected a text file, or a folder with .txt files."
        )
    root = data.parent if data.is_file() else data
    return TextBenchmark({path.relative_to(root).as_posix(): text for path, text in found.items()})


class TextBenchmark:
    """A `reproduce.Protocol`. Each file is cut into windows of 2,048 bytes, each masked in both ways.

    What is hidden depends on the place of the window alone. Rows are the masked tokens, the correct ones and their
    cross-entropies in nats and bits, of hidden words and then of hidden bytes.
    """

    at_once = 4

    def __init__(self, files: Mapping[str, bytes]):
        self._windows = {
            f"{name}#{start // WINDOW:05}": text[start : start + WINDOW]
            for name, text in files.items()
            for start in range(0, len(text), WINDOW)
        }
        self.keys = list(self._windows)

    def rows(
        self, model: keras.Model, config: LanguageMLMConfig, keys: Sequence[str]
    ) -> np.ndarray:
        """[len(keys), 8].

        Raises:
          UsageError: the model does not read bytes.
        """
        if config.data.sentencepiece is not None:
            raise UsageError(
                "mlm measures models of bytes; these weights read SentencePiece's pieces."
            )
        found = [self._sums(model, config, keys, masking) for masking in MASKS]
        return np.concatenate(found, axis=1)

    def group(self, key: str) -> str:
        """The file of a window."""
        return key.rpartition("#")[0]

    def column_metrics(self, config: LanguageMLMConfig) -> list[ColumnMetric]:
        found = []
        for i, name in enumerate(NAMES):
            first = i * _SUMS
            found.append(ColumnRatio(first + 1, first, f"masked_{name}_accuracy"))
            found.append(ColumnRatio(first + 3, first, f"masked_{name}_bits_per_byte"))
        return found

    def _sums(
        self, model: keras.Model, config: LanguageMLMConfig, keys: Sequence[str], masking: Masking
    ) -> np.ndarray:
        """[len(keys), 4], of one way of masking; a model shorter than a window reads it in parts."""
        length, tokenizer = config.model.length, tokenizer_of(config)
        total = np.zeros([len(keys), _SUMS])
        for part in range(math.ceil(WINDOW / length)):
            pieces = [self._windows[key][part * length : (part + 1) * length] for key in keys]
            some = [i for i, piece in enumerate(pieces) if piece]
            if not some:
                break
            masked = [
                mask_text(
                    tf.constant(pieces[i]), tokenizer, length, masking, RATE, _seed(keys[i], part)
                )
                for i in some
            ]
            inputs = {name: tf.stack([one[0][name] for one in masked]) for name in masked[0][0]}
            targets = tf.stack([one[1] for one in masked])
            total[some] += columns(targets, model.predict_on_batch(inputs)).numpy()[:, :_SUMS]
        return total


def _seed(key: str, part: int) -> tf.Tensor:
    """int32 [2], of a window's name and a part of it."""
    return tf.stack([tf.cast(tf.strings.to_hash_bucket_fast(key, 1 << 31), tf.int32), part])
