"""What a SavedModel's folder tells without being loaded: its versions, its ops, the task that it serves.

TensorFlow Serving's layout is `MODEL/<version>/saved_model.pb`, `variables/`, `assets/`, `assets.extra/`. A version is
a folder whose name is a number; everything else is ignored.
"""

from __future__ import annotations

import re
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from perceiver_keras.errors import PerceiverError, first_line
from perceiver_keras.files import read_json

SIGNATURES = ("serving_default", "serving_examples", "serving_tensors", "evaluate")
TASK_FILE = "assets.extra/task.json"
WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
MAX_WARMUP_RECORDS = 1000  # TensorFlow Serving rejects models with more

# TensorFlow Serving 2.15.1 is built with TF Text 2.12.1, whose SentencePiece ops are these.
SENTENCEPIECE_OPS = frozenset(
    (
        "SentencepieceOp",
        "SentencepieceTokenizeOp",
        "SentencepieceTokenizeWithOffsetsOp",
        "SentencepieceDetokenizeOp",
        "SentencepieceIdToStringOp",
        "SentencepieceStringToIdOp",
        "SentencepieceVocabSizeOp",
    )
)
# Registered in core TensorFlow, but they call back into the Python process that created them.
PYTHON_OPS = frozenset(("PyFunc", "PyFuncStateless", "EagerPyFunc"))


def is_saved_model(folder: str) -> bool:
    """Whether `folder` has a saved_model.pb; `missing_files` tells whether it is complete."""
    return tf.io.gfile.exists(f"{folder}/saved_model.pb")


def versions(folder: str) -> list[int]:
    """The version numbers under `folder`, ascending; empty if there is no such folder.

    Names with leading zeros are ignored, because the number alone would not lead back to them, and so are numbers
    beyond int64, which no server takes.
    """
    if not tf.io.gfile.isdir(folder):
        return []
    names = (name.rstrip("/") for name in tf.io.gfile.listdir(folder))
    return sorted(
        int(name)
        for name in names
        if name.isascii()
        and name.isdigit()
        and name == str(int(name))
        and int(name) < 2**63
        and tf.io.gfile.isdir(f"{folder}/{name}")
    )


def latest_version(folder: str) -> str:
    """`folder` itself if it is a SavedModel, else its newest version folder, which TensorFlow Serving would pick.

    Raises:
      PerceiverError: it is neither, or the newest version is incomplete.
    """
    folder = str(folder).rstrip("/")
    if not tf.io.gfile.isdir(folder):
        raise PerceiverError(
            f"{folder} is not a folder; name the folder of a SavedModel or of its versions."
        )
    if not is_saved_model(folder) and (found := versions(folder)):
        folder += f"/{found[-1]}"
    if missing := missing_files(folder):
        if missing == ["saved_model.pb"] and not tf.io.gfile.exists(f"{folder}/variables"):
            raise PerceiverError(
                f"{folder} is not a SavedModel: it has neither saved_model.pb nor version folders."
            )
        raise PerceiverError(
            f"{folder} is half-written: {', '.join(missing)} missing. Export or push the model again."
        )
    return folder


def missing_files(folder: str) -> list[str]:
    """Files that the SavedModel in `folder` lacks and needs to load; empty if it is complete."""
    missing = [] if is_saved_model(folder) else ["saved_model.pb"]
    variables = f"{folder}/variables"
    if not tf.io.gfile.exists(variables):
        return missing  # a model without variables needs no folder
    names = {name.rstrip("/") for name in tf.io.gfile.listdir(variables)}
    if "variables.index" not in names:
        missing.append("variables/variables.index")
    shards = [m for name in names if (m := re.fullmatch(r"variables\.data-\d{5}-of-(\d{5})", name))]
    count = int(shards[0][1]) if shards else 1
    expected = (f"variables.data-{i:05d}-of-{count:05d}" for i in range(count))
    return missing + [f"variables/{name}" for name in expected if name not in names]


def read_task(folder: str) -> dict[str, Any]:
    """`assets.extra/task.json` of one of our exports, {"task", "preset", "config", "labels"}; {} for other models."""
    path = f"{folder}/{TASK_FILE}"
    if not tf.io.gfile.exists(path):
        return {}
    return read_json(path, "export or push the model again")


def graph_ops(folder: str) -> set[str]:
    """The names of all ops in the graph and its functions, whether they are called or not.

    Raises:
      PerceiverError: `folder` has no readable saved_model.pb.
    """
    proto = saved_model_pb2.SavedModel()
    try:
        with tf.io.gfile.GFile(f"{folder}/saved_model.pb", "rb") as file:
            proto.ParseFromString(file.read())
    except (DecodeError, tf.errors.OpError) as error:
        raise PerceiverError(
            f"{folder} is not a SavedModel: saved_model.pb can't be read ({first_line(error)})."
        ) from error
    ops: set[str] = set()
    for meta in proto.meta_graphs:
        library = meta.graph_def.library.function
        functions = {function.signature.name for function in library}
        nodes = [meta.graph_def.node, *(function.node_def for function in library)]
        ops |= {node.op for group in nodes for node in group} - functions
    return ops


def disallowed_ops(folder: str) -> set[str]:
    """The graph's ops that TensorFlow Serving 2.15.1 lacks: all but those of core TensorFlow and SentencePiece.

    `tf.raw_ops` is generated from core TensorFlow's registry when TensorFlow is built, so it does not contain ops that
    libraries (TF Addons, TF I/O, TF Text) register in this process.
    """
    return {
        op
        for op in graph_ops(folder)
        if op in PYTHON_OPS or not (hasattr(tf.raw_ops, op) or op in SENTENCEPIECE_OPS)
    }
