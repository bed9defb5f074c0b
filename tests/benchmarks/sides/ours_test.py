"""Our adapter: the models that users have, counted and called."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import tensorflow as tf

from perceiver_keras.benchmarks.cases import Case
from perceiver_keras.benchmarks.sides import ours
from perceiver_keras.tasks import registry
from perceiver_keras.training.cost import estimate

ONE_LAYER = ("model.process.num_self_attention_layers=1",)


def case(**fields: Any) -> dict[str, Any]:
    base = Case(
        name="x/y",
        kind="forward",
        task="image_classification",
        preset="tiny",
        settings=ONE_LAYER,
    )
    return dataclasses.replace(base, **fields).as_json() | {"threads": 2}


@pytest.fixture(autouse=True)
def threads(monkeypatch) -> None:
    """This process has its threads already; a worker is new."""
    for name in ("inter", "intra"):
        monkeypatch.setattr(
            tf.config.threading, f"set_{name}_op_parallelism_threads", lambda count: None
        )


def test_a_forward_pass_and_what_it_costs() -> None:
    told = ours.describe(case(batch=3))
    task = registry.get("image_classification")
    config = task.configure("tiny", overrides=ONE_LAYER)
    cost = estimate(task, config, batch_size=1, evaluation_batch_size=1)
    assert told["parameters"] == cost.parameters
    one = ours.describe(case(batch=1))["flops"]
    assert one == pytest.approx(cost.flops, rel=0.02)
    assert 2.5 * one < told["flops"] < 3 * one  # the latents' query is the same for all three
    assert told["model"]["stem"] == {
        "kind": "PatchStem",
        "spatial_downsample": 2,
        "temporal_downsample": 1,
        "linear_channels": None,
    }
    built = ours.build(case(batch=3))
    built["compile"]()
    built["call"]()
    assert built["parameters"] == told["parameters"] and built["examples"] == 3


def test_all_outputs_of_a_clip_are_counted_and_points_only_where_they_are_asked_for() -> None:
    """The loss of a training step reads a few points of a clip; a forward pass makes all of it."""
    clip = {"task": "multimodal_autoencoding"}
    whole, points = (ours.describe(case(**clip, points=p))["flops"] for p in (False, True))
    assert whole > 1.5 * points


def test_a_call_is_that_many_training_steps_and_the_policy_stays_as_it_was() -> None:
    built = ours.build(case(kind="train", batch=4, steps=3, precision="bfloat16"))
    built["compile"]()
    built["call"]()
    assert built["examples"] == 12
    assert tf.keras.mixed_precision.global_policy().name == "float32"


def test_a_pipeline_delivers_batches() -> None:
    built = ours.build(case(kind="pipeline", batch=8, steps=2))
    built["call"]()
    assert built["examples"] == 16


def test_products_are_those_of_matrices() -> None:
    ours.build(case(kind="products", task="", preset="", batch=None, steps=2, x=16))["call"]()
