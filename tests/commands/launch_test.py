"""`perceiver launch`: what it refuses, and one real run of two workers of which one is killed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from perceiver_keras.commands import launch
from tests.commands.command_line import TASK, invoke, refused


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--workers", "0", "--", "train", TASK], "--workers: expected 1 or more, got 0"),
        (["--workers", "2", "--restarts", "-1", "--", "train", TASK], "--restarts: expected 0"),
        (["--workers", "2", "--grace", "0", "--", "train", TASK], "more than 0 seconds, got 0"),
        (["--workers", "2", "--", "export", TASK], "starts `train` or `run`, got 'export'"),
        (["--workers", "2"], "Missing argument"),
        (["--", "train", TASK], "--workers N"),
        (["--hosts", "a:1,b:1", "--", "run", TASK], "--hosts is for `train`, got 'run'"),
        (["--hosts", "a:1,b:1", "--", "train", TASK], "must be in JOB_COMPLETION_INDEX"),
        (["--hosts", "a:1", "--workers", "2", "--", "train", TASK], "--hosts lists 1 workers"),
    ],
)
def test_what_can_not_be_started_is_refused(arguments, words, monkeypatch):
    monkeypatch.delenv("JOB_COMPLETION_INDEX", raising=False)
    refused("launch", *arguments, code=2, words=words)


def test_more_gpus_than_there_are_are_refused(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    arguments = ("launch", "--workers", "2", "--gpus-per-worker", "2", "--", "train", TASK)
    refused(*arguments, code=2, words="2 workers need 4 GPUs, and there are 3")


def test_a_pipeline_is_one_process_that_knows_what_to_start(monkeypatch):
    """It takes the place of this process; here, the call is caught."""
    called = []

    class Replaced(Exception):
        pass

    def execv(program, arguments):
        called.append((program, list(arguments), json.loads(os.environ[launch.WORKERS])))
        raise Replaced

    monkeypatch.setenv(launch.WORKERS, "")
    monkeypatch.setattr(launch.os, "execv", execv)
    invoke("launch", "--workers", "3", "--grace", "9", "--", "run", TASK, "--seed", "7", code=1)
    program, arguments, asked = called[0]
    assert program == sys.executable
    assert arguments[3:] == ["run", TASK, "--seed", "7", "--set", "train.strategy=multi_worker"]
    assert asked == {"workers": 3, "restarts": 3, "grace": 9.0, "devices": None}


def test_a_pod_of_an_indexed_job_becomes_its_worker(monkeypatch):
    """As in deploy/kubernetes/indexed_job.yaml; the call that takes the place of this process is caught."""
    called = []

    class Replaced(Exception):
        pass

    def execv(program, arguments):
        called.append((list(arguments), json.loads(os.environ["TF_CONFIG"])))
        raise Replaced

    monkeypatch.setenv("TF_CONFIG", "")
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "1")
    monkeypatch.setattr(launch.os, "execv", execv)
    hosts = "t-{index}.s:2222"
    invoke("launch", "--workers", "2", "--hosts", hosts, "--", "train", TASK, "--seed", "7", code=1)
    [(arguments, config)] = called
    assert arguments[3:] == ["train", TASK, "--seed", "7", "--set", launch.MULTI_WORKER]
    assert config["cluster"] == {"worker": ["t-0.s:2222", "t-1.s:2222"]}
    assert config["task"] == {"type": "worker", "index": 1}


def test_help_has_examples_and_imports_no_tensorflow():
    assert "perceiver launch --workers 2 -- train" in invoke("launch", "--help").stdout


def test_train_without_tf_config_is_refused(tmp_path: Path, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    arguments = ("train", TASK, "--set", launch.MULTI_WORKER, "--run-dir", tmp_path / "run")
    refused(*arguments, code=2, words="perceiver launch --workers N -- train TASK")
    assert not (tmp_path / "run").exists()
