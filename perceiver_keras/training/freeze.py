"""Weights that `train.freeze` keeps as they are, up to `train.unfreeze_at` or to the end.

Frozen weights get no gradient, no weight decay and no optimizer state. Dropout in frozen parts stays on, as in the
PyTorch peer (krasserm/perceiver-io); a frozen batch norm uses its stored statistics and leaves them alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import TrainConfig
from perceiver_keras.errors import UsageError
from perceiver_keras.layers.linear import weights_by_path

ENCODER = ("preprocess/", "encode/", "process/")


class Freeze:
    """Which of a model's trainable variables are frozen, and until which step.

    Attributes:
      late: For each of `model.trainable_variables` whether it is frozen at first.
      until: The first step that trains everything; None: none does, and 0 if nothing is frozen.

    Raises:
      UsageError: there is nothing to freeze or nothing left to train, or a step without anything frozen.
    """

    def __init__(self, model: keras.Model, train: TrainConfig):
        variables = model.trainable_variables
        frozen = _frozen(model, train.freeze)
        self.late = [id(variable) in frozen for variable in variables]
        self.until = train.unfreeze_at if frozen else 0
        self._norms = [
            layer
            for layer in model.submodules
            if isinstance(layer, keras.layers.BatchNormalization)
            and layer.weights
            and all(id(weight) in frozen for weight in layer.weights)
        ]
        if not frozen and train.unfreeze_at is not None:
            raise UsageError("train.unfreeze_at: nothing is frozen; set train.freeze too.")

    @property
    def thaws(self) -> bool:
        """Whether a step comes from which on frozen variables are trained."""
        return any(self.late) and self.until is not None

    def at(self, step: int) -> bool:
        """Whether the step with this number, from 0, leaves the frozen variables alone."""
        return self.until is None or step < self.until

    def steps_left(self, step: int) -> int | None:
        """How many steps there are until something changes; None: nothing will."""
        return self.until - step if self.until is not None and step < self.until else None

    @contextlib.contextmanager
    def applied(self, frozen: bool) -> Iterator[None]:
        """While a step is traced: frozen batch norms use their stored statistics."""
        for norm in self._norms if frozen else ():
            norm.trainable = False
        try:
            yield
        finally:
            for norm in self._norms:
                norm.trainable = True


def clipped(
    gradients: Sequence[tf.Tensor | None], norm: float | None, replicas: int
) -> list[tf.Tensor | None]:
    """Gradients summed over replicas, scaled to at most this global norm (None: as they are); in replica context.

    Two optimizers must not clip on their own: each would see only the norm of its part.
    """
    if replicas > 1:
        context = tf.distribute.get_replica_context()
        gradients = [
            None if gradient is None else context.all_reduce(tf.distribute.ReduceOp.SUM, gradient)
            for gradient in gradients
        ]
    return list(gradients) if norm is None else tf.clip_by_global_norm(gradients, norm)[0]


def _frozen(model: keras.Model, freeze: str) -> set[int]:
    """The ids of the weights to freeze, those of batch norm's statistics included."""
    if freeze == "none":
        return set()
    paths, heads = weights_by_path(model), getattr(model, "heads", ())
    if freeze == "all_but_head" and not heads:
        raise UsageError(
            f"train.freeze=all_but_head: {model.name} has no head of its own for labels; "
            "use train.freeze=encoder."
        )
    chosen = {
        path: weight
        for path, weight in paths.items()
        if (path.startswith(ENCODER) if freeze == "encoder" else not path.startswith(heads))
    }
    trained = {id(variable) for variable in model.trainable_variables}
    frozen = {id(weight) for weight in chosen.values()}
    if not trained & frozen or not trained - frozen:
        raise UsageError(f"train.freeze={freeze}: it leaves nothing to freeze or nothing to train.")
    return frozen
