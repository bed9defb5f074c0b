"""The metrics of training are among those of columns, by name, for every task and preset.

`contract_test.py` shows that their values are the same.
"""

from __future__ import annotations

import pytest

from perceiver_keras.tasks import registry


@pytest.fixture(params=registry.names())
def task(request):
    return registry.get(request.param)


def names_of(metrics):
    return [metric.name for metric in metrics]


def test_metrics_of_training_are_among_those_of_columns(task):
    for name, preset in task.presets.items():
        found = names_of(task.measures.metrics(preset.config))
        of_columns = names_of(task.measures.column_metrics(preset.config))
        assert found and set(found) <= set(of_columns), name
        assert len(set(of_columns)) == len(of_columns) and "loss" not in of_columns, name


def test_lower_is_better_names_metrics(task):
    configs = [preset.config for preset in task.presets.values()]
    if task.name == "text_classification":  # its other kind of labels, numbers
        configs.append(task.configure(overrides=["model.num_classes=1"]))
    names = {name for config in configs for name in names_of(task.measures.column_metrics(config))}
    assert set(task.measures.lower_is_better) <= names


def test_new_metrics_share_nothing(task):
    """Evaluation in the middle of training must not disturb the metrics of training."""
    config = next(iter(task.presets.values())).config
    first, second = (task.measures.metrics(config) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert one is not other
        assert not {id(v) for v in one.variables} & {id(v) for v in other.variables}
