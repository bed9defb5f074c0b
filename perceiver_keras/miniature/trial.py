"""A trained arm: tuned on the validation split, trained from a seed, judged on the test split.

Each arm's learning rate is searched for in the same way, so that none is better for having been tuned: the same rates
are tried first, and while the lowest or the highest is best, the one below or above it. Each is trained for
`tuning_steps` steps from one seed that is not judged, and the best on validation is taken. The final trainings of all
seeds use it. Everything is resumed after a stop.
"""

from __future__ import annotations

import gc
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tensorflow import keras

from perceiver_keras.config import TaskConfig
from perceiver_keras.config_tree import merge
from perceiver_keras.evaluate import evaluate
from perceiver_keras.files import write_json
from perceiver_keras.miniature.claim import Arm, Measured, Shows
from perceiver_keras.miniature.records import WORK, plain, read_json, thinned
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.batches import TaskData
from perceiver_keras.tasks.task import Task
from perceiver_keras.train import fit
from perceiver_keras.training.cost import estimate

TUNING_SEED = 1000
RATE = "train.learning_rate"
NEXT = 2.0  # between a rate that is best at the end of those tried, and the next one


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A model after its last step, and its history."""

    model: keras.Model
    history: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """What was tried, and what was chosen of it.

    Attributes:
      chosen: {setting: value}; empty without rates to try.
      curves: Title -> history.
    """

    chosen: Mapping[str, Any] = field(default_factory=dict)
    curves: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)


def trained(arm: Arm, seed: int, folder: Path, progress: Shows) -> Measured:
    """Tunes, trains and tests one arm; what most claims measure.

    Settings of the arm, besides those of the configuration: "task"; "preset" (default `tiny`); "rates", the learning
    rates to begin with, and "tuning_steps"; "tuned_by", the validation metric (default: the loss).
    """
    task, config = configured(arm.settings)
    tuning = tune(arm, task, config, folder, progress)
    config = changed(config, tuning.chosen)
    final = train(task, config, seed, work(folder, arm, f"{seed}"), progress, "training")
    numbers = tested(task, config, final.model)
    return Measured(
        numbers=numbers,
        cost=counted(task, config),
        curves={"final": final.history, **tuning.curves},
        chosen=tuning.chosen,
    )


def configured(settings: Mapping[str, Any], prefix: str = "") -> tuple[Task, TaskConfig]:
    """The task and the configuration that an arm's settings name.

    Args:
      settings: Of an arm.
      prefix: Takes "PREFIX/task", "PREFIX/train.steps" and so on, where an arm trains more than one model.
    """
    found = own(settings, prefix)
    task = registry.get(found["task"])
    return task, changed(
        task.preset(found.get("preset", "tiny")).config,
        {name: value for name, value in found.items() if "." in name},
    )


def own(settings: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The settings under a prefix, without it; with "" those without any."""
    start = f"{prefix}/" if prefix else ""
    return {
        name[len(start) :]: value
        for name, value in settings.items()
        if name.startswith(start) and "/" not in name[len(start) :]
    }


def changed(config: TaskConfig, settings: Mapping[str, Any]) -> TaskConfig:
    """The configuration with {dotted name: value} set; raises `UsageError` for what it does not have."""
    for name, value in settings.items():
        tree: Any = value
        for part in reversed(name.split(".")):
            tree = {part: tree}
        config = merge(config, tree)
    return config


