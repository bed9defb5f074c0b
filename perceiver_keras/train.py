"""Training: Keras's model, losses, metrics and optimizers in a loop of our own that survives being killed.

There are two reasons for our own loop: the data's iterator must be in the checkpoint (Keras's `fit` restarts its data
after an interruption), and one graph call runs many steps, so that Python does not slow small models down.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import TaskConfig
from perceiver_keras.errors import PerceiverError, UsageError, first_line
from perceiver_keras.evaluate import Evaluator
from perceiver_keras.gate.thresholds import selecting
from perceiver_keras.metrics.results import results
from perceiver_keras.policy import precision
from perceiver_keras.progress import Progress
from perceiver_keras.tasks.task import Task
from perceiver_keras.training.board import Board
from perceiver_keras.training.checkpoint import Checkpoints, Record, lock
from perceiver_keras.training.early_stop import BestWeights, is_better, is_over
from perceiver_keras.training.evaluation_state import EvaluationState
from perceiver_keras.training.fit_memory import warning
from perceiver_keras.training.history import write_history
from perceiver_keras.training.large_batch import scaled
from perceiver_keras.training.not_finite import not_finite
from perceiver_keras.training.optimizer import make_schedule
from perceiver_keras.training.out_of_memory import explained
from perceiver_keras.training.pace import Pace, to_next_stop
from perceiver_keras.training.run_settings import run_settings
from perceiver_keras.training.sigterm import TERMINATED, sigterm
from perceiver_keras.training.step import TrainStep, build_model
from perceiver_keras.training.strategy import Batches, Source
from perceiver_keras.training.tpu import is_tpu, on_host
from perceiver_keras.training.warm_start import start_from
from perceiver_keras.training.workers import Workers, join


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
    workers: Workers | None = None,
) -> Trained:
    """Trains `task` from the seed, or continues from the newest undamaged checkpoint in `state_dir`.

    A step uses `gradient_accumulation` batches of `train`. On one device with `train.deterministic`, the final weights
    are bit for bit the same however often the run is killed. In that case call `fit` early in the process, because
    TensorFlow's op determinism only applies to later operations.

    A checkpoint is written before each evaluation. An evaluation that runs out of memory goes on in smaller batches,
    and whatever else fails in the last one, the trained model is returned.

    With `train.strategy=multi_worker`, every worker makes the same call. Only the chief uses `state_dir` and `log_dir`,
    evaluates and shows progress; the others get its state, so they need not see its folders.

    Args:
      task: The contract; nothing here depends on a task's name.
      config: Of the whole run.
      train: `tasks.batches.TrainingData`; or an infinite dataset of (inputs, targets) batches, without stateful
        operations, so that its iterator can be saved; or a callable from the strategy to this process's part of such a
        dataset, batched for one replica.
      validation: Finite dataset of (inputs, targets) batches, or None.
      state_dir: The folder of checkpoints, the same after a restart; used by one run at a time.
      log_dir: For TensorBoard's files and `history.json`.
      progress: Shows the run; its `total` should be `config.train.steps`.
      labels: Names of the classes, for the pictures of `task.asking.report`.
      workers: What `training.workers.join` returned. It must be called before any data set is made, so only a process
        that made `train` and `validation` without TensorFlow can leave it out.

    Raises:
      UsageError: `train.keep_checkpoints` is less than 3.
      PerceiverError: the loss or a gradient is not finite; a training step does not fit into memory; a folder is not
        writable; the checkpoint was made with other settings; another process is training in the folder; a worker is
        gone, or was started with other settings.
      SystemExit: with 143, after a checkpoint, if the process receives SIGTERM; an evaluation is left after a batch.
    """
    if config.train.keep_checkpoints < 3:
        raise UsageError(
            f"train.keep_checkpoints: expected 3 or more, got {config.train.keep_checkpoints}."
        )
    with contextlib.ExitStack() as stack:
        if workers is None:
            workers = stack.enter_context(join(config.train))
        if workers.is_chief:
            stack.enter_context(lock(state_dir))
        stack.enter_context(precision(config.train.precision))
        terminated = stack.enter_context(sigterm())
        given = (task, config, train, validation, state_dir, log_dir, progress, labels, workers)
        return _Run(*given, terminated).go()


class _Run:
    """One call of `fit`."""

    def __init__(
        self, task, config, train, validation, state_dir, log_dir, progress, labels, workers, asked
    ):
        self._asked: threading.Event = asked
        self._task, self._config, self._validation = task, config, validation
        self._labels, self._workers, chief = labels, workers, workers.is_chief
        self._log_dir, self._progress = (log_dir, progress) if chief else (None, None)
        says = progress.note if progress else logging.getLogger(__name__).warning
        self._say = says if chief else lambda text: None
        self._started = time.monotonic()

        keras.utils.set_random_seed(config.train.seed)
        if config.train.deterministic:
            tf.config.experimental.enable_op_determinism()
        self._strategy = workers.strategy
        self._batches = Batches(train, self._strategy, workers.index, workers.count)
        settings = run_settings(task, config, workers.count)
        workers.agree(settings | self._batches.facts)
        with self._strategy.scope():
            self._model = task.build(config)
            build_model(self._model, self._batches.spec[0])
            self._step = TrainStep(task, config, self._model, self._strategy)
            self._best = BestWeights(self._model.weights, config.train.restore_best)
        self._on_tpu = is_tpu(self._strategy)
        replicated = self._strategy if self._on_tpu else None
        self._evaluator = Evaluator(
            task, config, self._model, self._say, workers.between, replicated
        )
        self._schedule = make_schedule(scaled(config))
        self._told = Record(history=[], best=None)
        self._board = Board(log_dir, self._say) if self._log_dir else None
        self._checkpoints = Checkpoints(
            state_dir,
            self._step.saved | self._batches.saved | self._best.saved | {"told": self._told},
            settings=settings,
            keep=config.train.keep_checkpoints,
            writes=chief,
            say=self._say,
        )
        self._evaluations = EvaluationState(state_dir, chief)
        self._evaluation_error: str | None = None

    def go(self) -> Trained:
        train = self._config.train
        resumed_from = self._restore()
        step = resumed_from or 0
        self._batches.go_to(step * train.gradient_accumulation)
        if resumed_from is not None:
            self._say(f"Going on from step {step} of {train.steps}.")
        if self._board:
            self._board.settings(self._config)
        if self._progress:
            self._progress.start(step)

        self._evaluate_by_chief(self._resume_evaluation, step)
        saved, pace, most = resumed_from, Pace(), 1
        freeze, over = self._step.freeze, self._is_over()
        if step < train.steps and not over:
            self._foresee(freeze.at(step))
        while step < train.steps and not over:
            count = min(most, to_next_stop(step, train), freeze.steps_left(step) or train.steps)
            with pace.measure(count), explained("training", self._config.data.batch_size):
                self._step.run(self._batches.iterator, tf.constant(count), freeze.at(step))
                bad = int(self._step.bad.read_value())
            if self._progress and pace.calls == 1:
                self._progress.start(step + count)  # that call was also tracing and compilation
            # All must do the same: stop if one has to, and run as many steps before they ask again.
            told = self._workers.exchange(self._asked.is_set(), bad, pace.steps)
            ended, bad, most = told[:, 0].any(), int(told[:, 1].max()), int(told[:, 2].min())
            if bad >= 0:
                raise self._not_finite(bad)
            step += count
            done = step >= train.steps
            if step % train.log_every == 0 or done:
                self._log(step, pace)
            evaluates = step % train.evaluate_every == 0 or done
            stops = ended and not done
            if step % train.checkpoint_every == 0 or evaluates or stops:
                saved = step
                self._checkpoints.save(step)
                self._step.settle_metrics()
                self._write_history()
            if stops:
                self._say(f"Stopped by SIGTERM at step {saved}; a rerun goes on from there.")
                raise SystemExit(TERMINATED)
            if evaluates:
                self._evaluate_by_chief(self._evaluate_saved, step)
                over = self._is_over()

        self._finish()
        self._write_history()
        if self._board:
            self._board.close()
        return Trained(
            model=self._plain_model(),
            history=self._told.values["history"],
            best=self._told.values["best"],
            steps=step,
            seconds=time.monotonic() - self._started,
            resumed_from=resumed_from,
            evaluation_error=self._evaluation_error,
        )

    def _restore(self) -> int | None:
        """The step of the newest checkpoint, whose state all workers then have; None: all have the same new one."""
        chief, train = self._workers.is_chief, self._config.train
        resumed_from = self._checkpoints.restore() if chief else None
        resumed_from = self._workers.from_chief(resumed_from)
        if resumed_from is None and train.init and chief:
            self._say(start_from(self._model, train.init, self._labels))
            self._step.average.restart()
        if resumed_from is not None or train.init:
            self._workers.share([*self._step.variables, *self._best.copies])
            self._told.values = self._workers.from_chief(self._told.values)
        return resumed_from

    def _foresee(self, *freeze: Any) -> None:
        """Says so if the next step is unlikely to fit into memory; its graph is made here and used later."""
        if self._on_tpu or self._strategy.num_replicas_in_sync > 1:
            return
        if tf.config.functions_run_eagerly():
            return  # there is no graph to look at
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

    def _evaluate_by_chief(self, evaluate: Callable[[int], None], step: int) -> None:
        """The chief evaluates, and the others wait for its record: whether to stop must be the same for all."""
        self._workers.by_chief(lambda: evaluate(step), self._asked)
        before = self._told.values["best"]
        self._told.values = self._workers.from_chief(self._told.values)
        if not self._workers.is_chief and self._told.values["best"] != before:
            with self._averaged():
                self._best.take()

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
        except SystemExit:
            self._evaluations.leave(step)
            self._say(
                f"Stopped by SIGTERM in the evaluation of step {step}; a rerun begins with it."
            )
            raise
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
        model = self._plain_model()
        return self._task.asking.report(model, inputs, targets, self._config, self._labels)

    def _plain_model(self) -> keras.Model:
        """The model with its weights of the moment, to be called outside the strategy."""
        if not self._on_tpu:
            return self._model
        return on_host(self._task, self._config, self._model, self._batches.spec[0])

    @contextlib.contextmanager
    def _averaged(self) -> Iterator[None]:
        self._step.average.swap()
        try:
            yield
        finally:
            self._step.average.swap()

    def _write_history(self) -> None:
        if self._board:
            write_history(self._log_dir, self._told.values)

    def _not_finite(self, step: int) -> PerceiverError:
        accumulation, state = self._config.train.gradient_accumulation, self._checkpoints
        rate, folder = float(self._schedule(step)), state.folder if self._workers.is_chief else None
        return not_finite(step, self._batches, accumulation, folder, rate, state.latest)
