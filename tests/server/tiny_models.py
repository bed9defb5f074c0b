"""A SavedModel in plain TensorFlow with a signature for each kind of request; it needs nothing of this project."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf

# The reference of TensorFlow Serving's own pages: y = x / 2 + 2.
HALF, BIAS = 0.5, 2.0


class Tiny(tf.Module):
    """`bias` tells which version has answered."""

    def __init__(self, bias: float) -> None:
        super().__init__()
        self.bias = tf.Variable(bias, dtype=tf.float32)

    def half_plus(self, x):
        return {"y": x * HALF + self.bias}

    def two_inputs(self, a, b):
        return {"a": a, "sum": a + tf.cast(tf.reduce_sum(b, -1), tf.float32)}

    def text(self, text):
        return {
            "upper": tf.strings.upper(text),
            "length": tf.strings.length(text),
            "same_bytes": text,
        }

    def total(self, values):
        """A number per row of any length, and what another's padding adds to it."""
        return {"total": tf.reduce_sum(values, -1)}

    def kinds(self, flag, small, large, double):
        return {"flag": tf.logical_not(flag), "small": small, "large": large, "double": double}

    def scalar(self, x):
        return {"y": x * HALF + self.bias}

    def checked(self, x):
        """Refuses what is negative, as a decoder refuses a picture."""
        with tf.control_dependencies([tf.debugging.assert_non_negative(x, "a negative value")]):
            return {"root": tf.sqrt(x)}

    def slow(self, steps):
        """Counts to the largest of `steps`: about a million per second."""
        most = tf.reduce_max(steps)
        count = tf.while_loop(lambda i: i < most, lambda i: (i + 1,), (tf.constant(0, tf.int64),))[
            0
        ]
        return {"count": tf.fill(tf.shape(steps), count)}

    def _parsed(self, inputs):
        return tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]

    def classify(self, inputs):
        x = self._parsed(inputs)
        classes = tf.tile([[b"low", b"high"]], [tf.shape(x)[0], 1])
        return {"classes": classes, "scores": tf.concat([1.0 - x, x], 1)}

    def regress(self, inputs):
        return {"outputs": self._parsed(inputs) * HALF + self.bias}


def save(folder: Path, bias: float = BIAS, only: tuple[str, ...] = ()) -> Path:
    """Writes the model to `folder`, with `only` these signatures if there are any, and returns it."""
    model = Tiny(bias)
    spec = tf.TensorSpec
    numbers, strings = spec([None], tf.float32), spec([None], tf.string)
    kinds = [spec([None], kind) for kind in (tf.bool, tf.uint8, tf.int64, tf.float64)]
    specs = {
        "serving_default": (model.half_plus, [numbers]),
        "two_inputs": (model.two_inputs, [numbers, spec([None, 2], tf.int64)]),
        "text": (model.text, [strings]),
        "total": (model.total, [spec([None, None], tf.float32)]),
        "kinds": (model.kinds, kinds),
        "scalar": (model.scalar, [spec([], tf.float32)]),
        "checked": (model.checked, [numbers]),
        "slow": (model.slow, [spec([None], tf.int64)]),
        "classify": (model.classify, [strings]),
        "regress": (model.regress, [strings]),
    }
    signatures = {
        name: tf.function(call).get_concrete_function(*_named(call, ends))
        for name, (call, ends) in specs.items()
        if not only or name in only
    }
    tf.saved_model.save(model, str(folder), signatures=signatures)
    return folder


def _named(call, ends):
    names = call.__code__.co_varnames[1 : call.__code__.co_argcount]
    return [tf.TensorSpec(e.shape, e.dtype, name) for e, name in zip(ends, names, strict=True)]


def publish(saved: Path, base: Path, version: int) -> Path:
    """Copies a SavedModel to `base/version`, whole in one step, as a push does."""
    base.mkdir(parents=True, exist_ok=True)
    aside = base / f".{version}.tmp"
    shutil.copytree(saved, aside)
    return aside.rename(base / str(version))


def half_plus_two(x) -> np.ndarray:
    """What the default signature answers."""
    return np.asarray(x, np.float32) * HALF + BIAS
