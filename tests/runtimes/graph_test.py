"""The graph for converters: numbers only, nothing that a converter lacks, and the same answers."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.runtimes import graph
from perceiver_keras.tasks import registry
from tests import tiny_task as tiny
from tests.runtimes import models


@pytest.fixture(scope="module")
def signature():
    return graph.trace(models.task(), tiny.CONFIG, models.one_layer(), None, plain=True)


def test_texts_and_arrays_of_unknown_size_are_left_out_and_said(signature) -> None:
    assert signature.outputs == ["logits", "pixels_output", "probabilities"]
    assert signature.left_out["label"].startswith("GatherV2 makes texts")
    assert "Where makes an array whose size depends on the values" in signature.left_out["bright"]
    assert signature.shape("probabilities") == (None, 3)


def test_the_models_own_output_is_there_under_the_name_that_it_has_or_another(signature) -> None:
    assert signature.own == "logits"
    other = models.task(lambda i, outputs, c, l: {"probabilities": tf.nn.softmax(outputs)})  # noqa: E741
    traced = graph.trace(other, tiny.CONFIG, models.one_layer(), None, plain=True)
    assert traced.own == graph.OWN and traced.outputs == [graph.OWN, "probabilities"]


def test_frozen_it_has_weights_and_no_checks_and_answers_the_same(signature) -> None:
    found = graph.frozen(signature)
    ops = graph.operations(found.graph)
    assert not {op for op in ops if "Variable" in op or op == "Assert" or "Call" in op}
    request = models.pixels(5)
    whole = tf.Graph()
    with whole.as_default(), tf.compat.v1.Session() as session:
        tf.import_graph_def(found.graph, name="")
        answers = session.run(dict(found.outputs), {found.inputs["pixels"]: request["pixels"]})
    np.testing.assert_allclose(answers["logits"], models.logits(request), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(answers["pixels_output"], request["pixels"] * 2)


def test_a_perceiver_has_neither_loops_nor_kernels_that_converters_lack() -> None:
    model = models.classifier()
    task = registry.get("image_classification")
    for plain in (True, False):
        traced = graph.trace(task, model.task_config, model, model.labels, plain=plain)
        ops = {operation.type for operation in traced.function.graph.get_operations()}
        assert ("FusedBatchNormV3" in ops) == (not plain)
        if plain:
            assert not {op for op in ops if "While" in op or "Call" in op or "TensorList" in op}
        assert traced.inputs["inputs"].shape.as_list() == [None, 8, 8, 1]
