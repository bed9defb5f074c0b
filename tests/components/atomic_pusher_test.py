"""AtomicPusher's executor as TFX calls it: what it marks as pushed, what it doesn't push, and the card it writes."""

import json
import os
from pathlib import Path

import pytest
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from perceiver_keras.components import atomic_pusher
from perceiver_keras.components.model import facts
from perceiver_keras.components.model.publish import PUSH_FILE
from perceiver_keras.errors import PerceiverError
from perceiver_keras.saved_model import latest_version
from perceiver_keras.show import model_card
from tests.components.saved_files import contents, whole_model
from tests.pushed_runs import verdict

pytestmark = pytest.mark.tfx


@pytest.fixture
def model(tmp_path):
    return whole_model(tmp_path / "model")


def run(model, tmp_path, destination, withdrawn="", about=None, examples=None, **blessings):
    source = standard_artifacts.Model()
    source.uri = os.path.dirname(model)
    if withdrawn:
        source.set_string_custom_property(facts.WITHDRAWN, withdrawn)
    os.rename(model, f"{source.uri}/Format-Serving")
    inputs = {"model": [source]} | ({"examples": [examples]} if examples else {})
    for name, blessed in blessings.items():
        kind = {"model_blessing": "ModelBlessing", "infra_blessing": "InfraBlessing"}[name]
        artifact = getattr(standard_artifacts, kind)()
        artifact.uri = str(tmp_path / name)
        artifact.set_int_custom_property("blessed", blessed)
        inputs[name] = [artifact]
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(tmp_path / "artifact")
    wanted = pusher_pb2.PushDestination(
        filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=destination)
    )
    properties = {
        "push_destination": proto_utils.proto_to_json(wanted),
        "custom_config": json.dumps(about),
    }
    context = atomic_pusher.Executor.Context(pipeline_run_id="run1")
    atomic_pusher.Executor(context).Do(inputs, {"pushed_model": [pushed]}, properties)
    return pushed


def test_the_executor_marks_what_it_pushed_as_tfx_does(model, tmp_path):
    destination = str(tmp_path / "pushed")
    pushed = run(model, tmp_path, destination, model_blessing=1, infra_blessing=1)
    folder = latest_version(destination)
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_destination") == folder
    assert pushed.get_string_custom_property("pushed_version") == os.path.basename(folder)
    assert contents(pushed.uri) == contents(folder)
    added = {model_card.JSON_FILE, model_card.MARKDOWN_FILE, PUSH_FILE}
    assert set(contents(folder)) == set(contents(tmp_path / "Format-Serving")) | added
    told = json.loads((Path(folder) / PUSH_FILE).read_text())
    assert told == {"version": os.path.basename(folder), "run": "run1"}


def test_the_version_has_a_card_of_what_its_judges_found(model, tmp_path):
    (tmp_path / "model_blessing").mkdir()
    (tmp_path / "model_blessing" / "verdict.json").write_text(json.dumps(verdict(0.9, last=0.8)))
    (tmp_path / "infra_blessing").mkdir()
    (tmp_path / "infra_blessing" / "verdict.json").write_text('{"cause": null, "load_seconds": 2}')
    examples = standard_artifacts.Examples()
    examples.set_string_custom_property("fingerprint", "f00d")
    examples.set_int_custom_property("num_examples_test", 100)
    about = {"code": "c0de", "thresholds": {"accuracy": 0.8}, "on_anomaly": "report"}
    exported = model_card.exported(
        task="tiny", summary="Tiny pictures.", preset="p", config={}, labels=["a"], parameters=3,
        signatures={"serving_default": {"inputs": {"image": "string [B]"}, "outputs": {}}},
    )  # fmt: skip
    (Path(model) / model_card.JSON_FILE).write_text(json.dumps(exported))
    run(
        model, tmp_path, str(tmp_path / "pushed"),
        about=about, examples=examples, model_blessing=1, infra_blessing=1,
    )  # fmt: skip
    folder = Path(latest_version(str(tmp_path / "pushed")))
    text = (folder / model_card.MARKDOWN_FILE).read_text()
    for words in (
        "# tiny (p)",
        "Takes: image: string [B]",
        f"Version: {folder.name} of 20",
        "test 100; fingerprint f00d",
        "| accuracy | 0.9 | 0.8581 to 0.9419 | 0.8 | 0.1 | 0.8 |",
        "passed: accuracy is good enough.",
        "accuracy is worst where label=7: 0.7.",
        "Loads in 2.0 s",
        "Code: c0de",
        "did not stop the run (data.on_anomaly=report)",
    ):
        assert words in text, words
    assert json.loads((folder / model_card.JSON_FILE).read_text())["schema_version"] == "0.0.2"


def test_a_model_that_was_taken_back_is_not_pushed_again(model, tmp_path):
    destination = str(tmp_path / "pushed")
    pushed = run(
        model, tmp_path, destination, withdrawn="it was slow", model_blessing=1, infra_blessing=1
    )
    assert pushed.get_int_custom_property("pushed") == 0
    assert pushed.get_string_custom_property(facts.WITHDRAWN) == "it was slow"
    assert not os.path.exists(destination)


@pytest.mark.parametrize("blessings", [(1, 0), (0, 1), (0, 0)])
def test_it_pushes_nothing_without_both_blessings(blessings, model, tmp_path):
    names = ("model_blessing", "infra_blessing")
    pushed = run(
        model, tmp_path, str(tmp_path / "pushed"), **dict(zip(names, blessings, strict=True))
    )
    assert pushed.get_int_custom_property("pushed") == 0
    assert not pushed.has_custom_property("pushed_destination")
    assert not os.path.exists(tmp_path / "pushed")


def test_it_does_not_push_an_incomplete_model(model, tmp_path):
    os.remove(f"{model}/variables/variables.data-00007-of-00040")
    with pytest.raises(
        PerceiverError, match="not a complete SavedModel: variables/variables.data-00007"
    ):
        run(model, tmp_path, str(tmp_path / "pushed"), model_blessing=1)
    assert not os.path.exists(tmp_path / "pushed")


def test_on_a_cluster_the_card_knows_the_same(tmp_path):
    """There all properties come as JSON values, and numbers among them as floats."""
    (tmp_path / "verdict.json").write_text("{}")

    def known(kind, name, properties):
        artifact = kind()
        artifact.uri = str(tmp_path)
        for key, value in properties.items():
            artifact.set_json_value_custom_property(key, value)
        return atomic_pusher._known({name: [artifact]}, {})

    blessed = known(standard_artifacts.ModelBlessing, "model_blessing", {"blessed": 1.0})
    assert blessed["gate"]["blessed"] is True
    counted = known(
        standard_artifacts.Examples,
        "examples",
        {"fingerprint": "abc", "num_examples_train": 40.0, "num_examples_test": 7.0},
    )
    assert counted["data"]["fingerprint"] == "abc"
    assert counted["data"]["examples"] == {"train": 40, "test": 7}
