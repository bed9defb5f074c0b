"""TPUs: how to get at them, what they ask of a batch, and a copy of the model for what is done on the host."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from tensorflow import keras
from tensorflow.python.framework import kernels

from perceiver_keras.config import TaskConfig
from perceiver_keras.errors import PerceiverError, UsageError, first_line
from perceiver_keras.tasks.task import Task

# TensorFlow itself waits for minutes for an address at which nobody listens.
_PATIENCE = 10.0


def find(name: str | None) -> Any:
    """The resolver of a TPU, which is not touched; an address is asked whether somebody listens there.

    Args:
      name: Of a Cloud TPU, or grpc://HOST:PORT, or "local": of this machine. None: what the environment says
        (TPU_NAME, or Kubernetes's variable), else "local".

    Raises:
      PerceiverError: there is none, or this TensorFlow has no support for one of this machine.
    """
    with _refusals(name):
        resolver = _resolver(name)
        _ask(resolver.master())
        return resolver


def connect(name: str | None) -> tf.distribute.TPUStrategy:
    """The strategy of all cores of a TPU, which it initializes; what the TPU held before is lost.

    Takes and raises what `find` does.
    """
    resolver = find(name)
    with _refusals(name):
        # Not `TPUClusterResolver.connect`: in TensorFlow 2.15 it calls the next function without an argument it needs.
        if resolver.master():
            tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    return tf.distribute.TPUStrategy(resolver)


@contextlib.contextmanager
def _refusals(name: str | None) -> Iterator[None]:
    """Whatever is raised inside says that there is no TPU, and what to do."""
    try:
        yield
    except (ValueError, RuntimeError, OSError, tf.errors.OpError) as error:
        wanted = "" if name is None else f", train.tpu={name}"
        raise PerceiverError(
            f"train.strategy=tpu{wanted}: no TPU was found ({first_line(error)}). On a TPU VM use its own TensorFlow "
            "and train.tpu=local; elsewhere give the TPU's name or grpc://HOST:PORT. Without a TPU: "
            "train.strategy=auto."
        ) from error


def _resolver(name: str | None) -> Any:
    make = tf.distribute.cluster_resolver.TPUClusterResolver
    if name is not None:
        return make(name)
    try:
        return make()
    except ValueError:  # the environment names none
        return make("local")


def _ask(master: str) -> None:
    """Raises `OSError` if nobody listens at the address of a TPU, `RuntimeError` if none can be started here."""
    if not master:
        # PyPI's TensorFlow can talk to TPUs elsewhere, but has no kernel that starts one here.
        if not kernels.get_registered_kernels_for_op("_ConfigureDistributedTPU").kernel:
            raise RuntimeError("this TensorFlow is built without TPUs")
        return
    if not master.startswith("grpc://"):
        return
    host, _, port = master.removeprefix("grpc://").partition("/")[0].rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"expected grpc://HOST:PORT, got {master}")
    socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()


def is_tpu(strategy: tf.distribute.Strategy) -> bool:
    return isinstance(strategy, tf.distribute.TPUStrategy)


def check_batch(spec: Any, replicas: int) -> None:
    """A TPU's programs have fixed shapes, so all cores get equally many examples.

    Args:
      spec: Of a whole batch (inputs, targets).
      replicas: How many cores share it.

    Raises:
      UsageError: the size of the batch is unknown or can't be shared equally.
    """
    size = tf.nest.flatten(spec)[0].shape[0]
    if size is None or size % replicas:
        raise UsageError(
            f"data.batch_size={size or 'of changing size'} can't be shared equally by the TPU's {replicas} cores; use "
            f"a multiple of {replicas}."
        )


def on_host(task: Task, config: TaskConfig, model: keras.Model, spec: Any) -> keras.Model:
    """A copy of a replicated model whose weights are plain ones, for pictures, for saving and for serving.

    Args:
      spec: Of a batch of inputs.
    """
    with tf.device("CPU:0"):
        copy = task.build(config)
        tf.function(lambda inputs: copy(inputs, training=False)).get_concrete_function(spec)
        copy.set_weights(model.get_weights())
    return copy
