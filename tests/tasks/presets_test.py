"""All presets as rows."""

import pytest

import perceiver_keras as pk
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import registry


def test_every_preset_is_listed_with_its_source():
    rows = pk.list_presets()
    assert {row["task"] for row in rows} == set(registry.names())
    assert all(row["source"] and row["steps"] > 0 for row in rows)
    (flow,) = [r for r in pk.list_presets("optical-flow") if r["preset"] == "optical_flow"]
    assert (flow["latents"], flow["layers"]) == ("2048 x 512", "1 x 24")
    with pytest.raises(UsageError, match="Did you mean 'optical_flow'"):
        pk.list_presets("optical_flo")
