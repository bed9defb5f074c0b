"""The check itself, run in this process: what it says of spoilt exports. The fresh process is serving_validator's."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from perceiver_keras import saved_model
from perceiver_keras.components.serving import serving_check
from perceiver_keras.export import export_saved_model
from perceiver_keras.saved_model import WARMUP_FILE
from tests import tiny_task as tiny


def logs_of(folder):
    records = tf.data.TFRecordDataset(f"{folder}/{WARMUP_FILE}").as_numpy_iterator()
    return [prediction_log_pb2.PredictionLog.FromString(record) for record in records]


def write_records(folder, records):
    with tf.io.TFRecordWriter(f"{folder}/{WARMUP_FILE}") as writer:
        for record in records:
            writer.write(record if isinstance(record, bytes) else record.SerializeToString())


def cause_here(folder):
    return serving_check.check(folder, 1e-5)["cause"]


def test_a_good_export_is_fit(good) -> None:
    verdict = serving_check.check(good, 1e-5)
    assert verdict["cause"] is None and verdict["records"] == len(logs_of(good)) == 8
    assert verdict["load_seconds"] > 0 and verdict["slowest_seconds"] > 0


def test_the_served_request_is_timed_alone_and_in_a_batch(good) -> None:
    latency = serving_check.check(good, 1e-5)["latency"]
    cores = len(os.sched_getaffinity(0))
    assert f", {cores} core" in latency["machine"] and latency["machine"].endswith(", Linux")
    sizes = sorted(
        log.predict_log.request.inputs[name].tensor_shape.dim[0].size
        for log in logs_of(good)
        if log.predict_log.request.model_spec.signature_name == "serving_default"
        for name in list(log.predict_log.request.inputs)[:1]
    )
    assert [row["examples"] for row in latency["requests"]] == sizes and len(sizes) == 2
    for row in latency["requests"]:
        assert 0 < row["p50_ms"] <= row["p95_ms"]
        assert 1 <= row["repeats"] <= serving_check.MOST_REPEATS


def test_percentiles_are_those_of_the_times_and_a_slow_model_is_tried_once(
    good, monkeypatch
) -> None:
    _, signatures = serving_check.load(good)
    [log, *_] = [
        log
        for log in serving_check.warmup_logs(good)
        if log.request.model_spec.signature_name == "serving_default"
    ]
    took = np.arange(1, 101)
    clock = iter(np.stack([np.zeros(100), took / 1000], -1).ravel())
    monkeypatch.setattr(serving_check.time, "perf_counter", lambda: float(next(clock)))
    monkeypatch.setattr(serving_check, "TIMED_SECONDS", 60.0)
    [row] = serving_check.latency(signatures, [log])["requests"]
    assert row["repeats"] == 100
    assert row["p50_ms"] == pytest.approx(np.median(took))
    assert row["p95_ms"] == pytest.approx(np.quantile(took, 0.95))
    clock = iter([0.0, 70.0])
    [row] = serving_check.latency(signatures, [log])["requests"]
    assert (row["repeats"], row["p50_ms"], row["p95_ms"]) == (1, 70_000, 70_000)


def test_it_knows_by_itself_what_our_package_says() -> None:
    """It may import nothing of ours, so these are written there again."""
    for name in ("SIGNATURES", "WARMUP_FILE"):
        assert getattr(serving_check, name) == getattr(saved_model, name)
    assert serving_check.MAX_RECORDS == saved_model.MAX_WARMUP_RECORDS


# === TensorFlow Serving's six warm-up cases: no file, empty, bad format, too many, unparsable, run failure ===


def test_no_warmup_file(copy):
    os.remove(f"{copy}/{WARMUP_FILE}")
    assert cause_here(copy) == f"there is no {WARMUP_FILE}, so there is nothing to try it with"


def test_empty_warmup_file(copy):
    write_records(copy, [])
    assert (
        "has no request for serving_default, serving_examples, serving_tensors, evaluate"
        in cause_here(copy)
    )


def test_warmup_file_of_another_format(copy):
    with open(f"{copy}/{WARMUP_FILE}", "wb") as file:
        file.write(b'{"instances": [1, 2, 3]}, and some more text')
    assert "is not a TFRecord file" in cause_here(copy)


def test_too_many_records(copy, monkeypatch):
    assert serving_check.MAX_RECORDS == 1000
    monkeypatch.setattr(serving_check, "MAX_RECORDS", 8)
    assert cause_here(copy) is None
    write_records(copy, (logs_of(copy) * 2)[:9])
    assert cause_here(copy).endswith("has more than 8 records")


@pytest.mark.parametrize("record", [b"\xff\xff\xff", b"", b"\x0a\x00"])
def test_unparsable_record(copy, record):
    write_records(copy, [*logs_of(copy), record])
    assert f"record 8 of {WARMUP_FILE} is not a PredictionLog" in cause_here(copy)


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


def test_an_answer_that_is_no_number_is_refused_even_if_the_trainer_gave_it(tmp_path):
    model = tiny.model()
    model.head.bias.assign([0.0, np.nan, 0.0])
    folder = export_saved_model(
        tiny.TASK, tiny.CONFIG, model, str(tmp_path / "m"), warmup=tiny.examples(2)
    )
    assert "serving_default's probabilities has " in cause_here(folder)
    assert cause_here(folder).endswith(" of 3 numbers that are not finite")


def test_another_models_weights(copy, tmp_path):
    other = export_saved_model(tiny.TASK, tiny.CONFIG, tiny.model(seed=1), str(tmp_path / "other"))
    shutil.rmtree(f"{copy}/variables")
    shutil.copytree(f"{other}/variables", f"{copy}/variables")
    assert "the trainer's" in cause_here(
        copy
    )  # a label or a probability, whichever is looked at first


def test_a_missing_signature(tmp_path) -> None:
    module = tf.Module()
    module.f = tf.function(lambda x: {"y": x}, input_signature=[tf.TensorSpec([None])])
    tf.saved_model.save(module, str(tmp_path / "m"), signatures=module.f)
    assert "lacks the signature serving_examples" in cause_here(str(tmp_path / "m"))


def test_a_graph_that_is_garbage(copy) -> None:
    with open(f"{copy}/saved_model.pb", "wb") as file:
        file.write(b"\xff" * 64)
    assert "doesn't load" in cause_here(copy)


# === Its costs ===


def slowed(folder, rounds):
    """An export that also multiplies large matrices, one after the other, in each request."""

    def serve(model, raw, config, labels):
        answer = tiny.TASK.serving.serve(model, raw, config, labels)
        product = tf.eye(256) * tf.reduce_sum(answer["probabilities"])
        for _ in range(rounds):
            product = tf.tanh(tf.matmul(product, product))
        return answer | {"probabilities": answer["probabilities"] + 1e-12 * product[0, 0]}

    return export_saved_model(
        tiny.with_fields("serving", serve=serve),
        tiny.CONFIG,
        tiny.model(),
        str(folder),
        labels=tiny.LABELS,
        warmup=tiny.examples(3),
    )


def test_a_model_ten_times_slower_than_the_last_blessed_one_an_equal_one_never(good, tmp_path):
    slow = slowed(tmp_path / "slow", 200)
    verdict = serving_check.check(slow, 1e-5, baseline=good, max_slowdown=3.0)
    assert verdict["cause"] is None and verdict["slowdown"] > 6
    (row,) = verdict["baseline"]["latency"]["requests"]
    assert row["examples"] == 1 and 0 < row["p50_ms"] <= row["p95_ms"]
    for _ in range(3):
        assert serving_check.check(good, 1e-5, baseline=good, max_slowdown=3.0)["slowdown"] < 2


def test_a_baseline_that_cannot_be_timed_is_no_reason_to_refuse(good, tmp_path):
    verdict = serving_check.check(good, 1e-5, baseline=str(tmp_path / "gone"), max_slowdown=3.0)
    assert (verdict["cause"], verdict["slowdown"]) == (None, None)
    assert "doesn't load" in verdict["baseline"]["note"]


def test_a_ratio_above_the_bound_is_measured_again(good, monkeypatch):
    """The machine was busy whenever it was this model's turn, but only the first time."""
    _, signatures = serving_check.load(good)
    log = next(log for log in serving_check.warmup_logs(good) if serving_check.is_single(log))
    monkeypatch.setattr(serving_check, "MOST_PAIRS", 4)
    monkeypatch.setattr(serving_check, "FEWEST_PAIRS", 4)
    turns = iter([9, 1, 1, 9] * 2 + [1, 1] * 4)  # the two change places from pair to pair

    def request(own, log):
        return lambda: float(next(turns)), 1

    monkeypatch.setattr(serving_check, "request", request)
    monkeypatch.setattr(serving_check, "load", lambda folder: (None, signatures))
    assert serving_check.slowdown(signatures, log, good, None)["slowdown"] == 9
    turns = iter([9, 1, 1, 9] * 2 + [1, 1] * 4)
    assert serving_check.slowdown(signatures, log, good, 3.0)["slowdown"] == 1


def test_peak_memory_is_of_this_process(good):
    used = serving_check.peak_memory()
    with open("/proc/self/statm") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    assert resident / 2 < used < 64 << 30
    assert serving_check.check(good, 1e-5)["peak_memory_bytes"] >= used
