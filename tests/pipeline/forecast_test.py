"""What a run would do, before any run; tests/pipeline/local_runner_test.py holds it against runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perceiver_keras.errors import PerceiverError
from perceiver_keras.pipeline.forecast import forecast, resumes
from perceiver_keras.pipeline.settings import PipelineSettings

pytestmark = pytest.mark.tfx


def settings(folder: Path, **kwargs) -> PipelineSettings:
    return PipelineSettings.create("image_classification", run_dir=folder, **kwargs)


def test_where_nothing_ran_everything_would_and_nothing_is_written(tmp_path: Path) -> None:
    found = forecast(settings(tmp_path / "run"))
    assert list(found)[0] == "TfdsExampleGen" and "Trainer" in found and len(found) == 16
    assert set(found.values()) == {"runs"}
    assert not (tmp_path / "run").exists()


def test_a_search_is_one_more_component(tmp_path: Path) -> None:
    overrides = ('train.search={"train.learning_rate": [1e-3, 1e-4]}',)
    assert "Tuner" in forecast(settings(tmp_path / "run", overrides=overrides))


def test_of_a_store_that_is_no_file_nothing_is_known(tmp_path: Path) -> None:
    uri = "mysql://me:secret@nowhere/runs"
    assert set(forecast(settings(tmp_path, metadata_uri=uri)).values()) == {"unknown"}


def test_a_run_that_was_stopped_is_seen(tmp_path: Path) -> None:
    assert not resumes(settings(tmp_path))
    (tmp_path / "unfinished.json").write_text(json.dumps({"run_id": "a", "digest": "b"}))
    assert resumes(settings(tmp_path))
    for damaged in ("", "[]", "{}", '{"run_id": 5, "digest": "b"}'):
        (tmp_path / "unfinished.json").write_text(damaged)
        assert not resumes(settings(tmp_path))


def test_a_store_that_was_lost_or_is_damaged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "metadata.sqlite"
    path.write_bytes(b"no database" * 100)
    with pytest.raises(PerceiverError, match=f"^{path} can't be read"):
        forecast(settings(tmp_path))
    path.write_bytes(b"")
    assert set(forecast(settings(tmp_path)).values()) == {"runs"} and path.read_bytes() == b""
    (tmp_path / "artifacts" / "Gate").mkdir(parents=True)
    with pytest.raises(PerceiverError, match=f"^{path} is empty.*artifacts/"):
        forecast(settings(tmp_path))
