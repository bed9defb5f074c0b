"""Training: Keras's model, losses, metrics and optimizers in a loop of our own that survives being killed.

There are two reasons for our own loop: the data's iterator must be in the checkpoint (Keras's `fit` restarts its data
after an interruption), and one graph call runs many steps, so that Python does not slow small models down.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import TaskConfig
from perceiver_keras.config_tree import to_dict
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.evaluate import Evaluator
from perceiver_keras.metrics.results import results
from perceiver_keras.progress import Progress
from perceiver_keras.tasks.task import Task
from perceiver_keras.training.board import Board, flat
from perceiver_keras.training.checkpoint import Checkpoints, Record, lock
from perceiver_keras.training.optimizer import make_schedule
from perceiver_keras.training.step import TrainStep, build_model
from perceiver_keras.training.strategy import Batches, Source, is_chief, make_strategy
from perceiver_keras.training.warm_start import start_from

TERMINATED = 143  # the exit code of a process that SIGTERM ended
# About how long one graph call may take: SIGTERM and the progress line wait for it.
CALL_SECONDS = 1.0

# Settings that may differ between the run that made a checkpoint and the run that continues from it.
_FREE = {
    *("train.steps", "train.log_every", "train.evaluate_every", "train.checkpoint_every"),
    *("train.keep_checkpoints", "train.jit_compile", "train.strategy", "train.deterministic"),
    *("data.data_dir", "data.validation_split", "data.test_split", "data.max_corrupt_share"),
    "model.attention_memory_mb",
}


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What `fit` returns.

    Attributes:
      model: With the averaged weights if `train.ema_decay` is set.
      history: One row per logged step, in order: `step`; `learning_rate`, `loss` and metrics over the batches since the
        previous row; `val_loss` and `val_...` if the model was evaluated.
      best: {"step", "metric", "value"} of the best evaluation, or None.
      steps: Optimizer steps in total.
      seconds: The duration of this call.
      resumed_from: The step of the checkpoint from which this call continued, or None.
    """

    model: keras.Model
    history: list[dict[str, float]]
    best: dict[str, Any] | None
    steps: int
    seconds: float
    resumed_from: int | None


def fit(
    task: Task,
    config: TaskConfig,
    train: Source,
    validation: tf.data.Dataset | None,
    *,
    state_dir: str | os.PathLike[str],
    log_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    labels: Sequence[str] | None = None,
) -> Trained:
    """Trains `task` from the seed, or continues from the newest undamaged checkpoint in `state_dir`.

    A step uses `gradient_accumulation` batches of `train`. On one device with `train.deterministic`, the final weights
    are bit for bit the same however often the run is killed. In that case call `fit` early in the process, because
    TensorFlow's op determinism only applies to later operations.

    Args:
      task: The contract; nothing here depends on a task's name.
      config: Of the whole run.
      train: Infinite dataset of (inputs, targets) batches, without stateful operations, so that its iterator can be
        saved; or a callable from the strategy to this process's part of such a dataset, batched for one replica.
      validation: Finite dataset of (inputs, targets) batches, or None.
      state_dir: The folder of checkpoints, the same after a restart; used by one run at a time.
      log_dir: For TensorBoard's files and `history.json`.
      progress: Shows the run; its `total` should be `config.train.steps`.
      labels: Names of the classes, for the pictures of `task.asking.report`.

    Raises:
      UsageError: `train.keep_checkpoints` is less than 3.
      PerceiverError: the loss or a gradient is not finite; a folder is not writable; the checkpoint was made with other
        settings; another process is training in the folder.
      SystemExit: with 143, after a checkpoint, if the process receives SIGTERM.
    """
    if config.train.keep_checkpoints < 3:
        raise UsageError(
            f"train.keep_checkpoints: expected 3 or more, got {config.train.keep_checkpoints}."
        )
    with lock(state_dir), _precision(config.train.precision), _sigterm() as terminated:
        run = _Run(task, config, train, validation, state_dir, log_dir, progress, labels)
        return run.go(terminated)


