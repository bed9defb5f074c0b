"""ONNX: any batch size, the right numbers under the right names, and operations that have no counterpart named."""

from __future__ import annotations

import builtins

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.errors import PerceiverError
from perceiver_keras.runtimes import graph, to_onnx
from tests import tiny_task as tiny
from tests.runtimes import models


def trace(answer=models.respond):
    return graph.trace(models.task(answer), tiny.CONFIG, models.one_layer(), None, plain=True)


def test_any_batch_size_has_the_numbers_of_the_weights() -> None:
    pytest.importorskip("tf2onnx", reason="the extra onnx is not installed")
    signature = trace()
    runtime = to_onnx.Runtime(to_onnx.converted(signature, "tiny"))
    for count in (1, 5):
        request = models.pixels(count)
        answers = runtime(request)
        assert sorted(answers) == signature.outputs
        np.testing.assert_allclose(answers["logits"], models.logits(request), rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(answers["pixels_output"], request["pixels"] * 2)


def test_attention_in_chunks_has_its_numbers() -> None:
    pytest.importorskip("tf2onnx", reason="the extra onnx is not installed")
    signature, exact = models.in_chunks()
    runtime = to_onnx.Runtime(to_onnx.converted(signature, "chunks"))
    for count in (1, 3):
        x = np.random.default_rng(count).normal(size=[count, 40, 4]).astype(np.float32)
        for answer in runtime({"x": x}).values():
            np.testing.assert_allclose(answer, exact(x), rtol=1e-4, atol=1e-5)


def test_what_has_no_counterpart_is_named() -> None:
    pytest.importorskip("tf2onnx", reason="the extra onnx is not installed")
    odd = trace(lambda i, outputs, c, l: {"odd": tf.math.bessel_i0e(outputs)})  # noqa: E741
    with pytest.raises(PerceiverError, match="no counterpart of BesselI0e"):
        to_onnx.converted(odd, "tiny")


def test_without_the_extra_the_package_and_the_command_are_named(monkeypatch) -> None:
    real = builtins.__import__

    def absent(name, *args, **kwargs):
        if name.split(".")[0] in ("onnx", "onnxruntime", "tf2onnx"):
            raise ImportError(f"No module named {name!r}", name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(PerceiverError, match=r"needs onnx; pip install 'perceiver-keras\[onnx\]'"):
        to_onnx.needed()
