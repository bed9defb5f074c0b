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

If there is no such model, `baseline.outputs["model"]` is empty and the Evaluator only applies its thresholds.
"""

from __future__ import annotations

import ml_metadata as mlmd
from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.common.resolver import ResolverStrategy

Artifacts = dict[str, list[types.Artifact]]


class LatestBlessedOther(ResolverStrategy):
    """Resolves `model` and `model_blessing` to the latest blessed model other than `candidate`, and its blessing.

    A model that was blessed without a baseline begins a new line: models blessed before it are no longer baselines.
    The first model begins one, and so does a model whose labels or signature have changed (`rebaseline`); later runs
    need not repeat the option.

    Args:
      rebaseline: Whether this run has no baseline.
    """

    def __init__(self, rebaseline: bool = False) -> None:
        self._rebaseline = bool(rebaseline)

    def resolve_artifacts(self, store: mlmd.MetadataStore, input_dict: Artifacts) -> Artifacts:
        """Returns {"model": at most one, "model_blessing": at most one, "candidate": as given}."""
        nothing = {"model": [], "model_blessing": [], "candidate": input_dict["candidate"]}
        blessings = {
            _current(blessing): blessing
            for blessing in sorted(input_dict["model_blessing"], key=lambda artifact: artifact.id)
            if blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY) == 1
        }
        if self._rebaseline or not blessings:
            return nothing
        first = max(
            (_current(b) for b in input_dict["model_blessing"] if _begins_a_line(b)), default=0
        )
        candidates = {artifact.id for artifact in input_dict["candidate"]}
        eligible = [
            model
            for model in input_dict["model"]
            if model.id in blessings and model.id >= first and model.id not in candidates
        ]
        if not eligible:
            return nothing
        latest = max(eligible, key=lambda model: model.id)
        return nothing | {"model": [latest], "model_blessing": [blessings[latest.id]]}


def _current(blessing: types.Artifact) -> int:
    return blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY)


def _begins_a_line(blessing: types.Artifact) -> bool:
    blessed = blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY) == 1
    key = constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY
    return blessed and not blessing.has_custom_property(key)
