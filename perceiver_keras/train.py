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
from perceiver_keras.errors import PerceiverError, UsageError, first_line
from perceiver_keras.evaluate import Evaluator
from perceiver_keras.gate.thresholds import selecting
from perceiver_keras.metrics.results import results
from perceiver_keras.policy import precision
from perceiver_keras.progress import Progress
from perceiver_keras.tasks.task import Task
from perceiver_keras.training.board import Board, flat
from perceiver_keras.training.checkpoint import Checkpoints, Record, lock
from perceiver_keras.training.early_stop import BestWeights, is_better, is_over
from perceiver_keras.training.evaluation_state import EvaluationState
from perceiver_keras.training.fit_memory import warning
from perceiver_keras.training.optimizer import make_schedule
from perceiver_keras.training.out_of_memory import explained
from perceiver_keras.training.pace import Pace, to_next_stop
from perceiver_keras.training.step import TrainStep, build_model
from perceiver_keras.training.strategy import Batches, Source, is_chief, make_strategy
from perceiver_keras.training.warm_start import start_from

TERMINATED = 143  # the exit code of a process that SIGTERM ended

# Settings that did not exist when older checkpoints were made; those have the value that changes nothing.
_LATER = {
    "train.freeze": "none",
    "train.unfreeze_at": None,
    "train.restore_best": False,
    "data.balance": "none",
}
# Settings that may differ between the run that made a checkpoint and the run that continues from it.
_FREE = {
    *("train.steps", "train.log_every", "train.evaluate_every", "train.checkpoint_every"),
    *("train.keep_checkpoints", "train.jit_compile", "train.strategy", "train.deterministic"),
    *("train.early_stop", "train.recompute"),
    *("data.data_dir", "data.validation_split", "data.test_split", "data.max_corrupt_share"),
    *("data.on_anomaly", "data.max_leak_share", "data.max_drift", "data.max_class_drift"),
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
      evaluation_error: Why the last evaluation failed; None if it did not. The same call evaluates again.
    """

    model: keras.Model
    history: list[dict[str, float]]
    best: dict[str, Any] | None
    steps: int
    seconds: float
    resumed_from: int | None
    evaluation_error: str | None = None


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

    A checkpoint is written before each evaluation. An evaluation that runs out of memory goes on in smaller batches,
    and whatever else fails in the last one, the trained model is returned.

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
      PerceiverError: the loss or a gradient is not finite; a training step does not fit into memory; a folder is not
        writable; the checkpoint was made with other settings; another process is training in the folder.
      SystemExit: with 143, after a checkpoint, if the process receives SIGTERM.
    """
    if config.train.keep_checkpoints < 3:
        raise UsageError(
            f"train.keep_checkpoints: expected 3 or more, got {config.train.keep_checkpoints}."
        )
    with lock(state_dir), precision(config.train.precision), _sigterm() as terminated:
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
            self._best = BestWeights(self._model.weights, config.train.restore_best)
        self._evaluator = Evaluator(task, config, self._model, self._say)
        self._schedule = make_schedule(config.train)
        self._told = Record(history=[], best=None)
        chief = is_chief(self._strategy)
        self._board = Board(log_dir, self._say) if log_dir and chief else None
        self._checkpoints = Checkpoints(
            state_dir,
            self._step.saved | self._batches.saved | self._best.saved | {"told": self._told},
            settings=_settings(task, config),
            keep=config.train.keep_checkpoints,
            writes=chief,
            say=self._say,
        )
        self._evaluations = EvaluationState(state_dir, chief)
        self._evaluation_error: str | None = None

    def go(self, terminated: threading.Event) -> Trained:
        train = self._config.train
        resumed_from = self._checkpoints.restore()
        step = resumed_from or 0
        self._batches.go_to(step * train.gradient_accumulation)
        if resumed_from is not None:
            self._say(f"Going on from step {step} of {train.steps}.")
        elif train.init:
            self._say(start_from(self._model, train.init, self._labels))
            self._step.average.restart()
        if self._board:
            self._board.settings(self._config)
        if self._progress:
            self._progress.start(step)

        self._resume_evaluation(step)
        saved, pace = resumed_from, Pace()
        freeze, over = self._step.freeze, self._is_over()
        if step < train.steps and not over:
            self._foresee(freeze.at(step))
        while step < train.steps and not over:
            count = min(
                pace.steps, to_next_stop(step, train), freeze.steps_left(step) or train.steps
            )
            with pace.measure(count), explained("training", self._config.data.batch_size):
                self._step.run(self._batches.iterator, tf.constant(count), freeze.at(step))
                bad = int(self._step.bad.read_value())
            if bad >= 0:
                raise PerceiverError(self._not_finite(bad))
            step += count
            done = step >= train.steps
            if step % train.log_every == 0 or done:
                self._log(step, pace)
            evaluates = step % train.evaluate_every == 0 or done
            stops = terminated.is_set() and not done
            if step % train.checkpoint_every == 0 or evaluates or stops:
                saved = step
                self._checkpoints.save(step)
                self._write_history()
            if stops:
                self._say(f"Stopped by SIGTERM at step {saved}; a rerun goes on from there.")
                raise SystemExit(TERMINATED)
            if evaluates:
                self._evaluate_saved(step)
                over = self._is_over()

        self._finish()
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
            evaluation_error=self._evaluation_error,
        )

    def _foresee(self, *freeze: Any) -> None:
        """Says so if the next step is unlikely to fit into memory; its graph is made here and used later."""
        if self._strategy.num_replicas_in_sync > 1:
            return
        step = self._step.run.get_concrete_function(self._batches.iterator, tf.constant(1), *freeze)
        if said := warning(self._task, self._config, step.graph, self._batches.spec):
            self._say(said)

    def _resume_evaluation(self, step: int) -> None:
        """Evaluates the restored checkpoint if the run stopped before or in its evaluation."""
        train = self._config.train
        if not step or self._validation is None:
            return
        if step % train.evaluate_every and step < train.steps:
            return
        # The weights of the best evaluation are in the next checkpoint only.
        if not self._config.train.restore_best and (told := self._evaluations.result(step)):
            self._told.values = told
        if not any(
            row["step"] == step and "val_loss" in row for row in self._told.values["history"]
        ):
            self._evaluate_saved(step)

    def _evaluate_saved(self, step: int) -> None:
        """Evaluates; what fails after the last step is only said."""
        if self._validation is None:
            return
        limit = self._evaluations.begin(step, self._config.evaluate.batch_size)
        if limit:
            self._evaluator.limit = limit
            self._say(
                f"The process died twice in this evaluation, probably of memory: now {limit} examples at once. "
                f"To set it: evaluate.batch_size={limit}."
            )
        try:
            self._evaluate(step)
        except Exception as error:
            if step < self._config.train.steps:
                raise
            self._evaluation_error = (
                str(error) if isinstance(error, PerceiverError) else first_line(error)
            )
            self._say(
                f"All {step} steps are trained and saved, but their evaluation failed: {self._evaluation_error}"
            )
            return
        self._evaluations.finish(step, self._told.values)
        self._write_history()

    def _is_over(self) -> bool:
        return is_over(self._config.train, self._told.values)

    def _finish(self) -> None:
        """Leaves the weights that the run ends with: averaged, and of the best evaluation if that is wanted."""
        best = self._told.values["best"]
        if best and self._is_over():
            self._say(
                f"Stopped early: no evaluation since step {best['step']} was better "
                f"({best['metric']} {best['value']:.4g})."
            )
        if best and self._best.copies:
            self._best.put()
            self._say(f"The weights are those of step {best['step']}.")
        else:
            self._step.average.swap()

    def _log(self, step: int, pace: Pace) -> None:
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
        # Judged by the gate's first metric if there is one, else by the loss.
        with self._averaged():
            values = self._evaluator(self._validation)
            metric = selecting(self._config.evaluate.thresholds, values)
            lower = metric in ("loss", *self._task.measures.lower_is_better)
            if is_better(values[metric], self._told.values["best"], metric, lower):
                self._told.values["best"] = {
                    "step": step,
                    "metric": metric,
                    "value": values[metric],
                }
                self._best.take()
            if self._board:
                self._board.scalars("validation", step, values)
                self._board.pictures(step, self._show)
        history = self._told.values["history"]
        if not history or history[-1]["step"] != step:
            history.append({"step": step})
        history[-1] |= {f"val_{name}": value for name, value in values.items()}

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


def _settings(task: Task, config: TaskConfig) -> dict[str, Any]:
    values = flat(to_dict(config))
    kept = {k: v for k, v in values.items() if k not in _FREE and not k.startswith("evaluate.")}
    kept = {k: v for k, v in kept.items() if k not in _LATER or v != _LATER[k]}
    return {"task": task.name} | kept


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
