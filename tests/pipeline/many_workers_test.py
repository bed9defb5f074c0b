"""What a pipeline with several workers needs, and what it says when a worker fails."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace

import pytest

from perceiver_keras.config_tree import override
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.pipeline import many_workers
from perceiver_keras.tasks import registry

CONFIG = registry.get("image_classification").preset("tiny").config
MULTI = override(CONFIG, "train.strategy=multi_worker").train
ASKED = json.dumps({"workers": 2, "restarts": 0, "grace": 5.0, "devices": None})


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.delenv(many_workers.WORKERS, raising=False)


def test_a_pipeline_must_be_launched_for_several_workers(monkeypatch):
    many_workers.check(CONFIG.train)
    with pytest.raises(UsageError, match="perceiver launch --workers N -- run TASK"):
        many_workers.check(MULTI)
    monkeypatch.setenv(many_workers.WORKERS, ASKED)
    many_workers.check(MULTI)
    with pytest.raises(UsageError, match="train.search can't be used"):
        many_workers.check(dataclasses.replace(MULTI, search={"learning_rate": (1.0,)}))
    monkeypatch.setenv("TF_CONFIG", "{}")
    with pytest.raises(UsageError, match="TF_CONFIG is set"):
        many_workers.check(MULTI)


def test_a_worker_starts_none(monkeypatch):
    assert many_workers.starts_them(MULTI) and not many_workers.starts_them(CONFIG.train)
    monkeypatch.setenv("TF_CONFIG", "{}")
    assert not many_workers.starts_them(MULTI)


def test_the_error_of_a_worker_is_the_trainers(monkeypatch, tmp_path):
    """Two real processes, which find no examples."""
    from perceiver_keras.config_tree import to_dict

    monkeypatch.setenv(many_workers.WORKERS, ASKED)
    config = override(CONFIG, "train.strategy=multi_worker")
    arguments = SimpleNamespace(
        custom_config={
            "task": "image_classification",
            "preset": "tiny",
            "config": to_dict(config),
            "labels": None,
            "state_dir": str(tmp_path),
        },
        hyperparameters=None,
        train_files=[str(tmp_path / "none-*")],
        eval_files=[],
        transform_graph_path="",
        serving_model_dir=str(tmp_path / "model" / "serving"),
        model_run_dir=str(tmp_path / "logs"),
        unused=object(),
    )
    with pytest.raises(PerceiverError, match="No file matches .*none"):
        many_workers.run_apart(arguments)
