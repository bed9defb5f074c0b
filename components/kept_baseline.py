"""The baseline on a cluster, where no resolver of ours runs: `KeptBaseline` finds it, `KeepBaseline` keeps the next.

The rule is that of `baseline.py`, over the folder that all runs of the pipeline share (`cluster/kept.py`).
`KeptBaseline` must never come from the cache, since what it finds changes from run to run; `pipeline/compiled.py` sees
to that.

To take a version back, remove its folder in SHARED/pushed: then it is no baseline, and not served.
"""

# No `from __future__ import annotations`: TFX reads the annotations as objects.
import json
import os

from absl import logging
from tfx.components.evaluator import constants
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts
from tfx.utils import io_utils, path_utils

from perceiver_keras.components.cluster import kept
from perceiver_keras.components.cluster.staging import copy_folder
from perceiver_keras.components.gate import VERDICT_FILE


@component
def KeptBaseline(  # noqa: N802 - a component's name
    candidate: InputArtifact[standard_artifacts.Model],
    model: OutputArtifact[standard_artifacts.Model],
    model_blessing: OutputArtifact[standard_artifacts.ModelBlessing],
    shared: Parameter[str],
    rebaseline: Parameter[int] = 0,
) -> None:
    """Copies the latest blessed model other than the candidate, and its verdict; marks both as absent if there is none.

    Args:
      candidate: The Trainer's.
      model: The folder for the served model; the trained one is not kept.
      model_blessing: The folder for the verdict.
      shared: The folder that all runs share.
      rebaseline: Whether this run has no baseline.
    """
    found = None if rebaseline else kept.baseline(kept.read_versions(shared), candidate.id)
    if found is None:
        logging.info("No baseline in %s.", shared)
        kept.nothing(model, model_blessing)
        return
    logging.info("The baseline is version %d in %s.", found.number, shared)
    version = os.path.join(shared, kept.PUSHED, str(found.number))
    copy_folder(version, path_utils.serving_model_dir(model.uri))
    blessed = os.path.join(shared, kept.BLESSED, str(found.number))
    copy_folder(blessed, model_blessing.uri)
    model_blessing.set_int_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSED_KEY, constants.BLESSED_VALUE
    )


@component
def KeepBaseline(  # noqa: N802 - a component's name
    model: InputArtifact[standard_artifacts.Model],
    blessing: InputArtifact[standard_artifacts.ModelBlessing],
    pushed_model: InputArtifact[standard_artifacts.PushedModel],
    shared: Parameter[str],
) -> None:
    """Keeps the verdict on the version that was pushed, if one was.

    Args:
      model: The Trainer's.
      blessing: The Gate's.
      pushed_model: The Pusher's.
      shared: The folder that all runs share.
    """
    if pushed_model.get_int_custom_property("pushed") != 1:
        logging.info("Nothing was pushed, so the baseline stays.")
        return
    number = pushed_model.get_string_custom_property("pushed_version")
    folder = os.path.join(shared, kept.BLESSED, number)
    verdict = json.loads(io_utils.read_string_file(os.path.join(blessing.uri, VERDICT_FILE)))
    io_utils.write_string_file(os.path.join(folder, VERDICT_FILE), json.dumps(verdict))
    compared = blessing.has_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY)
    # As a text: an id has more digits than a number in JSON may have.
    kept.write(os.path.join(folder, kept.FILE), {"model": str(model.id), "compared": compared})
    logging.info("Version %s is the next baseline.", number)
