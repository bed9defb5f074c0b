"""Frozen weights keep their bits, and what thaws is trained as if its optimizer had just been made."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config_tree import override
from perceiver_keras.errors import UsageError
from perceiver_keras.layers.linear import weights_by_path
from perceiver_keras.tasks import registry
from perceiver_keras.training.freeze import Freeze, clipped
from tests import tiny_training
from tests.tiny_training import CONFIG


class Headed(tiny_training.Classifier):
    """The head is the last layer; a batch norm before it."""

    heads = ("contract/",)

    def __init__(self, config):
        super().__init__(config)
        self.norm = keras.layers.BatchNormalization(name="norm")

    def call(self, inputs, training=None):
        hidden = self.norm(self.expand(inputs), training=training)
        return tf.cast(self.contract(self.dropout(hidden, training=training)), tf.float32)


TASK = dataclasses.replace(tiny_training.TASK, model=Headed)
FROZEN = ("expand", "norm")


def train(folder, *settings, steps=8, monkeypatch):
    monkeypatch.setattr(tiny_training, "TASK", TASK)
    config = override(CONFIG, f"train.steps={steps}", "train.checkpoint_every=4", *settings)
    return tiny_training.train(config, folder, validation=None)


def arrays(model):
    return {weight.name: weight.numpy() for weight in model.weights}


def start(monkeypatch):
    """The weights before the first step."""
    keras.utils.set_random_seed(CONFIG.train.seed)
    model = Headed(CONFIG.model)
    model(tf.zeros([1, tiny_training.CHANNELS]))
    return arrays(model)


def changed(before, after):
    names = {name for name, value in after.items() if value.dtype.kind == "f"}
    return {name for name in names if before[name].tobytes() != after[name].tobytes()}


@pytest.mark.parametrize(
    ("optimizer", "more"), [("lamb", ()), ("adamw", ("train.gradient_accumulation=2",))]
)
def test_only_the_head_changes(optimizer, more, tmp_path, monkeypatch):
    """Weight decay, averages and the statistics of batch norm included."""
    settings = ("train.freeze=all_but_head", f"train.optimizer={optimizer}", *more)
    trained = train(tmp_path, *settings, monkeypatch=monkeypatch)
    names = changed(start(monkeypatch), arrays(trained.model))
    assert {name.split("/")[-2] for name in names} == {"contract"} and len(names) == 2
    checkpoint = tf.train.load_checkpoint(str(tmp_path / "ckpt-8"))
    shapes = checkpoint.get_variable_to_shape_map()
    slots = {tuple(s) for name, s in shapes.items() if s and ("optimizer" in name or "/m/" in name)}
    assert slots == {(16, tiny_training.CLASSES), (tiny_training.CLASSES,)}  # the head's alone


def test_after_the_thaw_all_change(tmp_path, monkeypatch):
    settings = ("train.freeze=all_but_head", "train.unfreeze_at=5")
    frozen = train(tmp_path / "a", *settings, steps=5, monkeypatch=monkeypatch)
    before = start(monkeypatch)
    assert len(changed(before, arrays(frozen.model))) == 2
    thawed = train(tmp_path / "b", *settings, steps=6, monkeypatch=monkeypatch)
    assert changed(before, arrays(thawed.model)) == {
        n for n in before if before[n].dtype.kind == "f"
    }


THAWS = ("train.freeze=all_but_head", "train.unfreeze_at=4", "train.schedule=constant")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The weights at the end of a run that was not stopped."""
    with pytest.MonkeyPatch.context() as patch:
        trained = train(tmp_path_factory.mktemp("whole"), *THAWS, monkeypatch=patch)
    return arrays(trained.model)


@pytest.mark.parametrize("at", [3, 6])
def test_a_run_in_two_parts_ends_with_the_same_bits(at, whole, tmp_path, monkeypatch):
    """Stopped before and after the step that thaws."""
    train(tmp_path, *THAWS, steps=at, monkeypatch=monkeypatch)
    again = train(tmp_path, *THAWS, monkeypatch=monkeypatch)
    assert again.resumed_from == at
    assert not changed(whole, arrays(again.model))


def test_the_first_step_after_the_thaw_is_an_optimizers_first(tmp_path, monkeypatch):
    """AdamW's first step has the size of the learning rate; with the run's step in its bias correction it is larger."""
    settings = ("train.freeze=all_but_head", "train.unfreeze_at=30", "train.optimizer=adamw")
    settings += ("train.weight_decay=0", "train.schedule=constant", "train.ema_decay=0")
    settings += ("train.learning_rate=0.001", "train.epsilon=1e-12", "train.warmup_steps=0")
    trained = train(tmp_path, *settings, steps=31, monkeypatch=monkeypatch)
    name = next(name for name in arrays(trained.model) if "expand/kernel" in name)
    moved = np.abs(arrays(trained.model)[name] - start(monkeypatch)[name])
    assert np.quantile(moved[moved > 0], 0.9) == pytest.approx(1e-3, rel=0.01)


def test_what_cannot_be_frozen_is_said():
    task = registry.get("image_classification")
    model = task.build(task.preset("tiny").config).build_all()
    train = task.preset("tiny").config.train
    late = Freeze(model, dataclasses.replace(train, freeze="encoder")).late
    path_of = {id(weight): path for path, weight in weights_by_path(model).items()}
    stages = [path_of[id(v)].split("/")[0] for v in model.trainable_variables]
    assert late == [stage in ("preprocess", "encode", "process") for stage in stages]
    with pytest.raises(UsageError, match="train.unfreeze_at: nothing is frozen"):
        Freeze(model, dataclasses.replace(train, unfreeze_at=3))
    model.heads = ()
    with pytest.raises(UsageError, match="has no head of its own"):
        Freeze(model, dataclasses.replace(train, freeze="all_but_head"))


def test_steps_are_told_apart():
    freeze = Freeze.__new__(Freeze)
    freeze.until, freeze.late = 5, [True, False]
    assert [freeze.at(step) for step in (0, 4, 5, 9)] == [True, True, False, False]
    assert [freeze.steps_left(step) for step in (0, 4, 5)] == [5, 1, None] and freeze.thaws
    freeze.until = None
    assert freeze.at(10**9) and freeze.steps_left(3) is None and not freeze.thaws


def test_the_norm_is_that_of_all_gradients():
    got = clipped([tf.constant([3.0]), None, tf.constant([4.0])], 1.0, replicas=1)
    np.testing.assert_allclose([got[0][0], got[2][0]], [0.6, 0.8], rtol=1e-6)
    assert got[1] is None
    assert clipped([tf.constant([3.0])], None, replicas=1)[0][0] == 3.0
