"""A grid of settings, each trained and then evaluated on the validation split: what TFX's Tuner runs (paper, App. F.4).

`train.search` has the settings, e.g. {"data.batch_size": [16, 32, 64], "train.learning_rate": [1e-4, 5e-5]}. Each trial
trains on as many examples as the configuration's own batch size and steps make, so all train for the same epochs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras_tuner

from perceiver_keras.config import TaskConfig
from perceiver_keras.config_tree import override
from perceiver_keras.errors import UsageError
from perceiver_keras.files import read_json, write_json
from perceiver_keras.gate.thresholds import selecting
from perceiver_keras.tasks.task import Task
from perceiver_keras.train import Trained

BATCH_SIZE = "data.batch_size"


class GridSearch(keras_tuner.engine.base_tuner.BaseTuner):
    """Tries every combination once. A search that was killed resumes with the trial that was running.

    Args:
      task, config: `config.train.search` has the values to try.
      train: (configuration, folder for checkpoints) -> the trained model with its best evaluation.
      folder: For the search; it must be the same in every run.
    """

    def __init__(
        self,
        task: Task,
        config: TaskConfig,
        train: Callable[[TaskConfig, str], Trained],
        folder: str | Path,
    ):
        self._config, self._train, self._folder = config, train, Path(folder)
        space = keras_tuner.HyperParameters()
        for name, values in config.train.search.items():
            for value in values:
                apply(
                    config, {name: value}
                )  # raises for a wrong name or value, before any training
            space.Choice(name, list(values))
        measured = [metric.name for metric in task.measures.metrics(config)]
        metric = selecting(config.evaluate.thresholds, measured)
        down = metric in ("loss", *task.measures.lower_is_better)
        oracle = keras_tuner.oracles.GridSearchOracle(
            objective=keras_tuner.Objective(metric, "min" if down else "max"),
            hyperparameters=space,
            max_trials=math.prod(len(values) for values in config.train.search.values()),
            tune_new_entries=False,
        )
        # Keras Tuner 1.4 would resume the running trial but omit those after it, so it starts over here: finished
        # trials have left their values in their folders.
        super().__init__(oracle, directory=str(folder), project_name="keras_tuner", overwrite=True)

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        values = trial.hyperparameters.values
        name = ",".join(f"{key}={value:g}" for key, value in sorted(values.items()))
        done = self._folder / name / "best.json"
        if not done.is_file():
            best = self._train(apply(self._config, values), str(done.parent)).best
            if best is None:
                raise UsageError("train.search: nothing was evaluated, so there is no best trial.")
            write_json(done, best)
        best = read_json(
            done, "remove it, and run the same command again to train this trial", "metric", "value"
        )
        return {best["metric"]: best["value"]}


def apply(config: TaskConfig, values: Mapping[str, Any]) -> TaskConfig:
    """The configuration with a trial's values, and with the steps that keep the number of examples the same.

    Raises:
      UsageError: a wrong name or value, or a batch size to search for where the configuration has no number of its own.
    """
    settings = [f"{name}={json.dumps(_whole(value))}" for name, value in values.items()]
    changed = override(config, *settings)
    if BATCH_SIZE not in values:
        return changed
    if not isinstance(config.data.batch_size, int):
        raise UsageError(
            f"train.search: trials of other batch sizes train on as many examples as {BATCH_SIZE} and train.steps "
            f"make; set {BATCH_SIZE} to a number, not to {config.data.batch_size!r}."
        )
    examples = config.train.steps * config.data.batch_size
    return override(changed, f"train.steps={max(examples // changed.data.batch_size, 1)}")


def best_of(config: TaskConfig, hyperparameters: Mapping[str, Any] | None) -> TaskConfig:
    """The configuration with the values that the Tuner found; unchanged if there was no Tuner."""
    return apply(config, hyperparameters["values"]) if hyperparameters else config


def _whole(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value
