"""What is measured: all that docs/benchmarks.md promises, and choosing from it."""

from __future__ import annotations

import pytest

from perceiver_keras.benchmarks import cases
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import registry

ALL = {quick: cases.all_cases(quick) for quick in (False, True)}


def test_every_released_model_in_both_passes_and_precisions() -> None:
    released = {
        (task, name)
        for task in registry.names()
        for name, preset in registry.get(task).presets.items()
        if preset.source.startswith("released")
    }
    found = {
        (case.task, case.preset, case.kind, case.precision)
        for case in ALL[False]
        if case.group == "models"
    }
    assert found == {
        (task, preset, kind, precision)
        for task, preset in released
        for kind in ("forward", "train")
        for precision in ("float32", "bfloat16")
    }


def test_growth_goes_from_2k_to_512k_inputs() -> None:
    sizes = [case.x for case in ALL[False] if case.group == "inputs"]
    assert sizes == [2**power for power in range(11, 20)]
    for case in ALL[False]:
        if case.group == "inputs":
            config = registry.get(case.task).configure(case.preset, overrides=case.settings)
            height, width = config.model.image_size
            assert height * width == case.x
    assert [case.batch for case in ALL[False] if case.group == "batch"] == [1, 2, 4, 8, 16, 32]


@pytest.mark.parametrize("group", ["tiny", "pipeline"])
def test_every_task_has_a_step_and_a_pipeline(group: str) -> None:
    assert {case.task for case in ALL[False] if case.group == group} == set(registry.names())


def test_quick_cases_have_the_same_names_but_for_sizes() -> None:
    models = [
        [c.name for c in ALL[quick] if c.group in ("models", "tiny", "start")] for quick in ALL
    ]
    assert models[0] == models[1]


@pytest.mark.parametrize("quick", [False, True])
def test_every_case_s_settings_are_settings(quick: bool) -> None:
    for case in ALL[quick]:
        if case.task:
            registry.get(case.task).configure(case.preset, overrides=case.settings)


def test_names_are_groups_beginnings_and_patterns() -> None:
    def chosen(*names: str) -> list[str]:
        return [case.name for case in cases.choose(ALL[False], names)]

    assert chosen() == [case.name for case in ALL[False]]
    assert chosen("start/help") == ["start/help"]
    assert chosen("models/mlm/forward") == [
        "products/float32",
        "products/bfloat16",
        "models/mlm/forward/float32",
        "models/mlm/forward/bfloat16",
    ]
    assert chosen("batch/1") == ["products/float32", "batch/1"]
    assert len(chosen("models/*/train/bfloat16")) == 1 + 6


def test_an_unknown_name_is_an_error_that_offers_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'start'"):
        cases.choose(ALL[False], ["starts"])
