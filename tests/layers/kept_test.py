"""What is kept for a gradient: the input alone."""

from __future__ import annotations

import tensorflow as tf

from perceiver_keras.layers.kept import keeping_input


def cube(x):
    return x * x * x


def of_cube(upstream, x):
    return 3.0 * upstream * x * x


def test_the_gradient_is_the_given_one():
    x = tf.constant([1.0, -2.0])
    for run in (
        keeping_input,
        tf.function(keeping_input),
        tf.function(keeping_input, jit_compile=True),
    ):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = run(cube, of_cube, x)
        assert tape.gradient(y, x).numpy().tolist() == [3.0, 12.0]
        assert y.numpy().tolist() == [1.0, -8.0]


def test_nothing_of_the_gradient_is_computed_before_it_is_needed():
    """All of its operations come after what arrives from above, though some of them need the input alone."""

    @tf.function
    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.sin(keeping_input(cube, lambda upstream, x: upstream * tf.cosh(x), x))
        return tape.gradient(y, x)

    graph = run.get_concrete_function(tf.TensorSpec([3])).graph
    (early,) = (op for op in graph.get_operations() if op.type == "Cosh")
    seen, todo = set(), [early]
    while todo:
        op = todo.pop()
        for other in [*op.control_inputs, *(tensor.op for tensor in op.inputs)]:
            if other.name not in seen:
                seen.add(other.name)
                todo.append(other)
    assert "Cos" in {graph.get_operation_by_name(name).type for name in seen}
