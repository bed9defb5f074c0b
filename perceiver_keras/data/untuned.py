"""tf.data without the thread that tunes it.

TensorFlow 2.15 looks for better settings ever less often, in the end once a minute, and deleting an iterator waits for
the next look: a training of 100 seconds needed 43 more to end, in which nothing was computed. A map on as many threads
as there are cores needs no tuning.
"""

from __future__ import annotations

import tensorflow as tf

from perceiver_keras.child_processes import cores


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The same elements; to be applied last."""
    return dataset.with_options(untuned_options())


def untuned_options() -> tf.data.Options:
    """For a dataset that has other options, too."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return options


def threads() -> int:
    """How many calls of a map to make at once."""
    return len(cores())
