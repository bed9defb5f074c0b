"""One MLP per task, against the same product task by task."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_keras.postprocess.task_heads import TaskHeads

TASKS, OUTPUTS, WIDTH = 3, 2, 4
HEAD = np.array([2, 0, 1, 2, 2], np.int32)


@pytest.mark.parametrize("decoded_per_task", [True, False], ids=["own", "shared"])
def test_each_example_has_the_mlp_of_its_task(decoded_per_task):
    rng = np.random.default_rng(0)
    decoded = rng.normal(size=(5, TASKS if decoded_per_task else 1, WIDTH)).astype(np.float32)
    layer = TaskHeads(num_tasks=TASKS, num_outputs=OUTPUTS)
    layer(decoded, inputs={"head": HEAD})
    weights = [rng.normal(size=w.shape) for w in layer.weights]
    layer.set_weights(weights)
    logits = layer(decoded, inputs={"head": HEAD}).numpy()
    hidden_kernel, hidden_bias, kernel, bias = weights
    for example, task in enumerate(HEAD):
        own = decoded[example, task if decoded_per_task else 0]
        units = slice(WIDTH * task, WIDTH * (task + 1))
        hidden = np.tanh(own @ hidden_kernel[:, units] + hidden_bias[units])
        out = slice(OUTPUTS * task, OUTPUTS * (task + 1))
        expected = hidden @ kernel[:, out] + bias[out]
        np.testing.assert_allclose(logits[example], expected, rtol=1e-4, atol=1e-5)
