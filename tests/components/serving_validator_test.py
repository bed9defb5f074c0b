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

from perceiver_keras.components.serving import serving_check, serving_skew
from perceiver_keras.components.serving_validator import (
    SKEW_TOLERANCE,
    VERDICT_FILE,
    Bounds,
    latency_of,
    validate,
)
from perceiver_keras.data.store.records import file_records, write_records
from perceiver_keras.errors import PerceiverError
from perceiver_keras.export import export_saved_model
from tests import tiny_task as tiny

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


# === What it costs ===


def test_size_and_memory_are_measured_and_bounded(good):
    verdict = validate(good, baseline=good, bounds=Bounds(max_slowdown=3.0, max_memory_mb=1.0))
    files = [os.path.join(path, name) for path, _, names in os.walk(good) for name in names]
    assert verdict["size_bytes"] == sum(len(open(file, "rb").read()) for file in files)  # noqa: SIM115
    assert verdict["peak_memory_bytes"] > 100 << 20  # TensorFlow alone
    assert 0.3 < verdict["slowdown"] < 3 and verdict["baseline"]["latency"]["requests"]
    peak = verdict["peak_memory_bytes"] / 2**20
    assert verdict["cause"] == (
        f"evaluate.max_memory_mb is 1 and it takes {peak:.4g} MiB of memory at the peak"
    )


MEASURED = {
    "latency": {"requests": [{"p95_ms": 12.0}, {"p95_ms": 80.0}]},
    "slowdown": 10.0,
    "load_seconds": 4.0,
    "peak_memory_bytes": 300 << 20,
    "size_bytes": 20 << 20,
}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("max_latency_ms", 12.0, "ms, 95th percentile of one example"),
        ("max_slowdown", 10.0, "times the one-example latency of the last blessed model"),
        ("max_load_seconds", 4.0, "s to load"),
        ("max_memory_mb", 300.0, "MiB of memory at the peak"),
        ("max_size_mb", 20.0, "MiB on disk"),
    ],
)
def test_a_bound_is_named_with_the_value(name, value, words):
    assert Bounds().cause(MEASURED) is None
    assert Bounds(**{name: value}).cause(MEASURED) is None
    cause = Bounds(**{name: value / 2}).cause(MEASURED)
    assert cause.startswith(f"evaluate.{name} is {value / 2:g} and it takes {value:g} {words}")
    absent = MEASURED | {"latency": None, "slowdown": None, "peak_memory_bytes": None}
    if name in ("max_latency_ms", "max_slowdown", "max_memory_mb"):
        assert Bounds(**{name: value / 2}).cause(absent) is None


def test_all_bounds_that_are_exceeded_are_named():
    cause = Bounds(max_load_seconds=1.0, max_memory_mb=400.0, max_size_mb=2.0).cause(MEASURED)
    first, second = cause.split("; ")
    assert first == "evaluate.max_load_seconds is 1 and it takes 4 s to load"
    assert second == "evaluate.max_size_mb is 2 and it takes 20 MiB on disk"


# === Training against serving ===


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("records") / "examples.gz")
    write_records(tiny.examples(40), path)
    return file_records(path)


def asking(records):
    def ask(path):
        serving_skew.write_requests(
            path, tiny.TASK, tiny.CONFIG, tiny.model(), tiny.LABELS, records
        )
        return SKEW_TOLERANCE

    return ask


def test_a_good_export_answers_as_training_does(good, records):
    verdict = validate(good, ask=asking(records))
    assert verdict["cause"] is None
    assert verdict["skew"]["examples"] == 40 and verdict["skew"]["stage"] is None


def test_serving_that_swaps_channels_is_refused_although_its_own_warm_up_agrees(records, tmp_path):
    def serve(model, raw, config, labels):
        turned = lambda inputs, training: model(  # noqa: E731
            {"pixels": inputs["pixels"][..., ::-1]}, training=training
        )
        return tiny.TASK.serving.serve(turned, raw, config, labels)

    folder = export_saved_model(
        tiny.with_fields("serving", serve=serve),
        tiny.CONFIG,
        tiny.model(),
        str(tmp_path / "m"),
        labels=tiny.LABELS,
        warmup=tiny.examples(3),
    )
    assert validate(folder)["cause"] is None
    verdict = validate(folder, ask=asking(records))
    assert verdict["cause"].startswith(
        "serving differs from training, first at raw input → model input: the model's input 'pixels' "
        "in serving_default differs by "
    )
    assert verdict["cause"].endswith(", as if its channels were in reverse order")
    assert verdict["skew"]["stage"] == "raw input → model input"


def test_a_trained_model_that_fails_is_the_cause(good):
    def ask(path):
        raise PerceiverError("model.weights.h5 is gone")

    cause = validate(good, ask=ask)["cause"]
    assert cause == "the trained model fails on stored examples: model.weights.h5 is gone"


@pytest.mark.parametrize("error", [KeyError("text"), ValueError("shapes differ")])
def test_whatever_the_trained_model_raises_is_a_verdict(good, error) -> None:
    def ask(path: str) -> float:
        raise error

    cause = validate(good, ask=ask)["cause"]
    assert cause.startswith(f"the trained model fails on stored examples: {type(error).__name__}: ")


def test_what_its_files_declare_wrongly_is_the_cause_before_it_is_tried(good) -> None:
    verdict = validate(good, wrong="the export names 9 classes, and the data 10")
    assert verdict["cause"] == "the export names 9 classes, and the data 10"
    assert verdict["records"] == 0 and verdict["size_bytes"] > 0
