"""The number format of the models that are made now: Keras's global policy, as a context.

    with pk.precision("bfloat16"):
        model = pk.load("FOLDER")  # for inference: weights and computation in bfloat16

float32 is the default. mixed_bfloat16 computes in bfloat16 and keeps the weights in float32, which training needs.
bfloat16 also holds the weights in it, half as large and never converted again. Layer norms keep float32 weights and
statistics, and softmax sums in float32, under each of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tensorflow import keras


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """Layers that are made inside have `policy` for good: float32, mixed_bfloat16 or bfloat16."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)
