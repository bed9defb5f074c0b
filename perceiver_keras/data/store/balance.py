"""Class-balanced sampling in the stream: in training, examples of all classes come equally often.

Examples of rare classes are repeated within an epoch, each copy with its own augmentation. Repetition alone would put
thousands of copies of one example next to each other if a class is very rare; so no example is repeated more than
`MOST_COPIES` times, and if that is not enough, examples of common classes sit out some epochs. Whether an example is
used, and how often, is a function of (seed, epoch, index): nothing is stored, and an interrupted run continues exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from perceiver_keras.data.seeds import fold_in
from perceiver_keras.errors import UsageError

MOST_COPIES = 16


@dataclass(frozen=True)
class Balance:
    """How often examples of each class are used per epoch.

    Attributes:
      label: What to parse: {feature: its spec}, one whole number per example.
      rates: By class, the mean number of copies; 0 for a class without examples.
      epoch: How many examples an epoch has on average.
    """

    label: Mapping[str, Any]
    rates: tuple[float, ...]
    epoch: int

    def copies(self, example: tf.Tensor, index: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
        """How often a serialized example is used in an epoch: int64 [].

        Args:
          example: string [].
          index: Of the example, int64 [].
          key: Seed of the epoch, int32 [2].
        """
        (label,) = tf.io.parse_single_example(example, dict(self.label)).values()
        rate = tf.gather(tf.constant(self.rates, tf.float32), label)
        draw = tf.random.stateless_uniform([], fold_in(key, index), alg="philox")
        whole = tf.floor(rate)
        return tf.cast(whole, tf.int64) + tf.cast(draw < rate - whole, tf.int64)


def balanced(
    examples: tf.data.Dataset, feature_spec: Mapping[str, Any], name: str | None
) -> Balance:
    """The balance of a data set, whose labels are read once.

    Args:
      examples: Serialized examples, string [].
      feature_spec: Of the task's examples.
      name: The feature with the class.

    Raises:
      UsageError: an example has not one class but several, a number, or none.
    """
    spec = feature_spec.get(name)
    if spec is None or spec.dtype != tf.int64 or list(getattr(spec, "shape", [None])) != []:
        raise UsageError(
            "data.balance=oversample: the examples of this task have no single class each; "
            "use data.balance=none."
        )
    counts = np.zeros(0, np.int64)
    label = {name: spec}
    for batch in examples.batch(4096).map(lambda e: tf.io.parse_example(e, label)[name]):
        if tf.reduce_min(batch) < 0:
            raise UsageError(
                f"data.balance=oversample: label {tf.reduce_min(batch)} is not a class; use data.balance=none."
            )
        counts_here = np.bincount(batch.numpy(), minlength=len(counts))
        counts_here[: len(counts)] += counts
        counts = counts_here
    rates = class_rates(counts)
    return Balance(label, tuple(rates.tolist()), max(round(float((rates * counts).sum())), 1))


def class_rates(counts: np.ndarray) -> np.ndarray:
    """Mean copies per example of each class, so that all classes have equally many: [K] -> float64 [K].

    The commonest class is used once and the others more often, or all in proportion less, up to `MOST_COPIES`.
    """
    counts = np.asarray(counts, np.float64)
    present = counts > 0
    wanted = min(counts.max(initial=0), MOST_COPIES * counts[present].min(initial=np.inf))
    return np.divide(wanted, counts, out=np.zeros_like(counts), where=present)
