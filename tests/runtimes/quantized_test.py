"""The loss by eight bits: a runtime in the model's place gives the model's metrics, and a worse one worse ones."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_keras.config_tree import override
from perceiver_keras.runtimes import graph, quantized, saved
from perceiver_keras.tasks import registry
from tests.runtimes import models


@pytest.fixture(scope="module")
def parts():
    model, task = models.classifier(), registry.get("image_classification")
    config = override(model.task_config, "data.max_examples=40")
    return task, config, model, graph.trace(task, config, model, None, plain=False)


def test_what_answers_like_the_model_has_its_metrics(parts) -> None:
    *rest, signature = parts
    found = quantized.losses(*rest, saved.Runtime(signature), signature, print)
    assert (found["split"], found["examples"]) == ("test", 40)
    assert found["before"].keys() == found["after"].keys() and "accuracy" in found["before"]
    for name, value in found["before"].items():
        assert found["after"][name] == pytest.approx(value, rel=1e-4)


def test_what_answers_otherwise_has_other_metrics(parts) -> None:
    *rest, signature = parts

    def guess(request):
        size = len(request["inputs"])
        return {name: np.zeros([size, 10], np.float32) for name in signature.outputs}

    found = quantized.losses(*rest, guess, signature, print)
    assert found["after"]["loss"] == pytest.approx(np.log(10), rel=1e-4)
    assert found["before"]["loss"] != pytest.approx(np.log(10), rel=1e-2)
