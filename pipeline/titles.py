"""The titles of artifact types in a compiled pipeline: NAMESPACE.Title, as the platforms want them."""

from __future__ import annotations

from tfx.orchestration.kubeflow.v2 import compiler_utils
from tfx.types import Artifact
from tfx.utils import name_utils

from perceiver_keras.components.leak_detector import PerceiverLeaks
from perceiver_keras.components.report_gen import Report
from perceiver_keras.components.trivial_guess import Guess

NAMESPACE = "perceiver"
OURS = (Guess, PerceiverLeaks, Report)


def title(kind: type[Artifact]) -> str:
    """The title of one of our types, whose name in a metadata store on this machine has no namespace."""
    return f"{NAMESPACE}.{kind.TYPE_NAME}"


def tell_tfx() -> None:
    """Lets TFX find our types by their titles."""
    for kind in OURS:
        compiler_utils.TITLE_TO_CLASS_PATH[title(kind)] = name_utils.get_full_name(kind)
