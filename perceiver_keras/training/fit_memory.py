"""Batch sizes that fit the free memory: `data.batch_size=auto` and `evaluate.batch_size=auto`.

They are chosen once, before anything is built, and written down next to the checkpoints: the run that continues, and
the pipeline's cache, see the same numbers.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from perceiver_keras.config import TaskConfig
from perceiver_keras.config_tree import to_dict
from perceiver_keras.errors import PerceiverError
from perceiver_keras.files import write_json
from perceiver_keras.remote import as_path
from perceiver_keras.tasks.task import Task
from perceiver_keras.training.cost import SPREAD, estimate, one_example
from perceiver_keras.training.free_memory import MIB, Free, free_memory, spell
from perceiver_keras.training.graph_usage import graph_usage

AUTO = "auto"
FILE = "batch_sizes.json"

# The share of free memory to use: a step can take a fifth more than estimated (docs/scaling.md), and others use some.
MARGIN = 0.8
# What a process needs besides tensors, on the host: graphs, threads, what the allocator keeps.
OVERHEAD = 256 * MIB


class Most(NamedTuple):
    """Upper limits, such as a preset's batch sizes or the number of examples; None: none."""

    training: int | None = None
    evaluation: int | None = None


def is_auto(config: TaskConfig) -> bool:
    """Whether a batch size is still to be chosen."""
    return AUTO in (config.data.batch_size, config.evaluate.batch_size)


def settle(
    task: Task,
    config: TaskConfig,
    *,
    most: Most,
    training: bool = True,
    folder: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
    free: Free | None = None,
) -> TaskConfig:
    """`config` with numbers in place of "auto".

    Args:
      task: Whose model is measured.
      config: Unchanged if it has numbers already.
      most: Upper limits.
      training: Whether evaluation has a run's state next to it.
      folder: Where the choice is kept; a choice found there is taken again.
      say: Told what was chosen and why.
      free: Instead of what is free now.

    Raises:
      PerceiverError: the weights alone do not fit.
    """
    if not is_auto(config):
        return config
    kept = as_path(folder) / FILE if folder is not None else None
    model = _model_key(task, config)
    chosen = _kept(kept, model)
    free = free or free_memory()
    asked = {"spec": one_example(task, _with(config, 1, 1)), "known": {}}
    if config.data.batch_size == AUTO:
        if "data.batch_size" not in chosen:
            chosen["data.batch_size"] = _training(task, config, most.training, free, asked, say)
        config = _with(config, training=chosen["data.batch_size"])
    if config.evaluate.batch_size == AUTO:
        if "evaluate.batch_size" not in chosen:
            chosen["evaluate.batch_size"] = _evaluation(
                task, config, most.evaluation, training, free, asked, say
            )
        config = _with(config, evaluation=chosen["evaluate.batch_size"])
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_json(kept, chosen | {"model": model})
    return config


def limits(known: Sequence[TaskConfig], training: int | None, evaluation: int | None) -> Most:
    """The first numbers that `known` configurations have, and at most the numbers of examples, where they are known."""

    def least(values: Sequence[int | str], examples: int | None) -> int | None:
        numbers = [value for value in values if value != AUTO][:1]
        return min([*numbers, *filter(None, [examples])], default=None)

    return Most(
        least([config.data.batch_size for config in known], training),
        least([config.evaluate.batch_size for config in known], evaluation),
    )


def largest(fits: Callable[[int], bool], most: int) -> int:
    """The largest of `most` and the powers of two below it that fits; 0 if none does.

    Args:
      fits: Whether a size fits; if one does, so do all smaller ones. It is called for about log2(log2(most)) sizes.
      most: 1 or more.
    """
    sizes = [1 << power for power in range(most.bit_length()) if 1 << power < most] + [most]
    if fits(most):
        return most
    low, high = 0, len(sizes) - 1  # sizes[high] does not fit
    while low < high:
        middle = (low + high) // 2
        if fits(sizes[middle]):
            low = middle + 1
        else:
            high = middle
    return sizes[low - 1] if low else 0


def budget(free: Free | None) -> float:
    """Bytes that tensors may take; infinite if nothing is known."""
    if free is None:
        return float("inf")
    return free.size * MARGIN - (OVERHEAD if free.host else 0)


