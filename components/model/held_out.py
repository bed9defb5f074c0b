"""The examples that the gate judges, as a task's batches."""

from __future__ import annotations

import tensorflow as tf
from tfx.types import Artifact, artifact_utils

from perceiver_keras.components.model.transform_graph import TransformGraph
from perceiver_keras.config import TaskConfig
from perceiver_keras.data.store.records import file_records
from perceiver_keras.tasks.batches import eval_batches
from perceiver_keras.tasks.task import Task

TEST_SPLIT = "test"


def held_out_batches(
    task: Task, config: TaskConfig, examples: Artifact, transform_graph: Artifact | None
) -> tf.data.Dataset:
    """The test split as (inputs, targets), each example once, through Transform's graph if one is given."""
    records = file_records(f"{artifact_utils.get_split_uri([examples], TEST_SPLIT)}/*")
    transform = None if transform_graph is None else TransformGraph(transform_graph.uri)
    return eval_batches(task, config, records, transform)
