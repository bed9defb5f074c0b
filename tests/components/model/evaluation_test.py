"""TFMA's own results, of two exported models on real tf.Examples, as numbers."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma

from perceiver_keras.components.model import evaluation
from perceiver_keras.export import export_saved_model
from perceiver_keras.gate.estimates import Estimate
from perceiver_keras.metrics import ColumnRatio
from perceiver_keras.metrics.agreement import Agreement, Statistic
from perceiver_keras.metrics.average_precision import BinnedAveragePrecision
from tests import tiny_task as tiny

COUNT = 12
NAME = "sparse_categorical_accuracy"


def accuracy(model) -> float:
    """The same value without TFMA: decode, run, compare."""
    pixels = tf.stack([tf.io.decode_png(png, channels=3) for png in tiny.pngs(COUNT)])
    logits = model({"pixels": tf.cast(pixels, tf.float32) / 255.0}, training=False).numpy()
    return float(np.mean(logits.argmax(-1) == np.arange(COUNT) % 3))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """[(folder, accuracy)], the worse model first, and the examples' file."""
    folder = tmp_path_factory.mktemp("models")
    found = []
    for seed in (0, 1, 2, 3):
        model = tiny.model(seed=seed)
        found.append((accuracy(model), seed, model))
    found.sort(key=lambda item: item[:2])
    chosen = [found[0], found[-1]]
    assert chosen[0][0] < chosen[1][0], "the two models must differ"
    models = []
    for share, seed, model in chosen:
        path = str(folder / str(seed))
        export_saved_model(tiny.TASK, tiny.CONFIG, model, path, labels=tiny.LABELS)
        models.append((path, share))
    data = str(folder / "examples.tfrecord")
    with tf.io.TFRecordWriter(data) as writer:
        for example in tiny.examples(COUNT):
            writer.write(example)
    return models, data


def evaluate(folder, data, models) -> str:
    """Runs TFMA on one model, or on a candidate against a baseline; returns the results' folder."""
    spec = {"signature_name": "evaluate", "label_key": "label", "prediction_key": "logits"}
    names = [tfma.CANDIDATE_KEY, tfma.BASELINE_KEY][: len(models)]
    config = tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(name=name, is_baseline=name == tfma.BASELINE_KEY, **spec)
            for name in names
        ],
        slicing_specs=[tfma.SlicingSpec()],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    tfma.MetricConfig(class_name="SparseCategoricalAccuracy"),
                    tfma.MetricConfig(class_name="ExampleCount"),
                ]
            )
        ],
    )
    shared = [
        tfma.default_eval_shared_model(path, model_name=name, eval_config=config)
        for name, path in zip(names, models, strict=True)
    ]
    tfma.run_model_analysis(
        eval_shared_model=shared if len(shared) > 1 else shared[0],
        eval_config=config,
        data_location=data,
        output_path=str(folder),
    )
    return str(folder)


def test_one_model_has_its_own_numbers(exported, tmp_path) -> None:
    [_, (good, share)], data = exported
    found = evaluation.evaluated(evaluate(tmp_path, data, [good]))
    assert found.examples == COUNT
    assert found.metrics[NAME].value == pytest.approx(share)
    assert found.baseline is found.difference is None


def test_two_models_have_theirs_and_the_difference(exported, tmp_path) -> None:
    [(bad, low), (good, high)], data = exported
    found = evaluation.evaluated(evaluate(tmp_path, data, [bad, good]))
    assert found.metrics[NAME].value == pytest.approx(low)
    assert found.baseline[NAME].value == pytest.approx(high)
    assert found.difference[NAME].value == pytest.approx(low - high)


def test_a_metric_without_anything_to_count_is_left_out_and_one_that_diverged_is_not(tmp_path):
    """The first is, for example, the error of long motions where all are short."""
    ratios = [
        *(ColumnRatio(0, 1, "mean"), ColumnRatio(0, 2, "nothing"), ColumnRatio(3, 1, "bad")),
        Agreement([Statistic(kind="accuracy", group=7)], "of another task"),
        BinnedAveragePrecision(2, "of no positive"),
    ]
    metrics = [
        metric
        for ratio in ratios
        for metric in tfma.metrics.specs_from_metrics([ratio], include_example_count=False)[
            -1
        ].metrics
    ]
    columns = [np.array([value, 2.0, 0.0, np.nan], np.float32) for value in (1.0, 5.0)]
    tfma.analyze_raw_data(
        pd.DataFrame({"label": [0, 0], "prediction": columns}),
        tfma.EvalConfig(
            model_specs=[tfma.ModelSpec(label_key="label", prediction_key="prediction")],
            slicing_specs=[tfma.SlicingSpec()],
            metrics_specs=[tfma.MetricsSpec(metrics=metrics)],
        ),
        output_path=str(tmp_path),
    )
    found = evaluation.evaluated(str(tmp_path)).metrics
    assert {name: one.value for name, one in found.items()} == {"mean": 1.5, "bad": np.inf}


def test_results_without_intervals_and_with_slices_of_numbers_are_read_too(tmp_path) -> None:
    """As an Evaluator of an older release wrote them, or TFMA's own slicing."""
    (metric,) = tfma.metrics.specs_from_metrics([ColumnRatio(0, 1, "mean")])[-1].metrics
    columns = [np.array([value, 1.0], np.float32) for value in (1.0, 3.0, 5.0)]
    tfma.analyze_raw_data(
        pd.DataFrame({"label": [0, 0, 10], "prediction": columns}),
        tfma.EvalConfig(
            model_specs=[tfma.ModelSpec(label_key="label", prediction_key="prediction")],
            slicing_specs=[tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=["label"])],
            metrics_specs=[
                tfma.MetricsSpec(metrics=[tfma.MetricConfig(class_name="ExampleCount"), metric])
            ],
        ),
        output_path=str(tmp_path),
    )
    found = evaluation.evaluated(str(tmp_path))
    assert (found.examples, found.metrics) == (3, {"mean": Estimate(value=3.0)})
    assert (found.baseline, found.difference) == (None, None)
    assert [(part.slice, part.examples) for part in found.slices] == [
        ("label=0", 2),
        ("label=10", 1),
    ]
    assert found.part("label=0").metrics == {"mean": Estimate(value=2.0)}
