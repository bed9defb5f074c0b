"""The component on two exported models: slices, intervals against NumPy, and the same in any order of the examples."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils, proto_utils

from perceiver_keras.components.evaluator import Executor
from perceiver_keras.components.model.evaluation import evaluated
from perceiver_keras.components.model.jackknife import GROUPS, group_of
from perceiver_keras.components.model.slices import Slicing
from perceiver_keras.errors import PerceiverError
from perceiver_keras.export import export_saved_model
from perceiver_keras.gate.estimates import Evaluated
from perceiver_keras.metrics import calibration
from perceiver_keras.metrics.columns import ColumnRatio
from tests import tiny_task as tiny

COUNT = 60
EXAMPLES = tiny.examples(COUNT)
LABELS = np.arange(COUNT) % 3
# The mean brightness of the examples (their luma): one is alone above the last edge, and none below the first.
LUMA = [
    float((tf.io.decode_png(png, channels=3).numpy() @ [0.299, 0.587, 0.114]).mean())
    for png in tiny.pngs(COUNT)
]
EDGES = (1, round(np.mean(sorted(LUMA)[-9:-7]), 2), round(np.mean(sorted(LUMA)[-2:]), 2))
METRICS = [
    ColumnRatio(0, 1, "share"),
    ColumnRatio(0, 2, "of_blue"),  # of which there are none in most slices
    calibration.ColumnCalibrationError(3),
]


def columns(targets, outputs):
    """The probability of the true class, 1, 1 if it is blue, and what calibration needs."""
    true = tf.gather(tf.nn.softmax(outputs), targets, batch_dims=1)
    blue = tf.cast(targets == 2, tf.float32)
    own = tf.stack([true, tf.ones_like(true), blue], axis=1)
    return tf.concat([own, calibration.of_logits(outputs, targets)], axis=1)


def older(targets, outputs):
    """The columns of a model that was exported before there was calibration."""
    return columns(targets, outputs)[:, :3]


def write(folder: str, examples: list[bytes]) -> list[standard_artifacts.Examples]:
    artifact = standard_artifacts.Examples()
    artifact.uri = folder
    artifact.split_names = artifact_utils.encode_split_names(["test"])
    artifact.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    tf.io.gfile.makedirs(f"{folder}/Split-test")
    for shard in range(2):
        path = f"{folder}/Split-test/data_tfrecord-0000{shard}-of-00002.gz"
        with tf.io.TFRecordWriter(path, "GZIP") as writer:
            for example in examples[shard::2]:
                writer.write(example)
    return [artifact]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluator")
    found = {"examples": write(str(folder / "examples"), EXAMPLES)}
    for name, seed, made in (("model", 0, columns), ("baseline_model", 1, older)):
        model = standard_artifacts.Model()
        model.uri = str(folder / name)
        export_saved_model(
            tiny.with_fields("measures", columns=made),
            tiny.CONFIG,
            tiny.model(seed=seed),
            path_utils.serving_model_dir(model.uri),
            labels=tiny.LABELS,
        )
        found[name] = [model]
    return found


def run(inputs, folder, slices=(), task=tiny.TASK.name) -> Evaluated:
    evaluation = standard_artifacts.ModelEvaluation()
    evaluation.uri = str(folder)
    spec = {"signature_name": "evaluate", "label_key": "label", "prediction_key": "logits"}
    config = tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(name=tfma.CANDIDATE_KEY, **spec),
            tfma.ModelSpec(name=tfma.BASELINE_KEY, is_baseline=True, **spec),
        ],
        slicing_specs=[tfma.SlicingSpec()],
        metrics_specs=tfma.metrics.specs_from_metrics(
            METRICS, include_weighted_example_count=False
        ),
    )
    kinds = tiny.TASK.examples.kinds(tiny.CONFIG)
    executor = Executor(BaseBeamExecutor.Context(beam_pipeline_args=[], unique_id="1"))
    executor.Do(
        inputs,
        {"evaluation": [evaluation]},
        {
            "eval_config": proto_utils.proto_to_json(config),
            "slicing": Slicing(slices=slices, kinds=kinds, names=tiny.LABELS).to_json(),
            "split": "test",
            "task": task,
        },
    )
    return evaluated(evaluation.uri)


def scores(seed: int) -> np.ndarray:
    """The probability of each example's class, without TFMA."""
    pixels = tf.stack([tf.io.decode_png(png, channels=3) for png in tiny.pngs(COUNT)])
    inputs = {"pixels": tf.cast(pixels, tf.float32) / 255.0}
    probabilities = tf.nn.softmax(tiny.model(seed=seed)(inputs, training=False)).numpy()
    return probabilities[np.arange(COUNT), LABELS]


