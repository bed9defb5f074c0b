"""Which model is the baseline; and the gate from end to end: Evaluator, ServingValidator and AtomicPusher in TFX."""

import os

import pytest
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx import v1 as tfx
from tfx.types import standard_artifacts

from perceiver_keras.components.baseline import LatestBlessedOther
from perceiver_keras.saved_model import latest_version, versions
from tests.components import tiny_pipeline

pytestmark = pytest.mark.tfx


def resolve(models, blessings, candidate, **config):
    """Ids of the baseline and its blessing, given [(id, blessed model, baseline or None, blessed)]."""

    def artifact(kind, number, **properties):
        made = kind()
        made.id = number
        for key, value in properties.items():
            if value is not None:
                made.set_int_custom_property(key, value)
        return made

    result = LatestBlessedOther(**config).resolve_artifacts(
        None,
        {
            "model": [artifact(standard_artifacts.Model, number) for number in models],
            "model_blessing": [
                artifact(
                    standard_artifacts.ModelBlessing,
                    number,
                    current_model_id=model,
                    baseline_model_id=base,
                    blessed=blessed,
                )
                for number, model, base, blessed in blessings
            ],
            "candidate": [artifact(standard_artifacts.Model, candidate)],
        },
    )
    assert [a.id for a in result["candidate"]] == [candidate]
    return [a.id for a in result["model"]], [a.id for a in result["model_blessing"]]


FIRST, SECOND, REFUSED = (101, 1, None, 1), (102, 2, 1, 1), (103, 3, 2, 0)


@pytest.mark.parametrize(
    ("models", "blessings", "candidate", "baseline"),
    [
        ([1], [], 1, ([], [])),  # the first run
        ([1], [FIRST], 1, ([], [])),  # the same again
        ([2, 1], [FIRST], 2, ([1], [101])),
        ([1, 2], [FIRST, SECOND], 2, ([1], [101])),  # the same again
        ([1, 3, 2], [SECOND, FIRST], 3, ([2], [102])),
        # A refused model is not a baseline.
        ([1, 2, 3, 4], [FIRST, REFUSED, SECOND], 4, ([2], [102])),
        # Back to the first settings: compared with the model that is served.
        ([1, 2], [FIRST, SECOND], 1, ([2], [102])),
        ([1, 2], [FIRST, SECOND, (104, 1, 2, 1)], 1, ([2], [102])),  # the same again
        ([2, 3], [FIRST], 3, ([], [])),  # the blessed model itself is gone
    ],
)
def test_the_latest_blessed_but_the_candidate(models, blessings, candidate, baseline):
    assert resolve(models, blessings, candidate) == baseline


def test_rebaseline_begins_a_line_that_later_runs_keep_to():
    old = [FIRST, SECOND]
    assert resolve([1, 2, 3], old, 3, rebaseline=True) == ([], [])
    new = [*old, (103, 3, None, 1)]  # blessed without a baseline
    assert resolve([1, 2, 3], new, 3) == ([], [])  # the same again, without the option
    assert resolve([1, 2, 3, 4], new, 4) == ([3], [103])
    refused = [*old, (103, 3, None, 0)]
    assert resolve([1, 2, 3, 4], refused, 4) == ([2], [102])  # one that fails begins nothing


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tmp_path_factory.mktemp("tiny"))


def run(folder, **kwargs):
    """Runs the pipeline; how each component of this run ended, and the artifacts of the store by type."""
    store = MetadataStore(_connection(folder))
    before = (
        {e.id for e in store.get_executions()}
        if os.path.exists(f"{folder}/metadata.sqlite")
        else set()
    )
    tfx.orchestration.LocalDagRunner().run(tiny_pipeline.create(folder, **kwargs))
    store = MetadataStore(_connection(folder))
    names = {t.id: t.name.rsplit(".", 1)[-1] for t in store.get_execution_types()}
    states = {
        names[e.type_id]: metadata_store_pb2.Execution.State.Name(e.last_known_state)
        for e in store.get_executions()
        if e.id not in before and names[e.type_id] != "Resolver"  # never cached: it looks each time
    }
    return states, store


def _connection(folder):
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = f"{folder}/metadata.sqlite"
    config.sqlite.connection_mode = 3  # make it where it isn't there
    return config


def newest(store, kind):
    artifact = max(store.get_artifacts_by_type(kind), key=lambda a: a.id)
    return {
        key: getattr(value, value.WhichOneof("value"))
        for key, value in artifact.custom_properties.items()
    } | {"uri": artifact.uri, "id": artifact.id}


@pytest.mark.slow
def test_the_gate_end_to_end(folder):
    # The first run: nothing to compare with, blessed by both, pushed.
    states, store = run(folder, seed=0)
    assert len(states) == 5 and set(states.values()) == {"COMPLETE"}
    first = newest(store, "Model")
    blessing = newest(store, "ModelBlessing")
    assert blessing["blessed"] == 1 and "baseline_model_id" not in blessing
    infra = newest(store, "InfraBlessing")
    assert infra["blessed"] == 1 and infra["cause"] == "" and infra["records"] == 8
    assert os.path.exists(f"{infra['uri']}/INFRA_BLESSED")
    pushed = newest(store, "PushedModel")
    assert pushed["pushed"] == 1 and pushed["pushed_destination"] == latest_version(
        f"{folder}/pushed"
    )

    # The same run again: everything comes from the cache, nothing is pushed.
    states, store = run(folder, seed=0)
    assert len(states) == 5 and set(states.values()) == {"CACHED"}
    assert len(versions(f"{folder}/pushed")) == 1

    # Another model is compared with the first. It has no warm-up requests, so it must not be served.
    states, store = run(folder, seed=1, warm=False)
    assert states["Evaluator"] == states["AtomicPusher"] == "COMPLETE"
    assert newest(store, "ModelBlessing")["baseline_model_id"] == first["id"]
    infra = newest(store, "InfraBlessing")
    assert infra["blessed"] == 0 and infra["cause"].startswith(
        "there is no assets.extra/tf_serving_warmup"
    )
    with open(f"{infra['uri']}/INFRA_NOT_BLESSED") as file:
        assert file.read() == infra["cause"]
    assert newest(store, "PushedModel")["pushed"] == 0
    assert len(versions(f"{folder}/pushed")) == 1

    # With --rebaseline the gate forgets the first model; later runs need not repeat the option.
    states, store = run(folder, seed=1, warm=False, rebaseline=True)
    assert states["MakeModel"] == "CACHED" and states["Evaluator"] == "COMPLETE"
    assert "baseline_model_id" not in newest(store, "ModelBlessing")
    states, store = run(folder, seed=1, warm=False)
    assert set(states.values()) == {"CACHED"}
