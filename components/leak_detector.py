"""Looks for leaks: the same or nearly the same example in two splits, by the fingerprints that Describe wrote.

It counts; ExampleValidator decides. What is the same is said in `perceiver_keras/data/alike/` and docs/data_checks.md.
"""

from __future__ import annotations

import os
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_component, base_beam_executor, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts

from perceiver_keras.components.data.leak_counts import detect

LEAKS_FILE = "leaks.json"


class PerceiverLeaks(types.Artifact):
    """`leaks.json`:

    splits: {name: examples}.
    pairs: for each pair of splits, {"splits": [a, b], "exact", "near", "share", "other_label"}: how many examples of
      the smaller split have an exact copy in the other; how many have only one that is nearly the same; both as a share
      of the smaller split; and how many of them have another label than all their closest copies.
    within: {name: how many examples have a copy before them in their own split}.
    plain: {name: how many examples hold nothing to tell them by}, which are never counted: black pictures, silence.
    examples: at most 50, {"splits": [a, b], "indices": [i, j], "how": "exact" or "near", "labels": [.., ..]}.
    limit: the share that ExampleValidator allows.
    sampled: {"keys", "left_out", "kept"}: of so many keys that more than `kept` examples of a split share, so many
      examples were not compared by this key; both 0 if all were.
    """

    TYPE_NAME = "PerceiverLeaks"


class LeakDetectorExecutor(base_beam_executor.BaseBeamExecutor):
    """Writes leaks.json."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        fingerprints = artifact_utils.get_single_instance(input_dict["fingerprints"])
        leaks = artifact_utils.get_single_instance(output_dict["leaks"])
        order = artifact_utils.decode_split_names(fingerprints.split_names)
        path = os.path.join(leaks.uri, LEAKS_FILE)
        with self._make_beam_pipeline() as pipeline:
            detect(pipeline, fingerprints.uri, order, float(exec_properties["limit"]), path)


class LeakDetectorSpec(component_spec.ComponentSpec):
    PARAMETERS = {
        "limit": component_spec.ExecutionParameter(type=float),
        "code": component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS = {"fingerprints": component_spec.ChannelParameter(type=standard_artifacts.Examples)}
    OUTPUTS = {"leaks": component_spec.ChannelParameter(type=PerceiverLeaks)}


class LeakDetector(base_beam_component.BaseBeamComponent):
    """Counts the examples that two splits share; never stops a run."""

    SPEC_CLASS = LeakDetectorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(LeakDetectorExecutor)

    def __init__(
        self,
        fingerprints: types.BaseChannel,
        limit: float = 0.0,
        code: str | None = None,
        id: str | None = None,
    ):
        """Only the values of the arguments, and the fingerprints, decide whether TFX takes the result from its cache.

        Args:
          fingerprints: Describe's.
          limit: The setting `data.max_leak_share`, which is put into the file.
          code: Changes with the code that compares; only for the cache.
          id: The component's name in the pipeline.
        """
        super().__init__(
            spec=LeakDetectorSpec(
                fingerprints=fingerprints,
                limit=float(limit),
                code=code,
                leaks=types.Channel(type=PerceiverLeaks),
            )
        )
        if id:
            self.with_id(id)
