"""Remote artifacts are here while a component runs, and its outputs there afterwards. file:// is a remote place."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from perceiver_keras.components.cluster import staging

pytestmark = pytest.mark.tfx


def artifact(place: Path | str):
    made = standard_artifacts.Model()
    made.uri = str(place)
    return made


@pytest.fixture
def bucket(tmp_path):
    """A folder "bucket" and a file in model/deep below it."""
    path = tmp_path / "bucket" / "model" / "deep" / "weights[1]*.h5"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x00\xff")
    (tmp_path / "bucket" / "model" / "empty").mkdir()
    return tmp_path / "bucket"


def test_inputs_are_copied_here_and_outputs_back(bucket):
    inputs = {"model": [artifact(f"file://{bucket}/model")]}
    outputs = {"out": [artifact(f"file://{bucket}/out")]}
    with staging.local_copies(inputs, outputs):
        here, there = Path(inputs["model"][0].uri), Path(outputs["out"][0].uri)
        assert (here / "deep" / "weights[1]*.h5").read_bytes() == b"\x00\xff"
        assert there.is_dir() and bucket not in there.parents
        (there / "a").mkdir()
        (there / "a" / "b").write_text("c")
        assert not (bucket / "out").exists()
    assert inputs["model"][0].uri == f"file://{bucket}/model"
    assert outputs["out"][0].uri == f"file://{bucket}/out"
    assert (bucket / "out" / "a" / "b").read_text() == "c"
    assert not here.exists()


def test_local_artifacts_stay_where_they_are(tmp_path):
    outputs = {"out": [artifact(tmp_path / "out")]}
    with staging.local_copies({}, outputs):
        assert outputs["out"][0].uri == str(tmp_path / "out")


def test_a_component_that_fails_leaves_nothing_there(bucket):
    outputs = {"out": [artifact(f"file://{bucket}/out")]}
    with pytest.raises(ZeroDivisionError), staging.local_copies({}, outputs):
        (Path(outputs["out"][0].uri) / "half").write_text("")
        raise ZeroDivisionError
    assert outputs["out"][0].uri == f"file://{bucket}/out"
    assert not (bucket / "out").exists()


def test_of_several_workers_one_copies_back(bucket):
    outputs = {"out": [artifact(f"file://{bucket}/out")]}
    with staging.local_copies({}, outputs, upload=False):
        (Path(outputs["out"][0].uri) / "file").write_text("")
    assert not (bucket / "out").exists()


def test_an_artifact_that_the_component_replaced_by_a_copy_has_its_uri_again(bucket):
    """As TFX's function components do."""
    outputs = {"out": [artifact(f"file://{bucket}/out")]}
    with staging.local_copies({}, outputs):
        outputs.update(copy.deepcopy(outputs))
    assert outputs["out"][0].uri == f"file://{bucket}/out"


def test_what_a_component_notes_about_a_copy_is_about_the_original(bucket):
    inputs = {"model": [artifact(f"file://{bucket}/model")]}
    outputs = {"out": [artifact(f"file://{bucket}/out")]}
    with staging.local_copies(inputs, outputs):
        found = outputs["out"][0]
        found.set_string_custom_property("from", inputs["model"][0].uri)
        found.set_string_custom_property("below", f"{inputs['model'][0].uri}/deep")
        found.set_string_custom_property("other", f"{inputs['model'][0].uri}2")
        found.set_int_custom_property("count", 3)
        other = f"{inputs['model'][0].uri}2"
    assert found.get_string_custom_property("from") == f"file://{bucket}/model"
    assert found.get_string_custom_property("below") == f"file://{bucket}/model/deep"
    assert found.get_string_custom_property("other") == other
    assert found.get_int_custom_property("count") == 3


def test_kubeflows_launcher_has_copies_below_its_own_folders(tmp_path, monkeypatch):
    monkeypatch.delenv("ARTIFACT_LOCAL_PATH", raising=False)
    assert staging.launchers_copy("gs://b/c/d") == "/gcs/b/c/d"
    assert staging.launchers_copy("minio://b/c") == "/minio/b/c"
    assert staging.launchers_copy("s3://b/c") == "/s3/b/c"
    with pytest.raises(ValueError, match="hdfs://b"):
        staging.launchers_copy("hdfs://b")
    monkeypatch.setenv("ARTIFACT_LOCAL_PATH", str(tmp_path))
    outputs = {"out": [artifact("minio://b/out")]}
    with staging.launchers_copies({}, outputs):
        (Path(outputs["out"][0].uri) / "file").write_text("kept")
    assert outputs["out"][0].uri == "minio://b/out"
    # The launcher takes it from there.
    assert (tmp_path / "minio" / "b" / "out" / "file").read_text() == "kept"
