"""Two real workers: the same weights as one process, and the same again after a kill or SIGTERM."""

from __future__ import annotations

import json
import random
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.tasks.batches import TrainingData
from perceiver_keras.train import fit
from perceiver_keras.training.workers import Workers, join
from tests import tiny_training
from tests.tiny_training import CONFIG, validation_batches
from tests.tiny_workers import TASK, as_one, finish, kill, records, start, store, wait_for

STEPS = ("train.steps=60", "train.evaluate_every=30", "train.checkpoint_every=5")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Of the runs; `data` holds the examples, `unbroken` two workers that nobody disturbed."""
    folder = tmp_path_factory.mktemp("workers")
    (folder / "data").mkdir()
    store(folder / "data")
    assert finish(start(folder, "unbroken", *STEPS)) == [0, 0], said(folder, "unbroken")
    return folder


def said(folder: Path, name: str) -> str:
    return "\n".join((folder / name / str(index) / "said").read_text() for index in range(2))


def weights(folder: Path, name: str, index: int = 0) -> dict[str, np.ndarray]:
    return dict(np.load(folder / name / str(index) / "weights.npz"))


def told(folder: Path, name: str, index: int = 0) -> dict[str, Any]:
    return json.loads((folder / name / str(index) / "told.json").read_text())


def history(folder: Path, name: str) -> list[dict[str, float]]:
    return told(folder, name)["history"]


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    pairs = zip(one.values(), other.values(), strict=True)
    return all(a.tobytes() == b.tobytes() for a, b in pairs)


def checkpoints(folder: Path, name: str) -> list[int]:
    """Steps of the chief's checkpoints, ascending."""
    return sorted(int(p.stem[5:]) for p in (folder / name / "0" / "state").glob("ckpt-*.index"))


def test_both_end_with_the_same_weights_and_only_the_chief_writes(folder):
    assert same(weights(folder, "unbroken", 0), weights(folder, "unbroken", 1))
    both = [told(folder, "unbroken", index) for index in range(2)]
    assert both[0] == both[1] and both[0]["best"]["value"] > 0.9
    assert checkpoints(folder, "unbroken")[-1] == 60
    assert not list((folder / "unbroken" / "1").glob("state*"))