class _Run:
    """One call of `fit`."""

    def __init__(self, task, config, train, validation, state_dir, log_dir, progress, labels):
        self._task, self._config, self._validation = task, config, validation
        self._log_dir, self._progress, self._labels = log_dir, progress, labels
        self._say = progress.note if progress else logging.getLogger(__name__).warning
        self._started = time.monotonic()

        keras.utils.set_random_seed(config.train.seed)
        if config.train.deterministic:
            tf.config.experimental.enable_op_determinism()
        self._strategy = make_strategy(config.train)
        self._batches = Batches(train, self._strategy)
        with self._strategy.scope():
            self._model = task.build(config)
            build_model(self._model, self._batches.spec[0])
            self._step = TrainStep(task, config, self._model, self._strategy)
        self._evaluator = Evaluator(task, config, self._model)
        self._schedule = make_schedule(config.train)
        self._told = Record(history=[], best=None)
        chief = is_chief(self._strategy)
        self._board = Board(log_dir, self._say) if log_dir and chief else None
        self._checkpoints = Checkpoints(
            state_dir,
            self._step.saved | self._batches.saved | {"told": self._told},
            settings=_settings(task, config),
            keep=config.train.keep_checkpoints,
            writes=chief,
            say=self._say,
        )

    def go(self, terminated: threading.Event) -> Trained:
        train = self._config.train
        resumed_from = self._checkpoints.restore()
        step = resumed_from or 0
        self._batches.go_to(step * train.gradient_accumulation)
        if resumed_from is not None:
            self._say(f"Going on from step {step} of {train.steps}.")
        elif train.init:
            self._say(start_from(self._model, train.init))
            self._step.average.restart()
        if self._board:
            self._board.settings(self._config)
        if self._progress:
            self._progress.start(step)

        saved, pace = resumed_from, _Pace()
        while step < train.steps:
            count = min(pace.steps, _to_next_stop(step, train))
            with pace.measure(count):
                self._step.run(self._batches.iterator, tf.constant(count))
                bad = int(self._step.bad.read_value())
            if bad >= 0:
                raise PerceiverError(self._not_finite(bad))
            step += count
            done = step >= train.steps
            if step % train.log_every == 0 or done:
                self._log(step, pace)
            if step % train.evaluate_every == 0 or done:
                self._evaluate(step)
            if step % train.checkpoint_every == 0 or done or terminated.is_set():
                saved = step
                self._checkpoints.save(step)
                self._write_history()
            if terminated.is_set() and not done:
                self._say(f"Stopped by SIGTERM at step {saved}; a rerun goes on from there.")
                raise SystemExit(TERMINATED)

        self._step.average.swap()
        self._write_history()
        if self._board:
            self._board.close()
        return Trained(
            model=self._model,
            history=self._told.values["history"],
            best=self._told.values["best"],
            steps=step,
            seconds=time.monotonic() - self._started,
            resumed_from=resumed_from,
        )

    def _log(self, step: int, pace: _Pace) -> None:
        row = {"learning_rate": float(self._schedule(step - 1))} | results(self._step.metrics)
        for metric in self._step.metrics:
            metric.reset_state()
        self._told.values["history"].append({"step": step} | row)
        if self._board:
            self._board.scalars("train", step, row)
        if self._progress:
            data, accumulation = self._config.data, self._config.train.gradient_accumulation
            speed = data.batch_size * accumulation * pace.steps_per_second
            row.pop("learning_rate")
            self._progress.update(step, **row, examples_per_second=speed)

    def _evaluate(self, step: int) -> None:
        if self._validation is None:
            return
        with self._averaged():
            values = self._evaluator(self._validation)
            if self._board:
                self._board.scalars("validation", step, values)
                self._board.pictures(step, self._show)
        history = self._told.values["history"]
        if not history or history[-1]["step"] != step:
            history.append({"step": step})
        history[-1] |= {f"val_{name}": value for name, value in values.items()}

        # Judged by the gate's first metric if there is one, else by the loss.
        metric = next((m for m in self._config.evaluate.thresholds if m in values), "loss")
        best = self._told.values["best"]
        sign = -1.0 if metric in ("loss", *self._task.measures.lower_is_better) else 1.0
        if not best or best["metric"] != metric or sign * values[metric] > sign * best["value"]:
            self._told.values["best"] = {"step": step, "metric": metric, "value": values[metric]}

    def _show(self) -> dict[str, Any]:
        import matplotlib

        matplotlib.use("Agg")
        inputs, targets = next(iter(self._validation))
        return self._task.asking.report(self._model, inputs, targets, self._config, self._labels)

    @contextlib.contextmanager
    def _averaged(self) -> Iterator[None]:
        self._step.average.swap()
        try:
            yield
        finally:
            self._step.average.swap()

    def _write_history(self) -> None:
        if self._log_dir is None or not self._board:
            return
        path = os.path.join(os.fspath(self._log_dir), "history.json")
        try:
            tf.io.gfile.makedirs(os.fspath(self._log_dir))
            with tf.io.gfile.GFile(f"{path}.tmp-{os.getpid()}", "w") as file:
                file.write(json.dumps(self._told.values, indent=1))
            tf.io.gfile.rename(f"{path}.tmp-{os.getpid()}", path, overwrite=True)
        except (OSError, tf.errors.OpError) as error:
            raise PerceiverError(
                f"{path}: can't be written ({error}). Check the folder and the disk."
            ) from error

    def _not_finite(self, step: int) -> str:
        rate = float(self._schedule(step))
        return (
            f"The loss or its gradient was not finite at step {step} (learning rate {rate:.2g}). "
            f"The last good checkpoint is {self._checkpoints.latest or 'none yet'}. "
            "Try a lower train.learning_rate, more train.warmup_steps or train.clip_norm=1."
        )


class _Pace:
    """How many steps one graph call may run so that it takes about `CALL_SECONDS`."""

    def __init__(self) -> None:
        self.steps = 1  # the first call includes tracing, so its speed means nothing
        self.steps_per_second = 0.0
        self._calls = 0

    @contextlib.contextmanager
    def measure(self, count: int) -> Iterator[None]:
        start = time.monotonic()
        yield
        self._calls += 1
        if self._calls > 1:
            self.steps_per_second = count / max(time.monotonic() - start, 1e-6)
            wanted = round(self.steps_per_second * CALL_SECONDS)
            self.steps = min(max(wanted, 1), 8 * self.steps)


def _to_next_stop(step: int, train: Any) -> int:
    """Steps to the next log line, evaluation, checkpoint or the end."""
    every = (train.log_every, train.evaluate_every, train.checkpoint_every)
    return min(train.steps - step, *(n - step % n for n in every))


def _settings(task: Task, config: TaskConfig) -> dict[str, Any]:
    values = flat(to_dict(config))
    kept = {k: v for k, v in values.items() if k not in _FREE and not k.startswith("evaluate.")}
    return {"task": task.name} | kept


@contextlib.contextmanager
def _precision(policy: str) -> Iterator[None]:
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


@contextlib.contextmanager
def _sigterm() -> Iterator[threading.Event]:
    """An event that SIGTERM sets. Only the main thread can catch signals; in other threads it is never set."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    handler: Callable[..., Any] = lambda *_: event.set()  # noqa: E731
    before = signal.signal(signal.SIGTERM, handler)
    try:
        yield event
    finally:
        signal.signal(signal.SIGTERM, before)
