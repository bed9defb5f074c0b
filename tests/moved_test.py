"""Old names of modules mean the new ones, for `.keras` files that version 0.1 saved (tests/saved loads such files)."""

from __future__ import annotations

import json
import subprocess
import sys

from perceiver_keras.moved import MOVED

IMPORT = """
import importlib, json, sys
import perceiver_keras
moved = json.loads(sys.argv[1])
assert not set(moved) & set(sys.modules) and "tensorflow" not in sys.modules
for old, new in moved.items():
    assert importlib.import_module(old) is importlib.import_module(new), old
from perceiver_keras.optimize import WarmUpThen
from perceiver_keras.tasks.glue_model import GlueModel
assert WarmUpThen is sys.modules["perceiver_keras.training.optimizer"].WarmUpThen
assert GlueModel is perceiver_keras.GlueModel
perceiver_keras.moved.install()
assert sum(type(finder).__module__ == "perceiver_keras.moved" for finder in sys.meta_path) == 1
"""


def test_old_modules_are_the_new_ones():
    """In a fresh process, in which nothing else has imported them."""
    command = [sys.executable, "-c", IMPORT, json.dumps(MOVED)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-3000:]


OLD = [  # as version 0.1 serialized them
    ("perceiver_keras.metrics", "ColumnRatio", {"name": "a", "numerator": 1, "denominator": 0}),
    (
        "perceiver_keras.metrics",
        "BinnedAveragePrecision",
        {"name": "a", "num_classes": 3, "columns": True},
    ),
    ("perceiver_keras.agreement", "Agreement", {"name": "a", "statistics": [{"kind": "f1"}]}),
    ("perceiver_keras.tasks.flow_measures", "EndPointError", {"scale": 20.0}),
    ("perceiver_keras.tasks.glue", "GlueLoss", {"label_smoothing": 0.1}),
    (
        "perceiver_keras.tasks.multimodal_autoencoding",
        "ClipLoss",
        {"image_weight": 1.0, "audio_weight": 2.0, "label_weight": 3.0},
    ),
    ("perceiver_keras.tasks.starcraft_entities", "BattleLoss", {"winner_weight": 1.0}),
]
DESERIALIZE = """
import json, sys
from tensorflow import keras
import perceiver_keras
for module, name, config in json.loads(sys.argv[1]):
    serialized = {"module": module, "class_name": name, "config": config}
    serialized["registered_name"] = f"perceiver_keras>{name}"
    made = keras.saving.deserialize_keras_object(serialized)
    assert type(made).__name__ == name
    kept = made.get_config()
    told = {key: value for key, value in config.items() if key in kept and key != "statistics"}
    assert told and told == {key: kept[key] for key in told}, kept
"""


def test_old_metrics_and_losses_are_found_in_a_fresh_process():
    command = [sys.executable, "-c", DESERIALIZE, json.dumps(OLD)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-3000:]
