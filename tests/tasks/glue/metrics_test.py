"""The loss of classes and scores, GLUE's metrics against scikit-learn and SciPy, and the trivial guess."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config_tree import override
from perceiver_keras.data.text.glue import task_named
from perceiver_keras.tasks.glue import metrics
from tests.metrics.calibration_by_hand import calibration_error
from tests.tasks.glue.small import CONFIG, batch


def test_the_loss_of_each_kind():
    targets, outputs = batch(
        [
            ("mnli", 2, (0.1, 0.2, 0.5)),
            ("cola", 1, (0.3, -0.2, 0.0)),
            ("stsb", 4.0, (1.5, 0.0, 0.0)),
            ("cola", -1, (5.0, -5.0, 0.0)),
        ]
    )
    three, two = np.exp([0.1, 0.2, 0.5]), np.exp([0.3, -0.2])
    expected = [-np.log(three[2] / three.sum()), -np.log(two[1] / two.sum()), 1.0, 0.0]
    np.testing.assert_allclose(metrics.GlueLoss().call(targets, outputs), expected, rtol=1e-5)
    weighted = metrics.GlueLoss({"cola": 3.0}).call(targets, outputs)
    np.testing.assert_allclose(weighted, np.array(expected) * [1, 3, 1, 1], rtol=1e-5)
    smooth = metrics.GlueLoss(label_smoothing=0.1).call(targets, outputs)[1]
    keras_own = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    np.testing.assert_allclose(smooth, keras_own([[0.0, 1.0]], [[0.3, -0.2]]), rtol=1e-5)


def test_the_metrics_of_a_mixture_are_those_of_scikit_learn_and_scipy():
    random = np.random.default_rng(0)
    rows = []
    for _ in range(300):
        task = random.choice(["cola", "stsb", "mrpc", "mnli", "mnli_mismatched"])
        row = task_named(str(task))
        label = random.integers(row.classes) if row.labels else round(5 * random.random(), 1)
        values = random.normal(size=3)
        values[: row.classes] += (
            (0.5 * np.eye(3)[int(label)] if row.labels else label)[: row.classes]
            if row.labels
            else label
        )
        rows.append((row.name, label, tuple(np.where(np.arange(3) < row.classes, values, 0))))
    config = override(CONFIG, "data.mismatched=true")
    targets, outputs = batch(rows)
    found = {metric.name: metric for metric in metrics.metrics(config)}
    for start in range(0, 300, 70):
        for metric in found.values():
            metric.update_state(targets[start : start + 70], outputs[start : start + 70])

    def own(name):
        chosen = [(label, values) for task, label, values in rows if task == name]
        labels = np.array([label for label, _ in chosen], "float32")
        scores = np.array([values for _, values in chosen], "float32")
        row = task_named(name)
        return labels, scores[:, : row.classes].argmax(1) if row.labels else scores[:, 0]

    expected = {
        "cola_matthews": sklearn.metrics.matthews_corrcoef(*own("cola")),
        "mrpc_accuracy": sklearn.metrics.accuracy_score(*own("mrpc")),
        "mrpc_f1": sklearn.metrics.f1_score(*own("mrpc")),
        "stsb_pearson": scipy.stats.pearsonr(*(x.astype("float64") for x in own("stsb")))[0],
        "stsb_spearman": scipy.stats.spearmanr(*own("stsb"))[0],
        "mnli_accuracy": sklearn.metrics.accuracy_score(*own("mnli")),
        "mnli_mismatched_accuracy": sklearn.metrics.accuracy_score(*own("mnli_mismatched")),
    }
    for name, value in expected.items():
        assert float(found[name].result()) == pytest.approx(value, abs=1e-6), name
    mnli = (expected["mnli_accuracy"] + expected["mnli_mismatched_accuracy"]) / 2
    four = [expected[key] for key in ("cola_matthews", "mrpc_accuracy", "stsb_pearson")] + [mnli]
    assert float(found["glue_average"].result()) == pytest.approx(np.mean(four), abs=1e-6)


def test_calibration_is_of_classes_that_have_a_label():
    targets, outputs = batch(
        [
            ("mnli", 2, (0.1, 0.2, 0.5)),
            ("cola", 1, (0.3, -0.2, 9.0)),  # two classes
            ("stsb", 4.0, (1.5, 0.0, 0.0)),
            ("cola", -1, (5.0, -5.0, 0.0)),
        ]
    )
    three, two = np.exp([0.1, 0.2, 0.5]), np.exp([0.3, -0.2])
    sure = [three.max() / three.sum(), two.max() / two.sum()]
    metric = metrics.column_metrics(CONFIG)[-1]
    metric.update_state(None, metrics.columns(targets, outputs))
    assert metric.name == "calibration_error"
    assert float(metric.result()) == pytest.approx(calibration_error(sure, [1, 0]), abs=1e-6)


def test_the_baseline_names_the_commonest_class():
    targets, _ = batch([("cola", 1, ()), ("rte", 0, ()), ("rte", 0, ()), ("rte", 1, ())])
    dataset = tf.data.Dataset.from_tensors(({}, targets))
    found = metrics.baseline(dataset, CONFIG)
    assert found["rte_accuracy"] == pytest.approx(2 / 3)
    assert found["cola_matthews"] == 0
    # Tasks that the split has no example of were not measured, and are not 0.
    assert set(found) == {"cola_matthews", "rte_accuracy", "glue_average"}
