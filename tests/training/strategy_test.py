"""Where the steps run, and how a run finds its place in the data again."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import tensorflow as tf

from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.layers.xla import for_xla
from perceiver_keras.training.strategy import (
    Batches,
    compilers,
    make_strategy,
    uses_xla,
)
from tests.tiny_training import CONFIG


def train(**changes):
    return dataclasses.replace(CONFIG.train, **changes)


def numbers() -> tf.data.Dataset:
    return tf.data.Dataset.range(1 << 40).batch(2)


def test_on_one_device_the_default_strategy_and_no_xla():
    """Tests see no GPU."""
    assert make_strategy(train()) is tf.distribute.get_strategy()
    assert make_strategy(train(strategy="none")) is tf.distribute.get_strategy()
    assert not uses_xla(train())
    assert uses_xla(train(jit_compile="on")) and not uses_xla(train(jit_compile="off"))
    assert isinstance(make_strategy(train(strategy="mirrored")), tf.distribute.MirroredStrategy)


def test_a_tpu_is_named_with_its_strategy_only():
    with pytest.raises(UsageError, match="train.tpu=local, but train.strategy=auto"):
        make_strategy(train(tpu="local"))
    with pytest.raises(PerceiverError, match="no TPU was found"):
        make_strategy(train(strategy="tpu", tpu="local"))
    # There, everything is compiled without being asked for.
    assert not uses_xla(train(strategy="tpu", jit_compile="on"))


def test_on_a_cpu_xla_gets_the_gradients_alone():
    def traced(compiler):
        seen = []
        tf.function(compiler(lambda x: seen.append(for_xla())))(tf.constant(0))
        return seen[-1]

    assert [traced(compiler) for compiler in compilers(train(jit_compile="on"))] == [False, True]
    assert [traced(compiler) for compiler in compilers(train(jit_compile="off"))] == [False, False]
    assert [traced(c) for c in compilers(train(jit_compile="on"), replicas=2)] == [False, True]


@pytest.mark.parametrize("callable_", [False, True])
def test_one_replica_saves_its_iterator_and_goes_on_from_it(callable_, tmp_path):
    source = (lambda strategy: numbers()) if callable_ else numbers()
    batches = Batches(source, tf.distribute.get_strategy())
    assert [next(batches.iterator).numpy().tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    path = tf.train.Checkpoint(**batches.saved).write(str(tmp_path / "saved"))
    again = Batches(source, tf.distribute.get_strategy())
    tf.train.Checkpoint(**again.saved).read(path).assert_consumed()
    again.go_to(2)  # changes nothing: the place is the iterator's own
    assert next(again.iterator).numpy().tolist() == [4, 5]


class TwoReplicas:
    """Splits batches as a strategy of two replicas does; real ones need a process of their own (train_test.py)."""

    num_replicas_in_sync = 2

    def experimental_distribute_dataset(self, dataset):
        return ((batch[:1], batch[1:]) for batch in dataset)

    def distribute_datasets_from_function(self, make):
        return ((batch, None) for batch in make(None))


@pytest.mark.parametrize("callable_", [False, True])
def test_several_replicas_skip_what_was_used(callable_):
    source = (lambda strategy: numbers()) if callable_ else numbers()
    batches = Batches(source, TwoReplicas())
    assert batches.saved == {} and batches.iterator is None
    batches.go_to(3)
    first = [replica[0] for replica in itertools.islice(batches.iterator, 1)]
    assert first[0].numpy().tolist() == ([6, 7] if callable_ else [6])


def test_shared_data_is_asked_for_this_workers_part():
    class Data:
        facts = {"examples": 3}
        asked = []

        def batches(self, **part):
            self.asked.append(part)
            return numbers()

    class OneOfTwo(TwoReplicas):
        """Two workers of one device each."""

    data = Data()
    batches = Batches(data, OneOfTwo(), worker=1, workers=2)
    assert batches.facts == {"examples": 3}
    batches.go_to(5)
    part = {"worker": 1, "workers": 2, "replicas": 1}
    assert data.asked == [part | {"used": 0}, part | {"used": 5}]
    assert next(batches.iterator)[0].numpy().tolist() == [0, 1]
