"""Training: it learns, goes on to the last bit after any kill, and says what went wrong."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import perceiver_keras.train
from perceiver_keras.config_tree import override
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.evaluate import evaluate
from perceiver_keras.loss import MaskedCrossEntropy
from perceiver_keras.progress import Progress
from perceiver_keras.training.tpu import on_host
from perceiver_keras.training.workers import Workers
from tests import tiny_training as training
from tests.tiny_training import CONFIG, TASK


def start(*assignments: str, state: Path, out: Path) -> BaseProcess:
    process = training.processes.Process(target=training.run, args=(state, out, *assignments))
    process.start()
    return process


def finish(process: BaseProcess, out: Path, code: int = 0) -> str:
    """What the process said."""
    process.join(timeout=120)
    said = (out / "said").read_text()
    assert process.exitcode == code, said
    return said


def assert_same_run(one: Path, other: Path) -> None:
    """Weights (the averages, swapped in), history and best value, to the last bit."""
    first, second = np.load(one / "weights.npz"), np.load(other / "weights.npz")
    assert first.files == second.files
    for name in first.files:
        assert first[name].tobytes() == second[name].tobytes(), name
    told = [json.loads((folder / "told.json").read_text()) for folder in (one, other)]
    assert told[0]["history"] == told[1]["history"]
    assert told[0]["best"] == told[1]["best"]


def wait_for(condition: Callable[[], bool], process: BaseProcess, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.is_alive() and time.monotonic() < end
        time.sleep(0.001)


def test_killed_at_any_moment_ends_as_if_never_killed(tmp_path):
    """SIGKILL at random moments and inside a save; then the same bytes as one unbroken run."""
    settings = ("train.steps=300", "train.evaluate_every=100")
    state, one, two = (tmp_path / name for name in ("state", "one", "two"))
    unbroken = start(*settings, state=tmp_path / "unbroken", out=one)
    chance = random.Random(0)

    def highest() -> int:
        return max([int(p.stem[5:]) for p in state.glob("ckpt-*.index")], default=0)

    for kill in range(3):
        process = start(*settings, state=state, out=two)
        before = highest()
        wait_for(lambda b=before: highest() > b, process)
        if kill % 2:  # in a save: its temporary folder is there
            wait_for(lambda: any(state.glob("ckpt-*_temp")), process)
        else:
            time.sleep(chance.random() * 0.05)
        process.kill()
        finish(process, two, -signal.SIGKILL)
        assert highest() < 300, "the run was too fast to be killed in the middle"
    said = finish(start(*settings, state=state, out=two), two)
    finish(unbroken, one)
    assert said.count("Going on from step") == 3
    assert not list(state.glob("*_temp"))
    assert json.loads((two / "told.json").read_text())["resumed_from"] > 0
    assert_same_run(one, two)


def test_sigterm_saves_and_exits_143(tmp_path):
    never = ("train.checkpoint_every=1000000", "train.evaluate_every=1000000")
    settings = ("train.steps=1000000", *never, "train.log_every=1")
    process = start(*settings, state=tmp_path, out=tmp_path)
    wait_for((tmp_path / "lock").exists, process)
    time.sleep(5)  # somewhere in the middle; before the first step it would stop as well
    process.terminate()
    said = finish(process, tmp_path, 143)
    (index,) = tmp_path.glob("ckpt-*.index")
    assert f"Stopped by SIGTERM at step {index.stem[5:]}" in said


def test_sigterm_in_an_evaluation_leaves_it_after_a_batch(tmp_path):
    """The evaluated checkpoint is there already, so a long evaluation must not use up the time to leave."""
    config = override(
        CONFIG, "train.steps=12", "train.evaluate_every=6", "train.deterministic=false"
    )
    notes = tmp_path / "evaluation.json"

    def ask():
        while not (notes.exists() and json.loads(notes.read_text())["begun"]):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    for deaths in range(3):  # three deaths would make the batches smaller
        sender = threading.Thread(target=ask)
        sender.start()
        with pytest.raises(SystemExit) as left:
            training.train(config, tmp_path, validation=training.validation_batches().repeat())
        sender.join()
        assert left.value.code == 143, deaths
        assert (tmp_path / "ckpt-6.index").exists() and not (tmp_path / "ckpt-10.index").exists()
        assert json.loads(notes.read_text()) == {"step": 6, "begun": 0, "limit": None}
    history = training.train(config, tmp_path).history
    assert [row["step"] for row in history if "val_loss" in row] == [6, 12]


def test_learns_logs_and_continues(tmp_path):
    """One run in one process: the history, TensorBoard's files, and a second call that continues."""
    config = override(CONFIG, "train.steps=30", "train.deterministic=false")
    trained = training.train(config, tmp_path / "state", log_dir=tmp_path / "log")
    assert trained.steps == 30 and trained.resumed_from is None
    assert trained.history[-1]["step"] == 30
    assert trained.history[-1]["val_accuracy"] > 0.9
    assert trained.history[0]["loss"] > 3 * trained.history[-1]["loss"]
    assert [row["step"] for row in trained.history] == [7, 10, 14, 20, 21, 28, 30]
    best = max(
        (row for row in trained.history if "val_accuracy" in row), key=lambda r: r["val_accuracy"]
    )
    assert trained.best == {
        "step": best["step"],
        "metric": "accuracy",
        "value": best["val_accuracy"],
    }
    told = json.loads((tmp_path / "log" / "history.json").read_text())
    assert told == {"history": trained.history, "best": trained.best}

    tags = {
        group: {
            value.tag: event.step
            for path in (tmp_path / "log" / group).glob("events.*")
            for event in tf.compat.v1.train.summary_iterator(str(path))
            for value in event.summary.value
        }
        for group in ("train", "validation")
    }
    assert tags["train"].keys() >= {"loss", "learning_rate", "accuracy", "config"}
    assert tags["train"]["loss"] == 30
    assert tags["validation"].keys() == {"loss", "accuracy", "Logits"}

    again = training.train(config, tmp_path / "state")
    assert again.resumed_from == 30 and again.history == trained.history
    longer = training.train(override(config, "train.steps=33"), tmp_path / "state")
    assert longer.resumed_from == 30 and longer.steps == 33
    with pytest.raises(PerceiverError, match="train.learning_rate=0.02, but now it is 0.5"):
        training.train(override(config, "train.learning_rate=0.5"), tmp_path / "state")


