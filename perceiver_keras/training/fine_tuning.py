"""The settings of a run that starts from other weights, as layers between its preset and what the user sets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from perceiver_keras.config import DataConfig, TaskConfig
from perceiver_keras.config_tree import merge, to_dict
from perceiver_keras.tasks.task import Task
from perceiver_keras.tasks.transfer import Start

Tree = dict[str, Any]

PRETRAINING = 20_000  # steps; recipes with more are for data sets of a million examples
BATCH = 32  # of fine-tuning, as in the paper's search for GLUE (App. F.4)

# What no shape tells, by stage: weights mean something else with another value.
_MEANING = {
    "encode": ("num_cross_attention_heads", "use_query_residual"),
    "process": ("num_self_attention_heads", "num_blocks"),
    "decode": ("num_cross_attention_heads", "use_query_residual"),
}
# The same outside the stages, for two models of one task; sections only if they are of one kind.
_INPUT = ("image_size", "channels", "stem", "position", "mask_queries", "position_arithmetic")
# How examples become inputs.
_DATA = ("mean", "std", "sentencepiece")
_SPLITS = ("train_split", "validation_split", "test_split")
# What a run may change freely, whatever it starts from.
_FREE = ("dropout", "attention_dropout", "attention_memory_mb")


def recipe(task: Task, preset: str, config: TaskConfig) -> Tree:
    """The settings for fine-tuning instead of those for training from scratch; what a preset states itself wins.

    A preset of more than `PRETRAINING` steps (the paper's) gets a few epochs of a small data set. Its learning rate
    shrinks with the square root of the batch (LAMB, arXiv 1904.00962), which takes the rates of the paper's
    pre-training near those of its fine-tuning: for text, 1.25e-3 at batch 2048 becomes 1.6e-4 at 32, where App. F.4
    uses 1e-4 to 1e-5. All other numbers are ours. Small presets and those made for fine-tuning stay as they are, and
    other data than a preset's own are not split as those are, but as the data set determines, or as usual.

    Args:
      config: As it is without this layer: it says which data there is.
    """
    known = task.preset(preset)
    own, train, data = known.fine_tuning, known.config.train, known.config.data
    rate = train.learning_rate
    tree: Tree = {"data": {}, "train": {}}
    if train.steps > PRETRAINING and (train.init or "local") == "local":
        batch = own.get("data", {}).get("batch_size", min(BATCH, data.batch_size))
        rate *= math.sqrt(batch / data.batch_size)
        tree["data"] = {"batch_size": batch}
        tree["train"] = {"steps": 2000, "warmup_steps": 200, "schedule": "cosine"}
        tree["train"] |= {"evaluate_every": 250, "checkpoint_every": 250}
    if rate != train.learning_rate:
        tree["train"]["learning_rate"] = float(f"{rate:.2g}")
    if config.data.dataset != data.dataset:
        tree["data"] |= _splits(task, config)
    for section, values in own.items():
        tree.setdefault(section, {}).update(values)
    return {section: values for section, values in tree.items() if values}


def _splits(task: Task, config: TaskConfig) -> Tree:
    """The splits of a data set that no preset knows: what it determines itself, else the usual names."""
    usual = {f.name: f.default for f in fields(DataConfig) if f.name in _SPLITS}
    own = task.examples.settings_of(merge(config, {"data": usual})).get("data", {})
    return usual | {name: own[name] for name in _SPLITS if name in own}


def from_start(start: Start, task: Task, preset: str, config: TaskConfig) -> Tree:
    """The settings with which `start`'s weights mean what they meant, in a model of the shapes of `config`.

    Shapes stay as they are, so that a wrong size is an error and not another model. Only a run of the same preset gives
    its sizes too, because what the user changed there is part of that model.

    Args:
      start: The weights.
      preset: Of the new run.
      config: Of the new run, as it is without this layer.
    """
    ours, theirs = to_dict(config.model), to_dict(start.config)
    same = start.model_class is task.model
    model: Tree = {"activation": theirs["activation"]}
    for stage, keys in _MEANING.items():
        model[stage] = {key: theirs[stage][key] for key in keys}
    if same and start.preset == preset:
        model = _without(theirs, (*task.model.head_settings, *_FREE))
    elif same:
        model |= {
            key: theirs[key] for key in _INPUT if key in ours and _alike(ours[key], theirs[key])
        }
    tree: Tree = {"model": model}
    if start.task_config is not None:
        ours, theirs = to_dict(config.data), to_dict(start.task_config.data)
        shared = [key for key in _DATA if key in ours and key in theirs]
        tree["data"] = {key: theirs[key] for key in shared if same or key == "sentencepiece"}
    return tree


def kept(start: Start, task: Task, config: TaskConfig) -> Tree:
    """What `config`, with the layers above and all that the user sets, still lacks: see `TaskModel.kept`."""
    if start.model_class is not task.model:
        return {}
    tree: Tree = {}
    for key, value in task.model.kept(config.model, start.config).items():
        *sections, name = key.split("__")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return {"model": tree} if tree else {}


def _alike(one: Any, other: Any) -> bool:
    """Whether two values are of one kind: sections of one class, lists of one length, or plain values."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.get("kind") == other.get("kind")
    return not isinstance(one, list) or len(one) == len(other)


def _without(tree: Mapping[str, Any], keys: tuple[str, ...]) -> Tree:
    return {
        key: _without(value, keys) if isinstance(value, Mapping) else value
        for key, value in tree.items()
        if key not in keys
    }
