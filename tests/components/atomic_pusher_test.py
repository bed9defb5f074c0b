"""AtomicPusher's executor as TFX calls it: what it marks as pushed, and what it doesn't push."""

import os

import pytest
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from perceiver_keras.components import atomic_pusher
from perceiver_keras.errors import PerceiverError
from perceiver_keras.saved_model import latest_version
from tests.components.saved_files import contents, whole_model

pytestmark = pytest.mark.tfx


@pytest.fixture
def model(tmp_path):
    return whole_model(tmp_path / "model")


def run(model, tmp_path, destination, **blessings):
    source = standard_artifacts.Model()
    source.uri = os.path.dirname(model)
    os.rename(model, f"{source.uri}/Format-Serving")
    inputs = {"model": [source]}
    for name, blessed in blessings.items():
        kind = {"model_blessing": "ModelBlessing", "infra_blessing": "InfraBlessing"}[name]
        artifact = getattr(standard_artifacts, kind)()
        artifact.set_int_custom_property("blessed", blessed)
        inputs[name] = [artifact]
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(tmp_path / "artifact")
    wanted = pusher_pb2.PushDestination(
        filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=destination)
    )
    properties = {"push_destination": proto_utils.proto_to_json(wanted)}
    atomic_pusher.Executor().Do(inputs, {"pushed_model": [pushed]}, properties)
    return pushed


def test_the_executor_marks_what_it_pushed_as_tfx_does(model, tmp_path):
    destination = str(tmp_path / "pushed")
    pushed = run(model, tmp_path, destination, model_blessing=1, infra_blessing=1)
    folder = latest_version(destination)
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_destination") == folder
    assert pushed.get_string_custom_property("pushed_version") == os.path.basename(folder)
    assert contents(pushed.uri) == contents(folder)


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
