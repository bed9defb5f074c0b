"""ServingValidator's verdicts through a fresh process, and what is refused before one starts; each says why.

`validate` is what the component calls; the component itself runs in the pipeline of `baseline_test.py`.
"""

import json
import os
import shutil
import textwrap

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.components import serving_check
from perceiver_keras.components.serving_validator import VERDICT_FILE, latency_of, validate

pytestmark = pytest.mark.tfx


def test_a_good_export_passes_in_a_process_without_our_package(good, monkeypatch, tmp_path):
    """The very script, run by a spy that afterwards tries to import what must not be there."""
    spy, seen = tmp_path / "spy.py", tmp_path / "seen.json"
    spy.write_text(
        textwrap.dedent(f"""
        import json, runpy, sys
        runpy.run_path({serving_check.__file__!r}, run_name="__main__")
        found = []
        for name in ("perceiver_keras", "pipeline", "components", "tests.tiny_task", "tensorflow_addons"):
            try:
                __import__(name)
                found.append(name)
            except ImportError:
                pass
        seen = dict(found=found, isolated=sys.flags.isolated, here={os.getcwd()!r} in sys.path)
        json.dump(seen, open({str(seen)!r}, "w"))
        """)
    )
    monkeypatch.setattr("perceiver_keras.components.serving_validator.CHECK", str(spy))
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    verdict = validate(good)
    assert verdict["cause"] is None and verdict["records"] == 8 and verdict["load_seconds"] > 0
    (tmp_path / VERDICT_FILE).write_text(json.dumps(verdict))
    assert verdict["latency"]["requests"] and latency_of(str(tmp_path)) == verdict["latency"]
    assert json.loads(seen.read_text()) == {"found": [], "isolated": 1, "here": False}


def test_a_verdict_without_latency_has_none(tmp_path):
    assert latency_of(str(tmp_path)) is None
    (tmp_path / VERDICT_FILE).write_text('{"cause": null}')  # of an earlier version
    assert latency_of(str(tmp_path)) is None


def test_ops_that_no_server_has(tmp_path):
    class Python(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        def f(self, x):
            return {"y": tf.numpy_function(np.sin, [x], tf.float32)}

    module = Python()
    tf.saved_model.save(module, str(tmp_path / "m"), signatures=module.f)
    assert (
        validate(str(tmp_path / "m"))["cause"] == "TensorFlow Serving 2.15.1 lacks the ops PyFunc"
    )


def test_half_written_and_garbage(copy):
    os.remove(f"{copy}/variables/variables.index")
    assert validate(copy)["cause"] == "it is half-written: variables/variables.index missing"
    with open(f"{copy}/saved_model.pb", "wb") as file:
        file.write(b"\xff" * 64)
    shutil.rmtree(f"{copy}/variables")
    assert "can't be read" in validate(copy)["cause"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import time; time.sleep(60)", "not loaded and tried within 2 s; raise timeout_seconds"),
        ("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL (out of memory?)"),
        ("raise MemoryError('no room')", "ended with 1: MemoryError: no room"),
        ("pass", "ended with 0: no message"),
    ],
)
def test_a_process_that_hangs_or_dies(good, code, words, monkeypatch, tmp_path):
    (tmp_path / "stub.py").write_text(code)
    monkeypatch.setattr(
        "perceiver_keras.components.serving_validator.CHECK", str(tmp_path / "stub.py")
    )
    assert words in validate(good, timeout_seconds=2 if "sleep" in code else 60)["cause"]
