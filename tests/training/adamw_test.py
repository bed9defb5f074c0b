"""Ours next to Keras's AdamW, whose numbers, variables and names it has; optimizer_test.py has the formulas."""

from __future__ import annotations

import collections

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.training.adamw import AdamW

SHAPES = {"encode/kernel": (5, 4), "encode/bias": (4,), "query/embeddings": (6, 3)}


def trained(kind: type, steps: int = 30) -> tuple[list[tf.Variable], list[tf.Variable]]:
    random = np.random.default_rng(0)
    variables = [
        tf.Variable(random.normal(size=shape).astype(np.float32), name=name)
        for name, shape in SHAPES.items()
    ]
    schedule = keras.optimizers.schedules.CosineDecay(0.1, steps)
    optimizer = kind(schedule, weight_decay=0.2, beta_2=0.9, global_clipnorm=2.0, jit_compile=False)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.build(variables)
    for _ in range(steps):
        gradients = [tf.constant(random.normal(size=v.shape), tf.float32) for v in variables[:2]]
        # As of an embedding: of some rows, one of them twice.
        rows = tf.constant(random.normal(size=(3, 3)), tf.float32)
        gradients.append(tf.IndexedSlices(rows, tf.constant([1, 4, 1]), tf.constant([6, 3])))
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return variables, optimizer.variables


def test_numbers_and_variables_are_those_of_keras():
    (ours, our_state), (theirs, their_state) = trained(AdamW), trained(keras.optimizers.AdamW)
    assert [v.name for v in our_state] == [v.name for v in their_state]
    for a, b in zip([*ours, *our_state], [*theirs, *their_state], strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


def test_a_checkpoint_of_keras_goes_on_in_ours(tmp_path):
    _, theirs = trained(keras.optimizers.AdamW)
    variables = [tf.Variable(tf.zeros(shape), name=name) for name, shape in SHAPES.items()]
    before, after = keras.optimizers.AdamW(0.1), AdamW(0.1)
    for optimizer in (before, after):
        optimizer.build(variables)
    for variable, value in zip(before.variables, theirs, strict=True):
        variable.assign(value)
    path = tf.train.Checkpoint(optimizer=before).save(str(tmp_path / "state"))
    tf.train.Checkpoint(optimizer=after).restore(path).assert_existing_objects_matched()
    for a, b in zip(after.variables, before.variables, strict=True):
        np.testing.assert_array_equal(a, b)


def test_every_weight_waits_for_its_own_gradient_and_for_no_other():
    """Else all gradients, or all weights twice, have to be held at once."""
    variables = [tf.Variable(tf.ones([3]), name=f"kernel_{i}") for i in range(3)]
    optimizer = AdamW(0.1, weight_decay=0.1, jit_compile=False)
    optimizer.build(variables)

    @tf.function
    def step(*gradients):
        optimizer.apply_gradients(
            zip(gradients, variables, strict=True), experimental_aggregate_gradients=False
        )

    graph = step.get_concrete_function(*[tf.TensorSpec([3])] * 3).graph
    kinds = collections.Counter(op.type for op in graph.get_operations())
    assert kinds["ResourceApplyAdam"] == 3 and not kinds["Sqrt"]
    arguments = {tensor.op.name: i for i, tensor in enumerate(graph.inputs[:3])}
    for op in graph.get_operations():
        if op.type not in ("ResourceApplyAdam", "AssignSubVariableOp"):
            continue
        seen, todo = set(), [op]
        while todo:
            one = todo.pop()
            for other in [*one.control_inputs, *(tensor.op for tensor in one.inputs)]:
                if other.name not in seen:
                    seen.add(other.name)
                    todo.append(other)
        assert len(seen & arguments.keys()) == 1, op.name
