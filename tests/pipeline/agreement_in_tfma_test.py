"""GLUE's metrics as TFMA computes them: from the gate's configuration, in bundles that are merged."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from tensorflow_model_analysis.metrics import metric_specs, metric_types

from perceiver_keras.data.text.glue import task_named
from perceiver_keras.pipeline.eval_config import eval_config
from perceiver_keras.tasks import registry


def rows(task, labels, predictions):
    number = np.full(len(labels), task_named(task).number)
    columns = [number, labels, predictions, np.arange(len(labels))]
    return np.stack(columns, axis=1).astype(np.float32)


def computed(config, columns, bundles):
    """{name: value} by TFMA's own combiner, one accumulator per bundle."""
    computations = metric_specs.to_computations(config.metrics_specs, eval_config=config)
    combiner = next(
        computation.combiner
        for computation in computations
        if type(computation.combiner).__name__ == "_CompilableMetricsCombiner"
    )
    combiner.setup()
    accumulators = []
    for part in np.array_split(np.random.default_rng(1).permutation(columns), bundles):
        accumulator = combiner.create_accumulator()
        for row in part:
            example = metric_types.StandardMetricInputs(
                label=row[1], prediction=row, example_weight=np.array([1.0])
            )
            accumulator = combiner.add_input(accumulator, example)
        accumulators.append(accumulator)
    output = combiner.extract_output(combiner.merge_accumulators(accumulators))
    return {key.name: float(value) for key, value in output.items()}


def test_metrics_of_the_whole_set_do_not_depend_on_the_bundles():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 400)
    guesses = np.where(random.random(400) < 0.7, labels, 1 - labels)
    scores = random.random(300).round(1) * 5
    said = scores + random.normal(size=300)
    columns = np.concatenate(
        [rows("cola", labels, guesses), rows("mrpc", labels, guesses), rows("stsb", scores, said)]
    )
    task = registry.get("glue")
    found = computed(eval_config(task, task.presets["tiny"].config), columns, bundles=5)
    expected = {
        "cola_matthews": sklearn.metrics.matthews_corrcoef(labels, guesses),
        "mrpc_accuracy": sklearn.metrics.accuracy_score(labels, guesses),
        "mrpc_f1": sklearn.metrics.f1_score(labels, guesses),
        "stsb_pearson": scipy.stats.pearsonr(scores, said)[0],
        "stsb_spearman": scipy.stats.spearmanr(scores, said.astype(np.float32))[0],
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-6), name
    average = np.mean([expected[k] for k in ("cola_matthews", "mrpc_accuracy", "stsb_pearson")])
    assert found["glue_average"] == pytest.approx(average, abs=1e-6)
