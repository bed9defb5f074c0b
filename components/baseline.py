"""The model that a candidate must not be worse than: the latest blessed one that is not the candidate itself.

In an identical second run, TFX's LatestBlessedModelStrategy would find the candidate, which the first run blessed; the
Evaluator would then have a different input than before, run again, and compare the model with itself. Without the
candidate, the second run finds the same baseline as the first run, and the Evaluator's result comes from the cache.

In a pipeline:

    baseline = Resolver(
        strategy_class=LatestBlessedOther,
        config={"rebaseline": False},
        model=Channel(type=Model),
        model_blessing=Channel(type=ModelBlessing),
        candidate=trainer.outputs["model"],
    ).with_id("baseline")
    Evaluator(model=trainer.outputs["model"], baseline_model=baseline.outputs["model"], ...)

If there is no such model, both outputs are empty, and the candidate is compared with nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2
from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.common.resolver import ResolverStrategy

Artifacts = dict[str, list[types.Artifact]]

JUDGE = (
    "Gate"  # what the Gate writes into `component_id`, where TFX's Evaluator writes its own name
)
# The property of a blessing by which an older model is served again, with the reason. `perceiver rollback` writes it.
ROLLBACK = "rollback_because"


class LatestBlessedOther(ResolverStrategy):
    """Resolves `model` and `model_blessing` to the latest blessed model other than `candidate`, and its blessing.

    The blessings, in the order in which they were given, make a line of models, of which the last one is the baseline:

    - A model that was blessed without a baseline begins a new line: models blessed before it are no longer baselines.
      The first model begins one, and so does a model whose labels or signature have changed (`rebaseline`); later runs
      need not repeat the option.
    - A model that is blessed again, because a run went back to its settings, moves to the end.
    - A blessing with the property `rollback_because` ends the line at its model: later ones were withdrawn.

    In runs of older versions TFX's Evaluator blessed, whether the model could be served or not. Its blessings count if
    the Gate has not judged the same model, and if the ServingValidator did not refuse it.

    Args:
      rebaseline: Whether this run has no baseline.
    """

    def __init__(self, rebaseline: bool = False) -> None:
        self._rebaseline = bool(rebaseline)

    def resolve_artifacts(
        self, store: mlmd.MetadataStore | None, input_dict: Artifacts
    ) -> Artifacts:
        """Returns {"model": at most one, "model_blessing": at most one, "candidate": as given}."""
        nothing = {"model": [], "model_blessing": [], "candidate": input_dict["candidate"]}
        if self._rebaseline:
            return nothing
        line = _line(input_dict["model_blessing"], _refused_to_serve(store))
        models = {model.id: model for model in input_dict["model"]}
        for candidate in input_dict["candidate"]:
            models.pop(candidate.id, None)
        for number, blessing in reversed(line.items()):
            if number in models:
                return nothing | {"model": [models[number]], "model_blessing": [blessing]}
        return nothing


def _line(
    blessings: Sequence[types.Artifact], refused_to_serve: set[int]
) -> dict[int, types.Artifact]:
    """The models that may be baselines, the latest last, with their latest blessings."""
    judged = {
        _current(blessing)
        for blessing in blessings
        if _by_the_gate(blessing) and not blessing.has_custom_property(ROLLBACK)
    }
    line: dict[int, types.Artifact] = {}
    for blessing in sorted(blessings, key=lambda artifact: artifact.id):
        model = _current(blessing)
        old = not (_by_the_gate(blessing) or blessing.has_custom_property(ROLLBACK))
        if not _is_blessed(blessing) or (old and model in judged | refused_to_serve):
            continue
        if blessing.has_custom_property(ROLLBACK):
            known = list(line)
            line = (
                {number: line[number] for number in known[: known.index(model)]}
                if model in line
                else {}
            )
        elif not blessing.has_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY):
            line = {}
        line.pop(model, None)
        line[model] = blessing
    return line


def _refused_to_serve(store: mlmd.MetadataStore | None) -> set[int]:
    """The models of which the ServingValidator's last verdict is that they do not serve."""
    if store is None:
        return set()
    verdicts = {
        artifact.id: artifact.custom_properties["blessed"].int_value == 1
        for artifact in store.get_artifacts_by_type("InfraBlessing")
        if "blessed" in artifact.custom_properties
    }
    made = _others(store, store.get_events_by_artifact_ids(sorted(verdicts)))
    last: dict[int, bool] = {}
    for verdict in sorted(verdicts):
        for model in made.get(verdict, ()):
            last[model] = verdicts[verdict]
    return {model for model, serves in last.items() if not serves}


def _others(
    store: mlmd.MetadataStore, events: Sequence[metadata_store_pb2.Event]
) -> dict[int, set[int]]:
    """Id of an output -> ids of what the execution that wrote it read as `model`."""
    wrote = [event for event in events if event.type == metadata_store_pb2.Event.OUTPUT]
    read: dict[int, set[int]] = {}
    ids = sorted({event.execution_id for event in wrote})
    for event in store.get_events_by_execution_ids(ids) if ids else ():
        steps = [step.key for step in event.path.steps]
        if event.type == metadata_store_pb2.Event.INPUT and "model" in steps:
            read.setdefault(event.execution_id, set()).add(event.artifact_id)
    found: dict[int, set[int]] = {}
    for event in wrote:
        found.setdefault(event.artifact_id, set()).update(read.get(event.execution_id, ()))
    return found


def _current(blessing: types.Artifact) -> int:
    return blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY)


def _is_blessed(blessing: types.Artifact) -> bool:
    return blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY) == 1


def _by_the_gate(blessing: types.Artifact) -> bool:
    return blessing.get_string_custom_property("component_id") == JUDGE
