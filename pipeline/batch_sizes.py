"""`auto` batch sizes of a pipeline's run, as numbers: chosen once per run folder, so the cache sees the same ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from perceiver_keras.pipeline.settings import PipelineSettings
from perceiver_keras.tasks.batches import TaskData
from perceiver_keras.training import fit_memory


def fitted(
    settings: PipelineSettings, say: Callable[[str], None] = lambda text: None
) -> PipelineSettings:
    """The settings with numbers for `data.batch_size` and `evaluate.batch_size`; unchanged if they have them.

    Raises:
      UsageError: the data set does not fit the task.
      PerceiverError: the data set is unavailable, or the weights alone do not fit into memory.
    """
    task, config = settings.task, settings.config
    if not fit_memory.is_auto(config):
        return settings
    examples = TaskData(task, config)
    splits = (config.data.train_split, config.data.validation_split)
    counts = [examples.records(split).num_examples for split in splits]
    most = fit_memory.limits([task.preset(settings.preset).config], *counts)
    config = fit_memory.settle(task, config, most=most, folder=settings.run_dir, say=say)
    return dataclasses.replace(settings, config=config)
