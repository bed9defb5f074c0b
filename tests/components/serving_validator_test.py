"""ServingValidator's verdicts on good and bad exports; each refusal says why.

`validate` is what the component calls; the component itself runs in `pushing_test.py`'s pipeline.
"""

import json
import os
import shutil
import textwrap

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from components import serving_check
from components.serving_validator import validate
from perceiver_keras.export import WARMUP_FILE, export_saved_model
from tests import tiny_task as tiny

pytestmark = pytest.mark.tfx


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("validator") / "model")
    return export_saved_model(
        tiny.TASK, tiny.CONFIG, tiny.model(), folder, labels=tiny.LABELS, warmup=tiny.examples(3)
    )


@pytest.fixture
def copy(good, tmp_path):
    shutil.copytree(good, tmp_path / "copy")
    return str(tmp_path / "copy")


def logs_of(folder):
    records = tf.data.TFRecordDataset(f"{folder}/{WARMUP_FILE}").as_numpy_iterator()
    return [prediction_log_pb2.PredictionLog.FromString(record) for record in records]


def write_records(folder, records):
    with tf.io.TFRecordWriter(f"{folder}/{WARMUP_FILE}") as writer:
        for record in records:
            writer.write(record if isinstance(record, bytes) else record.SerializeToString())


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
    monkeypatch.setattr("components.serving_validator.CHECK", str(spy))
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    verdict = validate(good)
    assert verdict["cause"] is None and verdict["records"] == 8 and verdict["load_seconds"] > 0
    assert json.loads(seen.read_text()) == {"found": [], "isolated": 1, "here": False}


# === TensorFlow Serving's six warm-up cases: no file, empty, bad format, too many, unparsable, run failure ===


def cause_here(folder):
    """The check that the fresh process runs, without the 10 s of starting one."""
    return serving_check.check(folder, 1e-5)["cause"]


def test_no_warmup_file(copy):
    os.remove(f"{copy}/{WARMUP_FILE}")
    assert cause_here(copy) == f"there is no {WARMUP_FILE}: nothing to try it with"


def test_empty_warmup_file(copy):
    write_records(copy, [])
    assert (
        "has no request for serving_default, serving_examples, serving_tensors, evaluate"
        in cause_here(copy)
    )


def test_warmup_file_of_another_format(copy):
    with open(f"{copy}/{WARMUP_FILE}", "wb") as file:
        file.write(b'{"instances": [1, 2, 3]}, and some more text')
    assert "is no TFRecord file" in cause_here(copy)


def test_too_many_records(copy, monkeypatch):
    assert serving_check.MAX_RECORDS == 1000
    monkeypatch.setattr(serving_check, "MAX_RECORDS", 8)
    assert cause_here(copy) is None
    write_records(copy, (logs_of(copy) * 2)[:9])
    assert cause_here(copy).endswith("has more than 8 records")


@pytest.mark.parametrize("record", [b"\xff\xff\xff", b"", b"\x0a\x00"])
def test_unparsable_record(copy, record):
    write_records(copy, [*logs_of(copy), record])
    assert f"record 8 of {WARMUP_FILE} is no PredictionLog" in cause_here(copy)


def test_run_failure(copy):
    logs = logs_of(copy)
    logs[0].predict_log.request.inputs["image_bytes"].CopyFrom(
        tf.make_tensor_proto([b"no picture"])
    )
    write_records(copy, logs)
    assert cause_here(copy).startswith("serving_default fails on a warm-up request: ")


# === Wrong answers, wrong graphs, wrong folders ===


def test_one_signature_without_request(copy):
    kept = [
        log
        for log in logs_of(copy)
        if log.predict_log.request.model_spec.signature_name != "evaluate"
    ]
    write_records(copy, kept)
    assert cause_here(copy) == f"{WARMUP_FILE} has no request for evaluate"


def test_an_answer_unlike_the_trainers(copy):
    good = logs_of(copy)

    def with_answer(change):
        logs = [
            prediction_log_pb2.PredictionLog.FromString(log.SerializeToString()) for log in good
        ]
        outputs = logs[0].predict_log.response.outputs
        outputs["probabilities"].CopyFrom(
            tf.make_tensor_proto(change(tf.make_ndarray(outputs["probabilities"])))
        )
        write_records(copy, logs)
        return cause_here(copy)

    assert with_answer(lambda p: p * np.float32(1 + 1e-6)) is None
    assert "differs by" in with_answer(lambda p: p * np.float32(1 + 1e-4))
    assert "differs by" in with_answer(lambda p: p * np.float32("nan"))
    assert "shape" in with_answer(lambda p: p[0])
    assert "is float32, the trainer's was float64" in with_answer(lambda p: p.astype(np.float64))
    logs = logs_of(copy)
    logs[0] = good[0]
    logs[0].predict_log.response.outputs["label"].CopyFrom(tf.make_tensor_proto([b"mauve"]))
    write_records(copy, logs)
    assert "label is [b'" in cause_here(copy) and "mauve" in cause_here(copy)
    del logs[0].predict_log.response.outputs["label"]
    write_records(copy, logs)
    assert "serving_default answers ['label', 'probabilities'], the trainer" in cause_here(copy)


def test_another_models_weights(copy, tmp_path):
    other = export_saved_model(tiny.TASK, tiny.CONFIG, tiny.model(seed=1), str(tmp_path / "other"))
    shutil.rmtree(f"{copy}/variables")
    shutil.copytree(f"{other}/variables", f"{copy}/variables")
    assert "the trainer's" in cause_here(
        copy
    )  # a label or a probability, whichever is looked at first


def test_missing_signature_and_ops_that_no_server_has(tmp_path):
    class Python(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        def f(self, x):
            return {"y": tf.numpy_function(np.sin, [x], tf.float32)}

    module = Python()
    tf.saved_model.save(module, str(tmp_path / "m"), signatures=module.f)
    assert (
        validate(str(tmp_path / "m"))["cause"] == "TensorFlow Serving 2.15.1 lacks the ops PyFunc"
    )
    assert "lacks the signature serving_examples" in cause_here(str(tmp_path / "m"))


def test_half_written_and_garbage(copy):
    os.remove(f"{copy}/variables/variables.index")
    assert validate(copy)["cause"] == "it is half-written: variables/variables.index missing"
    with open(f"{copy}/saved_model.pb", "wb") as file:
        file.write(b"\xff" * 64)
    assert "doesn't load" in cause_here(copy)
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
    monkeypatch.setattr("components.serving_validator.CHECK", str(tmp_path / "stub.py"))
    assert words in validate(good, timeout_seconds=2 if "sleep" in code else 60)["cause"]