def test_two_workers_train_as_one_process(folder, tmp_path):
    """The same global batches, without dropout: it is drawn per replica."""
    settings = ("train.steps=20", "train.evaluate_every=20", "model.process.dropout=0.0")
    workers = start(folder, "equal", *settings)
    config = override(CONFIG, *settings)
    data = TrainingData(TASK, config, records(folder / "data"))
    one = fit(TASK, config, as_one(data), validation_batches(), state_dir=tmp_path)
    assert finish(workers) == [0, 0], said(folder, "equal")
    alone = tiny_training.weights(one.model)
    for a, b in zip(alone.values(), weights(folder, "equal").values(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert history(folder, "equal")[-1] == pytest.approx(one.history[-1], rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("index", [0, 1])
def test_a_killed_worker_ends_the_other_and_both_go_on_to_the_same_weights(folder, index):
    name, chance = f"killed{index}", random.Random(index)
    workers = start(folder, name, *STEPS)
    wait_for(lambda: checkpoints(folder, name)[-1:] > [5], workers)
    time.sleep(chance.random() * 0.05)
    kill(workers[index])
    began = time.monotonic()
    codes = finish(workers, 30)
    assert time.monotonic() - began < 12
    assert codes[index] == -signal.SIGKILL and codes[1 - index] == 1
    who = "Worker 0 (the chief) at" if index == 0 else "Worker 1 at"
    assert f"Error: {who}" in said(folder, name)
    assert checkpoints(folder, name)[-1] < 60, "the run was too fast to be killed in the middle"
    assert finish(start(folder, name, *STEPS)) == [0, 0], said(folder, name)
    assert said(folder, name).count("Going on from step") == 1, "the chief says it, once"
    assert same(weights(folder, "unbroken"), weights(folder, name))
    assert history(folder, "unbroken") == history(folder, name)


def test_sigterm_to_one_worker_saves_and_all_leave(folder):
    endless = ("train.steps=1000000", "train.checkpoint_every=1000000", "train.log_every=1")
    workers = start(folder, "asked", *endless, "train.evaluate_every=1000000")
    wait_for((folder / "asked" / "0" / "state" / "lock").exists, workers)
    time.sleep(4)
    kill(workers[1], signal.SIGTERM)
    began = time.monotonic()
    assert finish(workers, 30) == [143, 143], said(folder, "asked")
    assert time.monotonic() - began < 25
    (step,) = checkpoints(folder, "asked")
    assert f"Stopped by SIGTERM at step {step}" in said(folder, "asked")


def test_sigterm_in_the_chiefs_evaluation_is_heard_by_all(folder):
    """Whichever worker is asked: the others wait for the chief, whose evaluation here would never end."""
    workers = start(folder, "judged", *STEPS, endless_evaluation=True)
    evaluation = folder / "judged" / "0" / "state" / "evaluation.json"
    wait_for(evaluation.exists, workers)
    kill(workers[1], signal.SIGTERM)
    began = time.monotonic()
    assert finish(workers, 30) == [143, 143], said(folder, "judged")
    assert time.monotonic() - began < 25
    assert "Stopped by SIGTERM in the evaluation of step 30" in said(folder, "judged")
    assert json.loads(evaluation.read_text())["begun"] == 0, "it was no death"
    assert finish(start(folder, "judged", *STEPS)) == [0, 0], said(folder, "judged")
    assert same(weights(folder, "unbroken"), weights(folder, "judged"))
    assert history(folder, "unbroken") == history(folder, "judged")


@pytest.mark.parametrize("index", [0, 1])
def test_a_worker_that_is_stopped_but_alive_is_given_up(folder, index):
    endless = ("train.steps=1000000", "train.checkpoint_every=5", "train.evaluate_every=1000000")
    name, other = f"stopped{index}", 1 - index
    workers = start(folder, name, *endless, heartbeat=2.0)
    wait_for(lambda: checkpoints(folder, name) != [], workers)
    kill(workers[index], signal.SIGSTOP)
    began = time.monotonic()
    try:
        workers[other].join(30)
    finally:
        workers[index].kill()
        workers[index].join()
    assert workers[other].exitcode == 1 and time.monotonic() - began < 25
    who = "Worker 0 (the chief) at" if index == 0 else "Worker 1 at"
    text = said(folder, name)
    assert f"Error: {who}" in text and "does not answer: it was stopped" in text, text


def test_workers_of_different_settings_are_refused(folder):
    workers = start(folder, "odd", *STEPS, different=("train.learning_rate=0.5",))
    assert finish(workers) == [1, 1]
    words = "Worker 1 has train.learning_rate=0.5, the chief 0.02"
    assert words in said(folder, "odd") and "Worker 1 was started with other" in said(folder, "odd")
    assert not checkpoints(folder, "odd")


def test_alone_everything_is_trivial(monkeypatch):
    with Workers(tf.distribute.get_strategy()) as workers:
        assert (workers.count, workers.index, workers.is_chief) == (1, 0, True)
        assert workers.exchange(3, -7).tolist() == [[3, -7]]
        assert workers.from_chief({"a": [1.5]}) == {"a": [1.5]}
        workers.agree({"a": 1})
        variable = tf.Variable(2.0)
        workers.share([variable])
        assert float(variable) == 2
    with pytest.raises(tf.errors.UnavailableError), Workers(tf.distribute.get_strategy()):
        raise tf.errors.UnavailableError(None, None, "not of ours")
    assert join(CONFIG.train).count == 1


def test_a_strategy_that_comes_too_late_is_refused(monkeypatch):
    """Tests have used TensorFlow already."""
    tf.constant(1)
    multi = override(CONFIG, "train.strategy=multi_worker").train
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(UsageError, match="TF_CONFIG is not set"):
        join(multi)
    monkeypatch.setenv(
        "TF_CONFIG",
        '{"cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}, "task": {"type": "worker", "index": 0}}',
    )
    with pytest.raises(PerceiverError, match="TensorFlow has started already"):
        join(multi)