def test_the_model_holds_the_averages_and_the_checkpoint_both(tmp_path):
    config = override(CONFIG, "train.steps=6", "train.deterministic=false")
    trained = training.train(config, tmp_path / "state")
    reader = tf.train.load_checkpoint(str(tmp_path / "state" / "ckpt-6"))
    kernel = trained.model.contract.kernel.numpy()
    raw = reader.get_tensor("model/contract/kernel/.ATTRIBUTES/VARIABLE_VALUE")
    number = [v.name for v in trained.model.trainable_variables].index(
        trained.model.contract.kernel.name
    )
    average = reader.get_tensor(f"average/averages/{number}/.ATTRIBUTES/VARIABLE_VALUE")
    np.testing.assert_array_equal(kernel, average)
    assert np.abs(kernel - raw).max() > 1e-4


def test_accumulated_micro_batches_equal_the_big_batch(tmp_path):
    base = ("train.steps=5", "model.process.dropout=0.0", "train.deterministic=false")
    small = override(CONFIG, *base, "data.batch_size=8", "train.gradient_accumulation=3")
    big = override(CONFIG, *base, "data.batch_size=24")
    results = [training.train(c, tmp_path / str(i)) for i, c in enumerate((small, big))]
    for one, two in zip(*(r.model.weights for r in results), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)
    last = [r.history[-1] for r in results]
    assert last[0]["loss"] == pytest.approx(last[1]["loss"], rel=1e-5)
    assert last[0]["accuracy"] == pytest.approx(last[1]["accuracy"])


