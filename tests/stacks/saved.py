"""What one stack saves and the other reads: presets, `.keras` files, exports, and training that goes on.

python -m tests.stacks.saved read HERE write THERE
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow import keras

import perceiver_keras as pk
from perceiver_keras.config_tree import override
from perceiver_keras.data.store import source
from perceiver_keras.export import export_saved_model
from perceiver_keras.serve import Servable
from perceiver_keras.tasks import registry
from tests import tiny_training
from tests.saved.version_0_1_test import outputs_of, values

EXPORTED = ("image_classification", "language_mlm")
OPTIMIZERS = ("adamw", "lamb")
# Of the largest magnitude: kernels of two versions of TensorFlow add in another order.
NEAR = 1e-5
FIRST, LAST = 15, 30  # steps of training: on one stack, and on the other


def write(folder: Path) -> None:
    """A model of each task with random weights, and what it computes; half a training with each optimizer."""
    for name in registry.names():
        write_model(folder / name, name)
    for optimizer in OPTIMIZERS:
        train(folder / optimizer, optimizer, FIRST)


def write_model(folder: Path, name: str) -> None:
    task = registry.get(name)
    config = task.presets["tiny"].config
    keras.utils.set_random_seed(5)
    model = task.build(config).build_all()
    folder.mkdir(parents=True)
    inputs = tf.nest.map_structure(_random_like, model.symbolic_inputs())
    outputs = model(inputs, training=False)
    arrays = {
        f"{kind}_{i}": np.asarray(array)
        for kind, tree in (("input", inputs), ("output", outputs))
        for i, array in enumerate(tf.nest.flatten(tree))
    }
    np.savez(folder / "values.npz", **arrays)
    model.save_to_preset(folder / "preset", task_config=config)
    model.save(str(folder / "model.keras"))
    if name in EXPORTED:
        builder = source.open_builder(config.data.dataset)
        records = source.take(source.builder_records(builder, config.data.test_split), 2)
        labels = source.label_names(builder, task.examples.label_key)
        export_saved_model(
            task, config, model, str(folder / "export" / "1"), labels=labels, warmup=records
        )
        columns = Servable(str(folder / "export")).predict("evaluate", examples=records)
        np.savez(folder / "columns.npz", **columns)
        (folder / "records").write_bytes(b"".join(_with_length(record) for record in records))


def _random_like(symbolic) -> tf.Tensor:
    """A batch of two: numbers below two, which every vocabulary has, or from a normal distribution."""
    shape = [2, *symbolic.shape[1:]]
    generator = np.random.default_rng(len(shape))
    if symbolic.dtype.is_floating:
        return tf.constant(generator.normal(size=shape), symbolic.dtype)
    return tf.cast(tf.constant(generator.integers(0, 2, size=shape)), symbolic.dtype)


def _with_length(record: bytes) -> bytes:
    return len(record).to_bytes(8, "little") + record


def _records(stored: bytes) -> list[bytes]:
    found = []
    while stored:
        size = int.from_bytes(stored[:8], "little")
        found.append(stored[8 : 8 + size])
        stored = stored[8 + size :]
    return found


def read(folder: Path) -> None:
    """Everything in it gives the numbers that its writer got, and each training ends as an unbroken one."""
    for name in registry.names():
        expected = values(folder / name, "output")
        assert_near(outputs_of(pk.load(folder / name / "preset"), folder / name), expected)
        model = keras.models.load_model(str(folder / name / "model.keras"))
        assert type(model) is registry.get(name).model
        assert_near(outputs_of(model, folder / name), expected)
        if name in EXPORTED:
            records = _records((folder / name / "records").read_bytes())
            columns = Servable(str(folder / name / "export")).predict("evaluate", examples=records)
            with np.load(folder / name / "columns.npz") as stored:
                assert sorted(columns) == sorted(stored.files)
                assert_near(
                    [columns[key] for key in stored.files], [stored[key] for key in stored.files]
                )
    for optimizer in OPTIMIZERS:
        goes_on = train(folder / optimizer, optimizer, LAST)
        assert goes_on.resumed_from == FIRST
        unbroken = train(folder / f"{optimizer}_unbroken", optimizer, LAST)
        ours, theirs = (list(tiny_training.weights(t.model).values()) for t in (unbroken, goes_on))
        # Half of the steps were another version's.
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)


def assert_near(found, expected) -> None:
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=NEAR * max(np.abs(theirs).max(), 1))


def train(state: Path, optimizer: str, steps: int):
    settings = (f"train.steps={steps}", f"train.optimizer={optimizer}", "train.schedule=constant")
    return tiny_training.train(override(tiny_training.CONFIG, *settings), str(state))


if __name__ == "__main__":
    for what, where in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        {"read": read, "write": write}[what](Path(where))
