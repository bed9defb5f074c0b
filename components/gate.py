"""Gate: whether the model may be served, from all that was measured about it.

TFX's Evaluator measures and judges nothing here; `perceiver_keras/gate/` has the rules (docs/gate.md). The blessing is
the standard one, with the properties that TFX's Evaluator gives it, so Pusher and `components/baseline.py` read both.
A bad model is refused, whatever is wrong with it: a refusal is a verdict, not a crash.
"""

# No `from __future__ import annotations`: TFX reads the annotations as objects.
import json
import os
from typing import Any

from absl import logging
from tfx.components.evaluator import constants
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import Artifact, standard_artifacts
from tfx.utils import io_utils

from perceiver_keras.components import serving_validator, trivial_guess
from perceiver_keras.components.baseline import JUDGE
from perceiver_keras.components.model import facts
from perceiver_keras.components.model.evaluation import evaluated
from perceiver_keras.config import EvaluateConfig
from perceiver_keras.config_tree import from_json
from perceiver_keras.files import read_json
from perceiver_keras.gate import rules
from perceiver_keras.gate.check import Check
from perceiver_keras.gate.estimates import Evaluated
from perceiver_keras.tasks import registry

VERDICT_FILE = "verdict.json"


@component
def Gate(  # noqa: N802 - a component's name
    model: InputArtifact[standard_artifacts.Model],
    evaluation: InputArtifact[standard_artifacts.ModelEvaluation],
    guess: InputArtifact[trivial_guess.Guess],
    infra_blessing: InputArtifact[standard_artifacts.InfraBlessing],
    blessing: OutputArtifact[standard_artifacts.ModelBlessing],
    task: Parameter[str],
    evaluate_json: Parameter[str],
    baseline_model: InputArtifact[standard_artifacts.Model] = None,
    baseline_blessing: InputArtifact[standard_artifacts.ModelBlessing] = None,
) -> None:
    """Blesses the model if every rule passes.

    Args:
      model: The Trainer's.
      evaluation: The Evaluator's, of the model and of the baseline.
      guess: TrivialGuess's.
      infra_blessing: The ServingValidator's.
      blessing: With the custom properties `blessed`, `current_model`, `current_model_id`, `baseline_model`,
        `baseline_model_id`, and `component_id`; the folder has an empty file BLESSED or NOT_BLESSED, and verdict.json.
      task: Its name in the registry.
      evaluate_json: The settings `evaluate`.
      baseline_model: The last blessed model.
      baseline_blessing: The blessing of that model.
    """
    serving = _serving(infra_blessing)
    settings = from_json(EvaluateConfig, evaluate_json)
    trivial = trivial_guess.read(guess.uri)["metrics"]
    found = evaluated(evaluation.uri)
    lower_is_better = registry.get(task).measures.lower_is_better
    checks = rules.judge(
        found,
        settings,
        trivial=trivial,
        lower_is_better=lower_is_better,
        has_baseline=baseline_model is not None,
        before=None if baseline_blessing is None else when_blessed(baseline_blessing.uri),
        serving=serving,
    )
    if why := model.get_string_custom_property(facts.WITHDRAWN):
        checks = [*checks, Check("not taken back", False, f"This model was taken back: {why}.")]
    blessed = rules.passed(checks)
    _mark(blessing, model, baseline_model, blessed)
    told = {
        "blessed": blessed,
        "checks": [check.to_json() for check in checks],
        "evaluated": found.to_json(),
        "trivial": trivial,
        "lower_is_better": list(lower_is_better),
        "confidence": settings.confidence,
        "smallest_difference": rules.smallest_differences(found, settings),
        "serving": serving,
    }
    io_utils.write_string_file(
        os.path.join(blessing.uri, VERDICT_FILE), json.dumps(told, indent=2, sort_keys=True)
    )
    name = constants.BLESSED_FILE_NAME if blessed else constants.NOT_BLESSED_FILE_NAME
    io_utils.write_string_file(os.path.join(blessing.uri, name), "")
    for check in checks:
        log = logging.error if check.passed is False else logging.info
        log("%s: %s", check.name, check.text)


def verdict(uri: str) -> dict[str, Any] | None:
    """The verdict.json of the blessing at `uri`; None if the Evaluator of an older version judged."""
    return kept(os.path.join(uri, VERDICT_FILE))


def kept(path: str) -> dict[str, Any] | None:
    """What a component wrote into a file of an artifact; None if there is none.

    Raises:
      PerceiverError: the file is damaged.
    """
    try:
        return read_json(path, "restore it, or run with another --run-dir")
    except FileNotFoundError:
        return None


def when_blessed(uri: str) -> Evaluated | None:
    """What was measured about a model when it was blessed; None if that was not kept."""
    found = verdict(uri)
    return None if found is None else Evaluated.from_json(found["evaluated"])


def _serving(infra_blessing: Artifact) -> dict[str, Any]:
    """The ServingValidator's verdict; its cause is the property's, which Pusher goes by."""
    found = kept(os.path.join(infra_blessing.uri, serving_validator.VERDICT_FILE)) or {}
    blessed = infra_blessing.get_int_custom_property("blessed") == 1
    cause = infra_blessing.get_string_custom_property("cause") or "no cause was given"
    return found | {"cause": None if blessed else cause}


def _mark(
    blessing: Artifact, model: Artifact, baseline_model: Artifact | None, blessed: bool
) -> None:
    blessing.set_string_custom_property("component_id", JUDGE)
    blessing.set_string_custom_property(
        constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri
    )
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
    if baseline_model is not None:
        blessing.set_string_custom_property(
            constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, baseline_model.uri
        )
        blessing.set_int_custom_property(
            constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, baseline_model.id
        )
    value = constants.BLESSED_VALUE if blessed else constants.NOT_BLESSED_VALUE
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, value)
