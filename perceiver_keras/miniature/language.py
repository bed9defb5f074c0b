"""Language models as arms: a masked language model, then GLUE's stand-in tasks from its weights (paper, App. F.4).

An arm has settings of two trainings, "mlm/..." and "glue/...", each as `trial.trained` takes them. GLUE's model has the
sizes and the tokens of the language model.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perceiver_keras.config import TaskConfig
from perceiver_keras.data.text.glue import task_named
from perceiver_keras.files import write_json
from perceiver_keras.miniature.claim import Arm, Measured, Shows
from perceiver_keras.miniature.records import read_json, thinned
from perceiver_keras.miniature.trial import (
    Tuning,
    changed,
    configured,
    counted,
    kept,
    tested,
    train,
    tune,
    work,
)
from perceiver_keras.tasks.batches import TaskData
from perceiver_keras.tasks.shared.tokens import sentencepiece_path
from perceiver_keras.tasks.task import Task

# What GLUE's model has from the language model.
_SHARED = ("encode", "process", "decode", "backbone", "transformer", "activation", "vocabulary")
_SHARED += ("length", "channels", "query_dim", "embedding_init_scale")

MLM: Mapping[str, Any] = {
    "mlm/task": "language_mlm",
    "mlm/train.steps": 1500,
    "mlm/train.log_every": 50,
    "mlm/train.evaluate_every": 500,
    "mlm/train.checkpoint_every": 1500,
    "mlm/tuned_by": "loss",
    "mlm/tuning_steps": 1000,
    "mlm/rates": [1e-3, 2e-3, 4e-3],
}
GLUE: Mapping[str, Any] = {
    "glue/task": "glue",
    "glue/train.steps": 800,
    "glue/train.log_every": 50,
    "glue/train.evaluate_every": 400,
    "glue/train.checkpoint_every": 800,
    "glue/tuned_by": "loss",
    "glue/tuning_steps": 400,
    "glue/rates": [5e-4, 1e-3],
}
QUICK: Mapping[str, Any] = {
    "mlm/train.steps": 2,
    "mlm/rates": [],
    "mlm/model.process.num_self_attention_layers": 1,
    "mlm/model.transformer.num_layers": 1,
    "mlm/data.max_examples": 32,
    "mlm/data.batch_size": 8,
    "mlm/train.evaluate_every": 2,
    "glue/train.steps": 2,
    "glue/rates": [],
    "glue/data.dataset": "perceiver_glue/standin_cola",
    "glue/model.tasks": ["cola"],
    "glue/data.test_split": "test[:10%]",
    "glue/data.batch_size": 8,
    "glue/data.validation_split": "validation[:10%]",
    "glue/train.evaluate_every": 2,
}


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """A trained language model.

    Attributes:
      task, config: Of it.
      folder: With its weights, for one seed.
      tried: With the best weights of tuning, from which the tuning of GLUE starts.
      tuning: What was tried.
      history: Of its training.
    """

    task: Task
    config: TaskConfig
    folder: Path
    tried: Path
    tuning: Tuning
    history: Sequence[Mapping[str, Any]]


def pretrained(arm: Arm, seed: int, folder: Path, progress: Shows) -> Pretrained:
    """The language model of an arm and a seed, trained unless it is there from before."""
    task, config = configured(arm.settings, "mlm")
    tries = work(folder, arm, "mlm tried")
    tuning = tune(arm, task, config, folder, progress, "mlm", keep=tries)
    config = changed(config, tuning.chosen)
    place = work(folder, arm, f"mlm model {seed}")
    story = place.with_name(f"{place.name}.json")
    if not story.exists():
        made = train(task, config, seed, work(folder, arm, f"mlm {seed}"), progress, "mlm training")
        made.model.save_to_preset(place, task_config=config)
        write_json(story, {"rows": thinned(made.history)})
    tried = kept(tries, tuning.chosen) if tuning.chosen else place
    history = (read_json(story) or {})["rows"]
    return Pretrained(
        task=task, config=config, folder=place, tried=tried, tuning=tuning, history=history
    )


def finetuned(
    arm: Arm,
    seed: int,
    start: Pretrained,
    folder: Path,
    progress: Shows,
    each: bool = False,
) -> Measured:
    """GLUE's tasks from the language model's weights.

    Args:
      arm: With settings "glue/...".
      seed: Of the training.
      start: The language model.
      folder: Of the claim.
      progress: To show it.
      each: Whether each task gets a model of its own, trained for its part of the steps.
    """
    task, config = configured(arm.settings, "glue")
    config = _like(config, start.config)
    first = changed(config, {"train.init": str(start.tried)})
    if each:  # tuned on the largest task alone, as eight searches would take longer than the rest
        first = _alone(first, _largest(task, config), 1.0)
    tuning = tune(arm, task, first, folder, progress, "glue")
    config = changed(config, {**tuning.chosen, "train.init": str(start.folder)})
    if each:
        numbers, curves, cost = _eight(arm, seed, task, config, folder, progress)
    else:
        made = train(
            task, config, seed, work(folder, arm, f"glue {seed}"), progress, "glue training"
        )
        numbers, curves = tested(task, config, made.model), {"glue": made.history}
        cost = counted(task, config)
    return Measured(
        numbers=numbers,
        cost=cost,
        curves={**curves, **tuning.curves},
        chosen={f"glue.{name}": value for name, value in tuning.chosen.items()},
    )


def _eight(
    arm: Arm, seed: int, task: Task, config: TaskConfig, folder: Path, progress: Shows
) -> tuple[dict[str, float], dict[str, Any], dict[str, float]]:
    """(numbers, curves, cost) of a model per task; `glue_average` is that of all of them."""
    sizes = _sizes(task, config)
    numbers, curves, averages = {}, {}, []
    for name in config.model.tasks:
        one = _alone(config, name, sizes[name] / sum(sizes.values()))
        place = work(folder, arm, f"glue {name} {seed}")
        done = place.with_name(f"{place.name}.json")
        if (told := read_json(done)) is None:
            made = train(task, one, seed, place, progress, f"glue {name}")
            told = {"numbers": tested(task, one, made.model), "rows": thinned(made.history)}
            write_json(done, told)
        metric = f"{name}_{task_named(name).metrics[0]}"
        numbers[metric] = told["numbers"][metric]
        averages.append(told["numbers"]["glue_average"])
        curves[f"glue {name}"] = told["rows"]
    numbers["glue_average"] = sum(averages) / len(averages)
    return numbers, curves, counted(task, one)


def _sizes(task: Task, config: TaskConfig) -> dict[str, int]:
    """Task -> its examples to train on."""
    found = {}
    for name in config.model.tasks:
        alone = _alone(config, name, 1.0)
        found[name] = TaskData(task, alone).records(alone.data.train_split).num_examples
    return found


def _largest(task: Task, config: TaskConfig) -> str:
    sizes = _sizes(task, config)
    return max(sizes, key=sizes.__getitem__)


def _alone(config: TaskConfig, name: str, share: float) -> TaskConfig:
    """For one task, with its share of the steps."""
    steps = max(1, round(config.train.steps * share))
    return changed(
        config,
        {
            "model.tasks": [name],
            "data.dataset": f"{config.data.dataset.partition('/')[0]}/standin_{name}",
            "train.steps": steps,
            "train.warmup_steps": min(config.train.warmup_steps, steps // 4),
            "train.evaluate_every": steps,
            "train.checkpoint_every": steps,
        },
    )


def _like(config: TaskConfig, mlm: TaskConfig) -> TaskConfig:
    """GLUE's configuration with the language model's sizes and tokens."""
    shared = {name: getattr(mlm.model, name) for name in _SHARED}
    return dataclasses.replace(
        config,
        model=dataclasses.replace(config.model, **shared),
        data=dataclasses.replace(config.data, sentencepiece=sentencepiece_path(mlm)),
    )
