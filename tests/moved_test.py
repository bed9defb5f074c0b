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