def warning(task: Task, config: TaskConfig, step: Any, spec: Any) -> str | None:
    """What to say before the first step if it is unlikely to fit: how much it needs, and what would fit.

    Args:
      task, config: Of the run, whose weights exist already.
      step: The graph of a training step.
      spec: Of a batch (inputs, targets).
    """
    free = free_memory()
    if free is None:
        return None
    needed = graph_usage(step).peak * SPREAD
    room = budget(free)
    if needed <= room:
        return None
    asked = {"spec": spec, "known": {}}
    state = estimate(task, config, batch_size=1, evaluation_batch_size=1, **asked).state
    size = config.data.batch_size
    fitting = largest(
        lambda n: (
            estimate(task, config, batch_size=n, evaluation_batch_size=1, **asked).training - state
            <= room
        ),
        max(size // 2, 1),
    )
    text = (
        f"A step with data.batch_size={size} needs about {spell(needed)}, and {free.where} has "
        f"{spell(free.size)} free"
    )
    if not fitting:
        return f"{text}: it may fail. Lower model.attention_memory_mb or choose a smaller model."
    times = -(-size // fitting) * config.train.gradient_accumulation
    return (
        f"{text}: it may fail. --set data.batch_size={fitting} would fit, and --set "
        f"train.gradient_accumulation={times} with it keeps the effective batch."
    )


def _training(
    task: Task,
    config: TaskConfig,
    most: int | None,
    free: Free | None,
    asked: dict[str, Any],
    say: Callable[[str], None],
) -> int:
    most, room, costs = max(most or 1024, 1), budget(free), {}

    def fits(size: int) -> bool:
        costs[size] = estimate(task, config, batch_size=size, evaluation_batch_size=1, **asked)
        return costs[size].training <= room

    size = largest(fits, most)
    if size == 0 and costs[1].state + costs[1].gradients > free.size:
        raise PerceiverError(
            f"Training needs {spell(costs[1].state + costs[1].gradients)} for weights, gradients and the optimizer "
            f"alone, and {free.where} has {spell(free.size)} free: choose a smaller preset, or "
            "model.process.num_self_attention_layers and other sizes that fit."
        )
    text = f"data.batch_size={size or 1}"
    if free is not None:
        text += (
            f": about {spell(costs[size or 1].training)} of {spell(free.size)} free ({free.where})"
        )
    if size < most and size:
        text += f"; {most} would need {spell(costs[most].training)}. {same_steps(most, size)}"
    elif not size:
        text += (
            ", which may be too little: lower model.attention_memory_mb or choose a smaller model"
        )
    say(text.rstrip(".") + ".")
    return size or 1


def _evaluation(
    task: Task,
    config: TaskConfig,
    most: int | None,
    training: bool,
    free: Free | None,
    asked: dict[str, Any],
    say: Callable[[str], None],
) -> int:
    most, room = max(most or 1024, 1), budget(free)

    def fits(size: int) -> bool:
        cost = estimate(task, config, batch_size=1, evaluation_batch_size=size, **asked)
        # Evaluation in the middle of training has the optimizer's state next to it.
        return cost.evaluation + (cost.state - cost.weights if training else 0) <= room

    size = largest(fits, most) or 1
    say(f"evaluate.batch_size={size}.")
    return size


def same_steps(wanted: int, size: int) -> str:
    """How to keep the effective batch of `wanted` with batches of `size`."""
    times = -(-wanted // size)
    return f"For the same effective batch add --set train.gradient_accumulation={times}"


def _model_key(task: Task, config: TaskConfig) -> str:
    """Of what the memory depends on: for another model, the sizes are chosen again."""
    known = [task.name, to_dict(config.model), config.train.precision]
    known += ["recompute"] if config.train.recompute else []  # older files do not know it
    text = json.dumps(known, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _kept(path: Path | None, model: str) -> dict[str, Any]:
    """The sizes chosen before, if they were chosen for this model."""
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError):
        return {}
    return found if found.get("model") == model else {}


def _with(config: TaskConfig, training: int | None = None, evaluation: int | None = None):
    data, evaluate = config.data, config.evaluate
    if training is not None:
        data = dataclasses.replace(data, batch_size=training)
    if evaluation is not None:
        evaluate = dataclasses.replace(evaluate, batch_size=evaluation)
    return dataclasses.replace(config, data=data, evaluate=evaluate)
