"""All presets as rows, and the released models that have no task yet."""

import pytest

import perceiver_keras as pk
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import registry


def test_every_preset_of_tasks_and_released_models_is_listed_with_its_source():
    rows = pk.list_presets()
    assert {row["task"] for row in rows} == {r.name for r in (*registry.ROWS, *registry.MODELS)}
    assert all(row["source"] and row["steps"] > 0 for row in rows)
    (flow,) = [r for r in pk.list_presets("optical-flow") if r["preset"] == "optical_flow"]
    assert (flow["latents"], flow["layers"]) == ("2048 x 512", "1 x 24")
    with pytest.raises(UsageError, match="Did you mean 'optical_flow'"):
        pk.list_presets("optical_flo")


@pytest.mark.parametrize("row", registry.MODELS, ids=lambda row: row.name)
def test_a_released_model_is_public_and_says_that_it_is_no_task_yet(row):
    model_class = getattr(pk, row.model_class)
    assert model_class is registry.model_class(row.name)
    assert row.model_class in dir(pk)
    with pytest.raises(UsageError, match=f"perceiver_keras.{row.model_class}"):
        registry.get(row.name)
    with pytest.raises(UsageError, match=f"neither a folder nor a preset of {row.name}"):
        model_class.from_preset("no such preset")
