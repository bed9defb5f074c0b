"""A process that only predicts keeps weights in oneDNN's order: its answers are those of one that does not.

`stack.only_predicts` sets TensorFlow's own switch, which is read once per process, so each side is a process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from perceiver_keras import stack

VARIABLE = "TF_ONEDNN_ASSUME_FROZEN_WEIGHTS"
CONV = {"kind": "ConvStem", "channels": 8}
TASKS = {
    "image_classification": ["model.image_size=[16,16]", f"model.stem={json.dumps(CONV)}"],
    "language_mlm": [],
    "optical_flow": [],
    "multimodal_autoencoding": ["model.attention_memory_mb=1"],  # decoded in chunks
}
# Two models of each task, asked in turn, with two batch sizes and two inputs each.
PROGRAM = """
import json, sys
import numpy as np, tensorflow as tf
from perceiver_keras import stack
from perceiver_keras.tasks import registry
folder, tasks = sys.argv[1], json.loads(sys.argv[2])
if sys.argv[3] == "only":
    stack.only_predicts()
found = {}
for name, settings in tasks.items():
    task = registry.get(name)
    models = []
    for seed in range(2):
        tf.keras.utils.set_random_seed(seed)
        model = task.build(task.configure("tiny", overrides=settings)).build_all()
        draw = np.random.default_rng(seed)  # for what begins at zero
        model.set_weights([w + 0.1 * draw.standard_normal(w.shape) for w in model.get_weights()])
        models.append(tf.function(lambda inputs, model=model: model(inputs, training=False)))
    specs = model.symbolic_inputs()
    for size, seed in ((1, 0), (3, 0), (1, 1), (3, 1)):
        draw = np.random.default_rng(seed)
        inputs = tf.nest.map_structure(
            lambda s: tf.cast(draw.uniform(0, 2, [size, *s.shape[1:]]), s.dtype), specs
        )
        for number, model in enumerate(models):
            for part, output in enumerate(tf.nest.flatten(model(inputs))):
                found[f"{name} {size} {seed} {number} {part}"] = output.numpy()
np.savez(folder, **found)
"""


@pytest.mark.slow
def test_its_answers_are_those_of_any_process(tmp_path: Path) -> None:
    sides, environment = {}, {k: v for k, v in os.environ.items() if k != VARIABLE}
    for side in ("only", "any"):
        words = [str(tmp_path / f"{side}.npz"), json.dumps(TASKS), side]
        command = [sys.executable, "-c", PROGRAM, *words]
        sides[side] = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    for side, process in sides.items():
        _, said = process.communicate()
        assert process.returncode == 0, f"{side}: {said}"
    only, other = (dict(np.load(tmp_path / f"{side}.npz")) for side in sides)
    assert only.keys() == other.keys() and len(only) >= 8 * len(TASKS)
    for name, value in only.items():
        np.testing.assert_allclose(value, other[name], rtol=1e-3, atol=1e-4, err_msg=name)
        task, size, seed, number, part = name.split()
        if (
            number == "1"
        ):  # the two models differ, so that the weights of one are no answer of the other
            assert np.abs(value - only[f"{task} {size} {seed} 0 {part}"]).max() > 1e-2


def test_who_sets_the_variable_is_heard(monkeypatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    stack.only_predicts()
    assert os.environ[VARIABLE] == "1"
    monkeypatch.setenv(VARIABLE, "0")
    stack.only_predicts()
    assert os.environ[VARIABLE] == "0"