def jackknife(values: np.ndarray, which: np.ndarray) -> float:
    """The standard error of a mean, by leaving out one group of examples after the other."""
    groups = np.array([group_of(example) for example in EXAMPLES])
    whole = values[which].mean()
    left = [values[which & (groups != group)].mean() for group in range(GROUPS)]
    pseudo = GROUPS * whole - (GROUPS - 1) * np.array(left)
    return pseudo.std(ddof=1) / np.sqrt(GROUPS)


@pytest.fixture(scope="module")
def found(inputs, tmp_path_factory) -> Evaluated:
    edges = ",".join(map(str, EDGES))
    return run(inputs, tmp_path_factory.mktemp("found"), ["label", f"image/mean:{edges}"])


def test_values_and_intervals_of_both_models_and_of_their_difference(found) -> None:
    own, before = scores(0), scores(1)
    everything = np.full(COUNT, True)
    assert found.examples == COUNT
    for estimate, values in (
        (found.metrics["share"], own),
        (found.baseline["share"], before),
        (found.difference["share"], own - before),
    ):
        error = jackknife(values, everything)
        assert estimate.value == pytest.approx(values.mean(), abs=1e-6)
        assert estimate.error == pytest.approx(error, rel=1e-3)
        low, high = scipy.stats.t.interval(0.95, 19, values.mean(), error)
        assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=1e-4)
        assert estimate.freedom == 19


def test_the_split_is_cut_by_names_and_by_what_is_measured(found) -> None:
    _, middle, last = EDGES
    names = ["label=blue", "label=green", "label=red"]
    buckets = [f"image/mean=1..{middle:g}", f"image/mean={middle:g}..{last:g}"]
    buckets.append(f"image/mean={last:g}..")
    assert [part.slice for part in found.slices] == [*buckets, *names]
    assert [part.examples for part in found.slices] == [COUNT - 8, 7, 1, 20, 20, 20]
    own = scores(0)
    for place, name in enumerate(tiny.LABELS):
        estimate = found.part(f"label={name}").metrics["share"]
        assert estimate.value == pytest.approx(own[place == LABELS].mean(), abs=1e-6)
        assert estimate.error == pytest.approx(jackknife(own, place == LABELS), rel=1e-3)


def test_few_examples_have_few_degrees_of_freedom_and_one_has_no_interval(found) -> None:
    few, single = found.slices[1].metrics["share"], found.slices[2].metrics["share"]
    assert few.freedom == 6
    low, high = scipy.stats.t.interval(0.95, 6, few.value, few.error)
    assert (few.low, few.high) == pytest.approx((low, high), abs=1e-6)
    assert (single.low, single.high, single.error, single.freedom) == (None,) * 4
    assert single.value == pytest.approx(scores(0)[np.argmax(LUMA)], abs=1e-6)


def test_a_metric_is_left_out_where_there_is_nothing_to_count(found) -> None:
    assert "of_blue" in found.metrics and "of_blue" in found.part("label=blue").metrics
    assert "of_blue" not in found.part("label=red").metrics
    assert "share" in found.part("label=red").difference


def test_a_last_blessed_model_without_the_columns_of_a_metric_is_compared_by_the_others(
    found,
) -> None:
    assert "calibration_error" in found.metrics
    for compared in (found.baseline, found.difference):
        assert {"share", "of_blue"} == set(compared)


def test_the_order_of_the_examples_does_not_matter(inputs, found, tmp_path) -> None:
    """Nor, then, do workers and runners, which only see them in another order."""
    turned = write(str(tmp_path / "examples"), EXAMPLES[::-1])
    again = run(inputs | {"examples": turned}, tmp_path / "again", ["label"])
    for name, estimate in found.metrics.items():
        assert again.metrics[name].to_json() == pytest.approx(estimate.to_json(), rel=1e-6)
    assert [part.slice for part in again.slices] == [p.slice for p in found.of_feature("label")]


def test_a_model_of_another_task_is_refused_by_its_name(inputs, tmp_path) -> None:
    with pytest.raises(PerceiverError, match="is of tiny, and this pipeline is of optical_flow"):
        run(inputs, tmp_path, task="optical_flow")
