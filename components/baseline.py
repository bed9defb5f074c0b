"""Which model a candidate must not be worse than: the latest blessed one that is not the candidate itself.

TFX's LatestBlessedModelStrategy would find the candidate of an identical second run, since the first run blessed
it; the Evaluator would then get another input than before, run again and compare a model with itself. With the
candidate left out, the second run finds the first run's baseline and is served from the cache.

In a pipeline:

    baseline = Resolver(
        strategy_class=LatestBlessedOther,
        config={"after": 0},
        model=Channel(type=Model),
        model_blessing=Channel(type=ModelBlessing),
        candidate=trainer.outputs["model"],
    ).with_id("baseline")
    Evaluator(model=trainer.outputs["model"], baseline_model=baseline.outputs["model"], ...)

Where nothing fits, `baseline.outputs["model"]` is empty and the Evaluator applies its thresholds alone.
"""

from __future__ import annotations

import ml_metadata as mlmd
from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.common.resolver import ResolverStrategy

Artifacts = dict[str, list[types.Artifact]]


class LatestBlessedOther(ResolverStrategy):
    """Resolves `model` and `model_blessing` to the latest blessed model but `candidate`, and its blessing.

    Args:
      after: Models up to this artifact id are no baselines. A run whose signature or labels are new starts over
        with `newest_model_id`, and keeps that number in later runs (`--rebaseline`).
    """

    def __init__(self, after: int = 0) -> None:
        self._after = after

    def resolve_artifacts(self, store: mlmd.MetadataStore, input_dict: Artifacts) -> Artifacts:
        """{"model": at most one, "model_blessing": at most one, "candidate": as given}."""
        blessings = {
            blessing.get_int_custom_property(
                constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY
            ): blessing
            for blessing in sorted(input_dict["model_blessing"], key=lambda artifact: artifact.id)
            if blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY) == 1
        }
        candidates = {artifact.id for artifact in input_dict["candidate"]}
        eligible = [
            model
            for model in input_dict["model"]
            if model.id in blessings and model.id not in candidates and model.id > self._after
        ]
        latest = sorted(eligible, key=lambda model: model.id)[-1:]
        return {
            "model": latest,
            "model_blessing": [blessings[model.id] for model in latest],
            "candidate": input_dict["candidate"],
        }


def newest_model_id(store: mlmd.MetadataStore) -> int:
    """The largest artifact id among the store's models; 0 where there is none."""
    return max((artifact.id for artifact in store.get_artifacts_by_type("Model")), default=0)