def tune(
    arm: Arm,
    task: Task,
    config: TaskConfig,
    folder: Path,
    progress: Shows,
    prefix: str = "",
    keep: Path | None = None,
) -> Tuning:
    """Searches for the arm's learning rate once; what was tried is kept in the folder for its other seeds.

    Args:
      arm: Whose tuning it is.
      task, config: What is trained.
      folder: Of the claim.
      progress: To show it.
      prefix: As in `configured`: whose "rates", "tuning_steps" and "tuned_by".
      keep: A folder for the models that were tried, as preset folders; `kept` names them.
    """
    settings = own(arm.settings, prefix)
    rates = list(settings.get("rates") or ())
    if not rates:
        return Tuning()
    path = folder / f"{arm.name}-{prefix or 'only'}-tuning.json"
    done = read_json(path) or {}
    if done.get("settings") != plain(arm.settings):
        done = {"settings": plain(arm.settings), "tried": {}}
    metric = settings.get("tuned_by", "loss")
    lower = metric == "loss" or metric in task.measures.lower_is_better
    steps = settings["tuning_steps"]
    short = {"train.steps": steps, "train.warmup_steps": min(config.train.warmup_steps, steps // 4)}

    def quality(rate: float) -> float:
        if str(rate) not in done["tried"]:
            chosen = {RATE: rate}
            tried = changed(config, {**chosen, **short})
            place = work(folder, arm, f"{prefix} {rate}")
            label = f"{prefix} tuning {_title(rate)}".strip()
            found = train(task, tried, TUNING_SEED, place, progress, label)
            if keep is not None:
                found.model.save_to_preset(kept(keep, chosen), task_config=tried)
            done["tried"][str(rate)] = thinned(found.history)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, done)
        value = float(done["tried"][str(rate)][-1][f"val_{metric}"])
        if not math.isfinite(value):
            return -math.inf
        return -value if lower else value

    best = search(rates, quality)
    name = f"{prefix} tuning".strip()
    curves = {f"{name}: {_title(float(rate))}": curve for rate, curve in done["tried"].items()}
    return Tuning(chosen={RATE: best}, curves=curves)


def search(rates: Sequence[float], quality: Callable[[float], float]) -> float:
    """The best of `rates`, and of those beyond their ends for as long as each is better than all before.

    Args:
      rates: To begin with; a single one is taken as the best of three.
      quality: Of a rate, higher is better; asked once for each.
    """
    tried = {rate: quality(rate) for rate in rates}
    while True:
        best = max(tried, key=tried.__getitem__)
        beyond = [
            rate
            for end, rate in ((min(tried), min(tried) / NEXT), (max(tried), max(tried) * NEXT))
            if end == best
        ]
        if not beyond or not math.isfinite(tried[best]):
            return best
        tried |= {rate: quality(rate) for rate in beyond}


def _title(rate: float) -> str:
    return f"learning rate {rate:g}"


def kept(folder: Path, chosen: Mapping[str, Any]) -> Path:
    """Where `tune` keeps the model of a combination."""
    return folder / "-".join(str(value) for value in chosen.values())


def work(folder: Path, arm: Arm, what: str) -> Path:
    """The folder of one training's checkpoints: another one for other settings. The runner removes them all."""
    settings = json.dumps(plain(arm.settings), sort_keys=True) + what
    return folder / WORK / f"{arm.name}-{hashlib.sha256(settings.encode()).hexdigest()[:12]}"


def train(
    task: Task, config: TaskConfig, seed: int, state: Path, progress: Shows, label: str
) -> Trained:
    """Trains one model; goes on from what is in `state` after a stop."""
    keras.backend.clear_session()  # a process that trains many models keeps the graphs of all otherwise
    gc.collect()
    config = changed(config, {"train.seed": seed})
    examples = TaskData(task, config)
    with (
        examples.explained(config.data.train_split),
        progress(config.train.steps, label) as shown,
    ):
        done = fit(
            task,
            config,
            examples.training_data(),
            examples.eval_batches(config.data.validation_split),
            state_dir=state,
            progress=shown,
            labels=examples.labels,
        )
    return Trained(model=done.model, history=done.history)


def tested(task: Task, config: TaskConfig, model: keras.Model) -> dict[str, float]:
    """The loss and the metrics on the test split."""
    examples = TaskData(task, config)
    return evaluate(task, config, model, examples.eval_batches(config.data.test_split))


def counted(task: Task, config: TaskConfig) -> dict[str, float]:
    """{"parameters", "flops", "training_flops"} of one example, counted from the graph."""
    cost = estimate(task, config)
    return {
        "parameters": cost.parameters,
        "flops": cost.flops,
        "training_flops": cost.training_flops,
    }
