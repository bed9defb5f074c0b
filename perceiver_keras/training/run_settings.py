"""Which settings make a run what it is: a checkpoint of other ones is refused."""

from __future__ import annotations

from typing import Any

from perceiver_keras.config import TaskConfig
from perceiver_keras.config_tree import to_dict
from perceiver_keras.tasks.task import Task
from perceiver_keras.training.board import flat

# Settings that did not exist when older checkpoints were made; those have the value that changes nothing.
_LATER = {
    "train.freeze": "none",
    "train.unfreeze_at": None,
    "train.restore_best": False,
    "train.learning_rate_scaling": "none",
    "train.learning_rate_batch": None,
    "data.balance": "none",
    "model.backbone": "perceiver",
}
# Settings that may differ between the run that made a checkpoint and the run that continues from it.
_FREE = {
    *("train.steps", "train.log_every", "train.evaluate_every", "train.checkpoint_every"),
    *("train.keep_checkpoints", "train.jit_compile", "train.strategy", "train.deterministic"),
    *("train.early_stop", "train.recompute", "train.tpu", "data.data_dir", "data.span"),
    *("data.validation_split", "data.test_split", "data.max_corrupt_share"),
    *("data.on_anomaly", "data.max_leak_share", "data.max_drift", "data.max_class_drift"),
    "model.attention_memory_mb",
}


def run_settings(task: Task, config: TaskConfig, workers: int = 1) -> dict[str, Any]:
    """{"task": its name, "data.batch_size": …}: the same whenever a run continues.

    Several workers share each epoch of the data, so their number is one of them.
    """
    values = flat(to_dict(config))
    kept = {k: v for k, v in values.items() if k not in _FREE and not k.startswith("evaluate.")}
    kept = {k: v for k, v in kept.items() if k not in _LATER or v != _LATER[k]}
    if config.model.backbone == "perceiver":  # the sizes of a Transformer that is not there
        kept = {k: v for k, v in kept.items() if not k.startswith("model.transformer.")}
    return {"task": task.name} | kept | ({"workers": workers} if workers > 1 else {})
