"""One pass over the test split: mistakes and calibration, against NumPy on the model's own probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.components.model import answers as module
from perceiver_keras.components.model.answers import answers
from perceiver_keras.config_tree import override
from perceiver_keras.metrics import calibration
from perceiver_keras.tasks import registry

TASK = registry.get("image_classification")
COUNT = 50


@pytest.fixture(scope="module")
def parts():
    config = override(
        TASK.preset("tiny").config,
        "model.encode.num_latents=3",
        "model.process.num_self_attention_layers=1",
    )
    rng = np.random.default_rng(0)
    size, channels = config.model.image_size, config.model.channels
    pictures = rng.normal(size=(COUNT, *size, channels)).astype(np.float32)
    truth = rng.integers(0, 10, COUNT)
    model = TASK.build(config).build_all()
    batches = tf.data.Dataset.from_tensor_slices((pictures, truth)).batch(7)
    probabilities = tf.nn.softmax(model(pictures, training=False)).numpy()
    return model, batches, config, probabilities, truth


def test_calibration_is_that_of_the_models_probabilities(parts) -> None:
    model, batches, config, probabilities, truth = parts
    found = answers(TASK, model, batches, config, None)
    [(name, bins)] = found.bins.items()
    assert name == "calibration_error" and len(bins) == calibration.BINS
    said, right = probabilities.max(-1), probabilities.argmax(-1) == truth
    places = np.ceil(said * calibration.BINS).astype(int) - 1
    for place, entry in enumerate(bins):
        there = places == place
        assert entry["count"] == there.sum()
        if there.any():
            assert entry["confidence"] == pytest.approx(said[there].mean(), rel=1e-5)
            assert entry["accuracy"] == pytest.approx(right[there].mean(), rel=1e-5)
    assert found.mistakes.wrong == (~right).sum()


def test_each_batch_is_computed_once(parts, monkeypatch) -> None:
    model, batches, config, *_ = parts
    calls, predict = [], model.predict_on_batch
    monkeypatch.setattr(
        model, "predict_on_batch", lambda inputs: calls.append(len(inputs)) or predict(inputs)
    )
    answers(TASK, model, batches, config, None)
    assert calls == [7] * 7 + [1]


def test_of_a_split_that_takes_too_long_the_first_examples_are_judged(parts, monkeypatch) -> None:
    model, batches, config, _, truth = parts
    monkeypatch.setattr(module, "JUDGED_SECONDS", -1)
    found = answers(TASK, model, batches, config, None).mistakes
    assert found.names == [str(i) for i in range(10)]
    assert found.support.tolist() == np.bincount(truth[:7], minlength=10).tolist()  # a batch


def test_a_task_without_classes_or_probabilities_is_not_asked() -> None:
    flow = registry.get("optical_flow")

    def batches():
        raise AssertionError("read")

    found = answers(flow, None, batches, flow.preset("tiny").config, None)
    assert found.mistakes is None and found.bins == {}
