"""TensorBoard: scalars of training and validation, pictures of predictions, hyperparameters, the configuration."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from perceiver_keras.config import TaskConfig
from perceiver_keras.config_tree import to_dict, to_json


class Board:
    """Writes event files to `log_dir`/train and `log_dir`/validation, as Keras's own callback does.

    A failing picture or a full disk must not stop training: each failure is reported once and skipped.
    """

    def __init__(self, log_dir: str | os.PathLike[str], say: Callable[[str], None]):
        self._log_dir = os.fspath(log_dir)
        self._say = say
        self._writers: dict[str, tf.summary.SummaryWriter] = {}
        self._said: set[str] = set()

    def settings(self, config: TaskConfig) -> None:
        """The configuration as text, and as hyperparameters by which runs can be compared."""

        def write() -> None:
            from tensorboard.plugins.hparams import api as hparams

            tf.summary.text("config", f"```\n{to_json(config)}\n```", step=0)
            hparams.hparams(flat(to_dict(config)))

        self._write("train", write)

    def scalars(self, group: str, step: int, values: Mapping[str, float]) -> None:
        """Values by name at a step; `group` is "train" or "validation"."""

        def write() -> None:
            for name, value in values.items():
                tf.summary.scalar(name, value, step=step)

        self._write(group, write)

    def pictures(self, step: int, make: Callable[[], Mapping[str, Any]]) -> None:
        """make: () -> {title: Matplotlib figure}; called here, so that its failure does not stop training."""

        def write() -> None:
            for title, figure in make().items():
                tf.summary.image(title, _picture(figure), step=step)

        self._write("validation", write)

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()

    def _write(self, group: str, write: Callable[[], None]) -> None:
        try:
            if group not in self._writers:
                folder = os.path.join(self._log_dir, group)
                self._writers[group] = tf.summary.create_file_writer(folder)
            with self._writers[group].as_default():
                write()
                self._writers[group].flush()
        except Exception as error:  # of any kind: the task's own drawing code runs here
            message = f"TensorBoard: {write.__qualname__.split('.')[1]} left out ({error})."
            if message not in self._said:
                self._said.add(message)
                self._say(message)


def _picture(figure: Any) -> tf.Tensor:
    """A Matplotlib figure -> uint8 [1, H, W, 4]; closes the figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    from matplotlib import pyplot

    pyplot.close(figure)
    return tf.io.decode_png(buffer.getvalue(), channels=4)[tf.newaxis]


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}, with values that TensorBoard accepts: numbers, booleans, text."""
    values: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            values |= flat(value, f"{prefix}{key}.")
        else:
            values[prefix + key] = (
                value if isinstance(value, (bool, int, float, str)) else str(value)
            )
    return values
