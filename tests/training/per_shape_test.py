"""LAMB traced once per shape, against the same optimizer written out for every weight."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras import stack
from perceiver_keras.config import TrainConfig
from perceiver_keras.training import optimizer as optimizers

TRAIN = TrainConfig(
    steps=50,
    learning_rate=0.05,
    warmup_steps=5,
    optimizer="lamb",
    weight_decay=0.1,
    clip_norm=3.0,
)
LAYER = {
    "kernel": (6, 5),
    "bias": (6, 5),
    "scale": (6,),
}  # the bias is of the kernel's shape and not decayed


def weights(layers: int) -> list[tf.Variable]:
    generator = np.random.default_rng(0)
    return [
        tf.Variable(generator.normal(size=shape).astype(np.float32), name=f"layer_{i}/{name}")
        for i in range(layers)
        for name, shape in LAYER.items()
    ]


def written_out(monkeypatch: pytest.MonkeyPatch) -> Any:
    with monkeypatch.context() as patch:
        patch.setattr(optimizers, "traced_per_shape", lambda lamb: lamb)
        return optimizers.make_optimizer(TRAIN)


def graph_of(
    optimizer: Any, variables: list[tf.Variable]
) -> tf.types.experimental.ConcreteFunction:
    optimizers.build_optimizer(optimizer, variables)

    @tf.function
    def apply(gradients: list[tf.Tensor]) -> None:
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    return apply.get_concrete_function([tf.TensorSpec(v.shape) for v in variables])


def operations(graph: tf.types.experimental.ConcreteFunction) -> int:
    definition = graph.graph.as_graph_def()
    return len(definition.node) + sum(len(f.node_def) for f in definition.library.function)


@pytest.fixture(params=["of this stack", "ours"])
def lamb(request, monkeypatch) -> str:
    if request.param == "ours":
        monkeypatch.setattr(stack, "addons", lambda: None)
    return request.param


def test_the_numbers_are_those_of_the_update_written_out(lamb, monkeypatch) -> None:
    made, results = [optimizers.make_optimizer(TRAIN), written_out(monkeypatch)], []
    assert type(made[0]) is type(made[1])
    for optimizer in made:
        variables = weights(2)
        apply = graph_of(optimizer, variables)
        for step in range(20):
            generator = np.random.default_rng(step)
            apply([tf.constant(generator.normal(size=v.shape), tf.float32) for v in variables])
        results.append([*variables, *optimizer.variables()])
    for one, other in zip(*results, strict=True):
        assert one.name == other.name
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert np.abs(results[0][0] - weights(1)[0]).max() > 0.1


def test_another_weight_of_a_known_shape_costs_few_operations(lamb, monkeypatch) -> None:
    def more(make) -> float:
        few, many = (operations(graph_of(make(), weights(layers))) for layers in (2, 12))
        return (many - few) / (10 * len(LAYER))

    assert (
        more(lambda: optimizers.make_optimizer(TRAIN))
        < 15
        < 35
        < more(lambda: written_out(monkeypatch))
    )
