"""TrivialGuess: what a model must beat, on the test split, and whether the thresholds ask for more.

A threshold that the trivial guess reaches would let any model pass, so it is refused here, before anything is trained;
`perceiver run` does the same before it starts, where that is quick (`perceiver_keras/gate/trivial.py`). The Gate reads
the guess again when the model is judged, and the report shows it.
"""

# No `from __future__ import annotations`: TFX reads the annotations as objects.
import json
import os
from typing import Any

import tensorflow as tf
from absl import logging
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import Artifact, standard_artifacts
from tfx.utils import io_utils

from perceiver_keras.components.model.held_out import TEST_SPLIT, held_out_batches
from perceiver_keras.components.model.transform_graph import learned_vocabulary
from perceiver_keras.config_tree import from_json
from perceiver_keras.gate import trivial
from perceiver_keras.tasks import registry

FILE = "guess.json"


class Guess(Artifact):
    """A folder with guess.json: {"metrics": {name: value}, "examples": how many the test split has}."""

    TYPE_NAME = "PerceiverTrivialGuess"


@component
def TrivialGuess(  # noqa: N802 - a component's name
    examples: InputArtifact[standard_artifacts.Examples],
    guess: OutputArtifact[Guess],
    task: Parameter[str],
    config_json: Parameter[str],
    thresholds_json: Parameter[str],
    state_dir: Parameter[str],
    transform_graph: InputArtifact[standard_artifacts.TransformGraph] = None,
) -> None:
    """Computes the trivial guess of the task's metrics, and holds the thresholds against it.

    Args:
      examples: The raw ones; they have a split "test".
      guess: The folder to write.
      task: Its name in the registry.
      config_json: A whole TaskConfig, of which only what examples depend on is read: not the thresholds in it.
      thresholds_json: `evaluate.thresholds`.
      state_dir: Where the Trainer looks for a vocabulary that was learned from the data; it is learned there if
        need be. Its name changes with the data and the code.
      transform_graph: Transform's.

    Raises:
      UsageError: the guess reaches a threshold with room.
    """
    the_task = registry.get(task)
    config = from_json(the_task.config_class, config_json)
    if transform_graph is not None:
        config = learned_vocabulary(the_task, config, transform_graph.uri, state_dir)
    batches = held_out_batches(the_task, config, examples, transform_graph)
    metrics = trivial.trivial(the_task, config, batches)
    count = _count(examples, batches)
    io_utils.write_string_file(
        os.path.join(guess.uri, FILE),
        json.dumps({"metrics": metrics, "examples": count}, indent=2, sort_keys=True),
    )
    logging.info("The trivial guess on %d test examples: %s", count, metrics)
    trivial.check(the_task, config, json.loads(thresholds_json), metrics, count)


def _count(examples: Artifact, batches: tf.data.Dataset) -> int:
    """How many examples the test split has, as the ExampleGen noted it, or counted."""
    noted = f"num_examples_{TEST_SPLIT}"
    if examples.has_custom_property(noted):
        return examples.get_int_custom_property(noted)
    return int(batches.unbatch().reduce(0, lambda total, *_: total + 1).numpy())


def read(uri: str) -> dict[str, Any]:
    """{"metrics", "examples"} of the artifact at `uri`."""
    with tf.io.gfile.GFile(os.path.join(uri, FILE)) as file:
        return json.loads(file.read())
