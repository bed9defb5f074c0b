"""What version 0.1 saved loads with today's code, with the same outputs: presets, `.keras` files, exports."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import perceiver_keras as pk
from perceiver_keras.config_tree import to_dict
from perceiver_keras.serve import Servable
from perceiver_keras.tasks import registry

# The tasks of that version.
NAMES = [name for name in registry.names() if name != "text_classification"]
ARCHIVE = Path(__file__).with_name("version_0_1.zip")
EXACT = 1e-6  # of the largest magnitude; it was made on another machine, maybe


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(folder)
    return folder


def values(folder: Path, kind: str) -> list[np.ndarray]:
    """Inputs or outputs, in order."""
    with np.load(folder / "values.npz") as arrays:
        count = sum(name.startswith(kind) for name in arrays)
        return [arrays[f"{kind}_{i}"] for i in range(count)]


def outputs_of(model, folder: Path) -> list[np.ndarray]:
    inputs = map(tf.constant, values(folder, "input"))
    inputs = tf.nest.pack_sequence_as(model.symbolic_inputs(), list(inputs))
    return [np.asarray(output) for output in tf.nest.flatten(model(inputs, training=False))]


def assert_same(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=EXACT * max(np.abs(theirs).max(), 1))


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_folder_loads(saved: Path, name: str) -> None:
    folder = saved / name
    model = pk.load(folder / "preset")
    assert_same(outputs_of(model, folder), values(folder, "output"))
    # Whatever it named then is named so today: what is written again is what was read, and settings made since.
    stored = json.loads((folder / "preset" / "config.json").read_text())
    again = json.loads(json.dumps(to_dict(model.task_config)))
    assert _common(again, stored) == stored


def _common(tree, stored):
    """The part of a tree of settings that the stored one has."""
    if not isinstance(stored, dict) or not isinstance(tree, dict):
        return tree
    return {key: _common(tree[key], value) for key, value in stored.items() if key in tree}


LOAD = """
import sys
import numpy as np
from tensorflow import keras
import perceiver_keras as pk
from tests.saved import version_0_1_test as saved
from pathlib import Path

assert not [name for name in sys.modules if name.startswith("perceiver_keras.tasks.") and name.endswith(".model")]
for name in sys.argv[2:]:
    folder = Path(sys.argv[1]) / name
    model = keras.models.load_model(str(folder / "model.keras"))
    saved.assert_same(saved.outputs_of(model, folder), saved.values(folder, "output"))
    print(type(model).__name__)
"""


def test_keras_files_load_in_a_fresh_process(saved: Path, repository: Path) -> None:
    """Keras imports the module that the file names, as it was called then."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(saved), *NAMES],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == [registry.get(name).model.__name__ for name in NAMES]


def test_an_export_answers(saved: Path) -> None:
    folder = saved / "image_classification"
    servable = Servable(str(folder / "export"))
    assert servable.version == 1
    assert servable.task["task"] == "image_classification"
    (pictures,), (logits,) = values(folder, "input"), values(folder, "output")
    answer = servable.predict("serving_tensors", inputs=pictures)
    exponents = np.exp(logits - logits.max(-1, keepdims=True))
    expected = exponents / exponents.sum(-1, keepdims=True)
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
