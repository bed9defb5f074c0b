"""The learning rate of a larger batch than the one for which it was chosen."""

from __future__ import annotations

import dataclasses

from perceiver_keras.config import TaskConfig, TrainConfig
from perceiver_keras.errors import UsageError

# The rate grows with this power of the batch. Linear is the rule of SGD (arXiv 1706.02677, section 2.1), the square
# root that of LAMB (arXiv 1904.00962, section 4).
_POWERS = {"linear": 1.0, "sqrt": 0.5}


def scaled(config: TaskConfig) -> TrainConfig:
    """`config.train` with the learning rate that `train.learning_rate_scaling` makes of it.

    The batch is that of one optimizer step, over all replicas, workers and micro-batches. `train.warmup_steps` stays:
    LAMB's paper has as many steps of warm-up for each batch (their share of the shorter run grows with it).

    Raises:
      UsageError: one of the two settings is there without the other, or the batch is not positive.
    """
    train = config.train
    rule, base = train.learning_rate_scaling, train.learning_rate_batch
    if rule == "none":
        if base is not None:
            raise UsageError(
                f"train.learning_rate_batch={base} does nothing without a rule; set train.learning_rate_scaling=sqrt "
                "(LAMB) or linear too, or leave it out."
            )
        return train
    if base is None or base < 1:
        raise UsageError(
            f"train.learning_rate_scaling={rule} needs the batch for which train.learning_rate={train.learning_rate:g} "
            f"is meant: set train.learning_rate_batch to 1 or more, got {'null' if base is None else base}."
        )
    factor = (config.data.batch_size * train.gradient_accumulation / base) ** _POWERS[rule]
    return dataclasses.replace(train, learning_rate=train.learning_rate * factor)