@pytest.mark.parametrize("jit", ["on", "off"])
def test_mixed_precision_with_and_without_xla(tmp_path, jit):
    config = override(
        CONFIG, "train.precision=mixed_bfloat16", f"train.jit_compile={jit}", "train.steps=30",
        "train.deterministic=false",
    )  # fmt: skip
    trained = training.train(config, tmp_path)
    assert trained.model.expand.compute_dtype == "bfloat16"
    assert all(v.dtype == tf.float32 for v in trained.model.trainable_variables)
    assert tf.keras.mixed_precision.global_policy().name == "float32"
    assert trained.history[-1]["val_accuracy"] > 0.9


def two_replicas(folder: Path) -> None:
    """In a process of its own, since devices must be split before TensorFlow starts."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    workers = Workers(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
    plain = ("train.steps=6", "train.checkpoint_every=3", "model.process.dropout=0.0")
    masked = dataclasses.replace(
        TASK,
        measures=dataclasses.replace(
            TASK.measures, loss=lambda config: MaskedCrossEntropy(), metrics=lambda config: []
        ),
    )

    def hide(inputs, targets):
        """Most places of the first half are not asked for, so the replicas have different numbers of them."""
        return inputs, tf.where(
            (inputs[:, 0] > 0.5) | (tf.range(tf.size(targets)) > 10), targets, -1
        )

    cases = {
        "even": (TASK, plain),
        "uneven": (TASK, (*plain, "data.batch_size=15")),
        "masked": (masked, (*plain, "data.batch_size=15")),
    }
    big = {}
    for name, (task, settings) in cases.items():
        config = override(CONFIG, *settings)
        batches = training.train_batches(config)
        batches = batches.map(hide) if task is masked else batches
        validation = training.validation_batches()
        results = [
            training.fit(
                task, config, batches, validation, state_dir=folder / f"{name}{kind}", workers=by
            )
            for kind, by in (("one", None), ("two", workers))
        ]
        one, two = (result.model.get_weights() for result in results)
        for a, b in zip(one, two, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5, err_msg=name)
        big[name] = one
        rows = [result.history[0] for result in results]
        assert rows[0] == pytest.approx(rows[1], rel=1e-5, abs=1e-6), name

    # The last of them is also three micro-batches, which two replicas can't share equally either.
    small = override(config, "data.batch_size=5", "train.gradient_accumulation=3")
    for kind, by in (("one", None), ("two", workers)):
        parts = batches.unbatch().batch(5, drop_remainder=True)
        result = training.fit(masked, small, parts, None, state_dir=folder / kind, workers=by)
        for a, b in zip(big["masked"], result.model.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5, err_msg=f"micro-batches, {kind}")

    as_a_tpu_does(result.model, workers.strategy, config)

    for path in (folder / "eventwo").glob("ckpt-6.*"):
        path.unlink()
    config = override(CONFIG, *plain)
    expected = [
        result.tobytes()
        for result in training.train(config, folder / "again", workers=workers).model.get_weights()
    ]
    resumed = training.train(config, folder / "eventwo", workers=workers)
    assert resumed.resumed_from == 3
    assert [weight.tobytes() for weight in resumed.model.get_weights()] == expected

    config = override(CONFIG, "train.steps=4", "train.jit_compile=on", "model.process.dropout=0.5")
    assert training.train(config, folder / "xla", workers=workers).steps == 4


def as_a_tpu_does(model, strategy, config) -> None:
    """All replicas evaluate, also what they can't share equally; and what is left for the host is a plain copy."""
    validation = training.validation_batches().unbatch().batch(15)  # 15, 15, 15, 5
    one = evaluate(TASK, config, model, validation)
    shared = perceiver_keras.train.Evaluator(TASK, config, model, strategy=strategy)
    assert shared(validation) == pytest.approx(one, rel=1e-6)
    inputs = next(iter(validation))[0]
    copy = on_host(TASK, config, model, tf.TensorSpec([None, *inputs.shape[1:]]))
    assert isinstance(model.weights[0], tf.distribute.DistributedValues)
    assert not any(isinstance(weight, tf.distribute.DistributedValues) for weight in copy.weights)
    np.testing.assert_array_equal(copy(inputs), model(inputs))


def test_two_replicas_train_as_one(tmp_path):
    """Also if they can't share a batch equally, if the loss is a mean over places that they have different numbers of,
    and if the batch is several micro-batches; and XLA compiles their steps with dropout in them."""
    process = training.processes.Process(target=two_replicas, args=(tmp_path,))
    process.start()
    process.join(240)
    assert process.exitcode == 0


