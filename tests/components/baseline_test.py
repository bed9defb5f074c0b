"""Which model is the baseline; and the gate from end to end: from TrivialGuess to AtomicPusher in TFX."""

import json
import os

import pytest
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.types import standard_artifacts

from perceiver_keras.components.baseline import JUDGE, ROLLBACK, LatestBlessedOther
from perceiver_keras.saved_model import latest_version, versions
from tests.components import tiny_pipeline

pytestmark = pytest.mark.tfx


def artifact(kind, number, properties=()):
    made = kind()
    made.id = number
    for key, value in dict(properties).items():
        if isinstance(value, str):
            made.set_string_custom_property(key, value)
        elif value is not None:
            made.set_int_custom_property(key, value)
    return made


def resolve(models, blessings, candidate, store=None, **config):
    """Ids of the baseline and its blessing, given [(id, blessed model, baseline or None, blessed, more properties)]."""
    made = [
        artifact(
            standard_artifacts.ModelBlessing,
            number,
            {"current_model_id": model, "baseline_model_id": base, "blessed": blessed} | more,
        )
        for number, model, base, blessed, more in ((*blessing, {})[:5] for blessing in blessings)
    ]
    result = LatestBlessedOther(**config).resolve_artifacts(
        store,
        {
            "model": [artifact(standard_artifacts.Model, number) for number in models],
            "model_blessing": made,
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
        # After the way back, the model that is served.
        ([1, 2, 3], [FIRST, SECOND, (104, 1, 2, 1)], 3, ([1], [104])),
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


GATE, BACK = {"component_id": JUDGE}, {"component_id": JUDGE, ROLLBACK: "wrong sevens"}


def test_the_gate_overrules_an_evaluators_blessing_of_the_same_model():
    old = [FIRST, SECOND]  # blessed by TFX's Evaluator, in a folder of an older version
    assert resolve([1, 2, 3], [*old, (103, 2, 1, 0, GATE)], 3) == ([1], [101])
    assert resolve([1, 2, 3], [*old, (103, 2, 1, 1, GATE)], 3) == ([2], [103])
    # What the Gate blessed is served, and stays so if stricter settings refuse it later.
    judged = [FIRST, (102, 2, 1, 1, GATE), (103, 2, 1, 0, GATE)]
    assert resolve([1, 2, 3], judged, 3) == ([2], [102])


def test_after_a_rollback_the_model_gone_back_to_is_the_baseline():
    line = [FIRST, SECOND, (103, 3, 2, 1)]
    back = [*line, (104, 2, 1, 1, BACK)]
    assert resolve([1, 2, 3, 4], back, 4) == ([2], [104])
    assert resolve([1, 2, 3, 4], back, 3) == ([2], [104])  # the settings that were withdrawn, again
    assert resolve([1, 2, 3, 4], back, 2) == ([1], [101])  # its own settings again, as at first
    assert resolve([1, 2, 3, 4, 5], [*back, (105, 4, 2, 1)], 5) == ([4], [105])  # and on
    new_line = [FIRST, SECOND, (103, 3, None, 1), (104, 1, None, 1, BACK)]
    assert resolve([1, 2, 3, 4], new_line, 4) == ([1], [104])


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
    with tiny_pipeline.registered():
        LocalDagRunner().run(tiny_pipeline.create(folder, **kwargs))
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


def told(blessing):
    with open(f"{blessing['uri']}/verdict.json") as file:
        verdict = json.load(file)
    refused = {check["name"] for check in verdict["checks"] if check["passed"] is False}
    assert verdict["blessed"] == (not refused) == (blessing["blessed"] == 1)
    name = "BLESSED" if verdict["blessed"] else "NOT_BLESSED"
    assert os.path.exists(f"{blessing['uri']}/{name}")
    return verdict, refused


@pytest.mark.slow
def test_the_gate_end_to_end(folder):
    right, wrong = tiny_pipeline.TEACHER, 1
    # The first run: nothing to compare with, blessed by both, pushed.
    states, store = run(folder, seed=right)
    assert len(states) == 7 and set(states.values()) == {"COMPLETE"}
    first = newest(store, "Model")
    blessing = newest(store, "ModelBlessing")
    assert "baseline_model_id" not in blessing and blessing["current_model_id"] == first["id"]
    verdict, refused = told(blessing)
    assert refused == set() and verdict["evaluated"]["metrics"]["accuracy"]["value"] == 1.0
    assert verdict["trivial"] == {"accuracy": pytest.approx(35 / 60)}
    infra = newest(store, "InfraBlessing")
    assert infra["blessed"] == 1 and infra["cause"] == "" and infra["records"] == 8
    assert os.path.exists(f"{infra['uri']}/INFRA_BLESSED")
    pushed = newest(store, "PushedModel")
    assert pushed["pushed"] == 1 and pushed["pushed_destination"] == latest_version(
        f"{folder}/pushed"
    )

    # The same run again: everything comes from the cache, nothing is pushed.
    states, store = run(folder, seed=right)
    assert len(states) == 7 and set(states.values()) == {"CACHED"}
    assert len(versions(f"{folder}/pushed")) == 1

    # As good a model without warm-up requests must not be served: the Gate refuses it, too.
    states, store = run(folder, seed=right, warm=0)
    assert states["Evaluator"] == states["Gate"] == states["AtomicPusher"] == "COMPLETE"
    assert states["TrivialGuess"] == "CACHED"
    infra = newest(store, "InfraBlessing")
    assert infra["blessed"] == 0 and infra["cause"].startswith(
        "there is no assets.extra/tf_serving_warmup"
    )
    with open(f"{infra['uri']}/INFRA_NOT_BLESSED") as file:
        assert file.read() == infra["cause"]
    verdict, refused = told(newest(store, "ModelBlessing"))
    assert refused == {"serving"} and verdict["serving"]["cause"] == infra["cause"]
    assert newest(store, "PushedModel")["pushed"] == 0
    assert len(versions(f"{folder}/pushed")) == 1

    # With --rebaseline the gate forgets all models; later runs need not repeat the option.
    states, store = run(folder, seed=right, warm=3, rebaseline=True)
    third = newest(store, "Model")
    blessing = newest(store, "ModelBlessing")
    assert blessing["blessed"] == 1 and "baseline_model_id" not in blessing
    assert len(versions(f"{folder}/pushed")) == 2
    states, store = run(folder, seed=right, warm=3)
    assert set(states.values()) == {"CACHED"}

    # A worse model is compared with it, on the same examples.
    states, store = run(folder, seed=wrong)
    blessing = newest(store, "ModelBlessing")
    assert blessing["baseline_model_id"] == third["id"]
    verdict, refused = told(blessing)
    assert refused >= {"threshold accuracy", "last blessed accuracy"} and "serving" not in refused
    assert verdict["evaluated"]["baseline"]["accuracy"]["value"] == 1.0
    assert newest(store, "PushedModel")["pushed"] == 0


@pytest.mark.slow
def test_in_a_folder_of_an_older_version_a_model_that_did_not_serve_is_no_baseline(folder):
    """TFX's Evaluator blessed it; the store knows which model the ServingValidator refused."""
    _, store = run(folder, seed=tiny_pipeline.TEACHER, warm=0)
    models = {a.id for a in store.get_artifacts_by_type("Model")}
    refused = (
        max((b for b in store.get_artifacts_by_type("ModelBlessing")), key=lambda b: b.id)
        .custom_properties["current_model_id"]
        .int_value
    )
    served = min(models)  # the first model
    blessings = [(1001, served, None, 1), (1002, refused, served, 1)]
    candidate = max(models) + 1
    assert resolve([*models, candidate], blessings, candidate) == ([refused], [1002])
    assert resolve([*models, candidate], blessings, candidate, store) == ([served], [1001])
