"""What is said where there is no TPU, and what a batch must be. The copy of a replicated model: train_test.py."""

from __future__ import annotations

import socket
import time

import pytest
import tensorflow as tf

from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.training.tpu import check_batch, connect, is_tpu


@pytest.fixture
def unused_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        yield taken.getsockname()[1]


def test_an_address_at_which_nobody_listens_is_told_at_once(unused_port):
    """TensorFlow would wait for minutes."""
    start = time.monotonic()
    with pytest.raises(PerceiverError) as error:
        connect(f"grpc://127.0.0.1:{unused_port}")
    assert time.monotonic() - start < 15
    assert f"train.tpu=grpc://127.0.0.1:{unused_port}: no TPU was found" in str(error.value)
    assert "Connection refused" in str(error.value) and "train.strategy=auto" in str(error.value)


@pytest.mark.parametrize("name", ["grpc://", "grpc://host", ""])
def test_what_is_no_address_is_refused(name):
    with pytest.raises(PerceiverError, match="no TPU was found"):
        connect(name)


@pytest.mark.parametrize("name", [None, "local"])
def test_tensorflow_from_pypi_has_no_tpu_of_this_machine(name, monkeypatch):
    for variable in ("TPU_NAME", "KUBE_GOOGLE_CLOUD_TPU_ENDPOINTS"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(PerceiverError, match="this TensorFlow is built without TPUs"):
        connect(name)


def test_the_name_in_the_environment_is_taken(monkeypatch, unused_port):
    monkeypatch.setenv("TPU_NAME", f"grpc://127.0.0.1:{unused_port}")
    with pytest.raises(PerceiverError, match="Connection refused"):
        connect(None)


def test_the_cores_share_a_batch_equally():
    spec = ({"x": tf.TensorSpec([24, 3])}, tf.TensorSpec([24]))
    check_batch(spec, 8)
    with pytest.raises(UsageError, match="batch_size=24 .* 16 cores; use a multiple of 16"):
        check_batch(spec, 16)
    with pytest.raises(UsageError, match="of changing size"):
        check_batch(tf.TensorSpec([None, 3]), 8)


def test_other_strategies_are_not_taken_for_a_tpus():
    assert not is_tpu(tf.distribute.get_strategy())
    assert not is_tpu(tf.distribute.MirroredStrategy(["CPU:0"]))