def test_the_time_left_does_not_count_compilation(tmp_path):
    started = []

    class Counting(Progress):
        def start(self, step=0):
            started.append(step)
            super().start(step)

    config = override(CONFIG, "train.deterministic=false")
    for steps in (7, 9):
        longer = override(config, f"train.steps={steps}")
        training.train(longer, tmp_path, progress=Counting(steps, quiet=True))
    assert started == [0, 1, 7, 8]  # again after the first call, which runs one step


def test_two_runs_in_one_folder_are_refused(tmp_path):
    inner = []

    class Nosy(Progress):
        def start(self, step=0):
            with pytest.raises(PerceiverError, match="another process is training here") as error:
                training.train(CONFIG, tmp_path)
            inner.append(error)

    config = override(CONFIG, "train.steps=1", "train.deterministic=false")
    training.train(config, tmp_path, progress=Nosy(1, quiet=True))
    assert inner


def test_a_picture_that_fails_does_not_stop_training(tmp_path, capsys):
    def broken(*_):
        raise RuntimeError("no picture today")

    config = override(CONFIG, "train.steps=20", "train.deterministic=false")
    task = dataclasses.replace(TASK, asking=dataclasses.replace(TASK.asking, report=broken))
    with Progress(20, interval=0) as progress:
        training.fit(
            task, config, training.train_batches(config), training.validation_batches(),
            state_dir=tmp_path / "state", log_dir=tmp_path / "log", progress=progress,
        )  # fmt: skip
    assert capsys.readouterr().err.count("no picture today") == 1


def test_keeping_fewer_than_three_is_refused(tmp_path):
    with pytest.raises(UsageError, match="train.keep_checkpoints"):
        training.train(override(CONFIG, "train.keep_checkpoints=2"), tmp_path)


def evaluations_die(state: str, out: str) -> None:
    """A process that is killed in its last evaluation, as the kernel does when memory is short."""

    class Killed(perceiver_keras.train.Evaluator):
        def __call__(self, dataset):
            os.kill(os.getpid(), signal.SIGKILL)

    perceiver_keras.train.Evaluator = Killed
    training.run(state, out, "train.steps=12", "train.evaluate_every=12")


def test_no_step_is_lost_when_the_process_dies_in_evaluation(tmp_path):
    """The rerun goes straight to the evaluation; after the second death it takes smaller batches."""
    settings = ("train.steps=12", "train.evaluate_every=12", "evaluate.batch_size=16")
    state, one, two = (tmp_path / name for name in ("state", "one", "two"))
    unbroken = start(*settings, state=tmp_path / "unbroken", out=one)
    for _ in range(2):
        process = training.processes.Process(target=evaluations_die, args=(state, two))
        process.start()
        finish(process, two, -signal.SIGKILL)
        assert (state / "ckpt-12.index").exists()
    said = finish(start(*settings, state=state, out=two), two)
    finish(unbroken, one)
    assert "Going on from step 12 of 12" in said and "evaluate.batch_size=8" in said
    first, second = (json.loads((out / "told.json").read_text()) for out in (one, two))
    assert second["resumed_from"] == 12
    assert second["history"][-1] == pytest.approx(first["history"][-1], rel=1e-5)


def test_a_failing_last_evaluation_leaves_the_trained_model(tmp_path):
    """And the same call evaluates again, without a training step."""
    config = override(CONFIG, "train.steps=6", "train.deterministic=false")
    broken = training.validation_batches().map(
        lambda x, y: (x[:, :3], y)  # too few channels
    )
    trained = training.train(config, tmp_path, validation=broken)
    assert trained.steps == 6 and trained.evaluation_error
    assert "val_loss" not in trained.history[-1]
    again = training.train(config, tmp_path)
    assert again.resumed_from == 6 and again.evaluation_error is None
    assert again.history[-1]["val_loss"] > 0
    for one, two in zip(trained.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    # A finished evaluation is not repeated.
    assert training.train(config, tmp_path, validation=broken).history == again.history
