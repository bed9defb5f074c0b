"""Warm-up: a version answers the requests that lie beside it before anyone else's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import prediction_log_pb2

from perceiver_keras.server import classify
from perceiver_keras.server.loaded import DEFAULT_SIGNATURE, LoadedModel, Signature
from perceiver_keras.server.status import invalid
from perceiver_keras.server.tensors import to_array

FILE = "assets.extra/tf_serving_warmup_requests"
MAX_RECORDS = 1000  # TensorFlow Serving refuses models with more


def warm_up(loaded: LoadedModel, folder: str, max_bytes: int) -> int:
    """Answers the records of `assets.extra/tf_serving_warmup_requests`, if there are any; returns how many.

    Raises:
      ServingError, or what TensorFlow raises: a record is damaged, or the model can't answer it. Then it is broken, as
        for TensorFlow Serving.
    """
    path = f"{folder}/{FILE}"
    if not tf.io.gfile.exists(path):
        return 0
    count = 0
    for log in _logs(path):
        count += 1
        signature, arrays = _request(loaded, log, max_bytes)
        signature.check(arrays)
        loaded.run(signature, arrays)
    return count


def largest_request(loaded: LoadedModel, folder: str, max_bytes: int) -> dict[str, np.ndarray]:
    """The inputs of the recorded request to `serving_default` that has most rows; {} if there is none.

    Raises:
      ServingError, or what TensorFlow raises: a record is damaged.
    """
    path, best, most = f"{folder}/{FILE}", {}, 0
    for log in _logs(path) if tf.io.gfile.exists(path) else ():
        signature, arrays = _request(loaded, log, max_bytes)
        rows = min((array.shape[0] for array in arrays.values() if array.ndim), default=0)
        if signature.name == DEFAULT_SIGNATURE and rows > most:
            best, most = arrays, rows
    return best


def _logs(path: str) -> Iterator[prediction_log_pb2.PredictionLog]:
    """The records, parsed."""
    # TensorFlow 2.15 tunes in a thread, for whose end an iterator waits: as long again as the warm-up, up to a minute.
    options = tf.data.Options()
    options.autotune.enabled = False
    records = tf.data.TFRecordDataset(path).with_options(options)
    for count, record in enumerate(records.as_numpy_iterator(), 1):
        if count > MAX_RECORDS:
            raise invalid(f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {path}")
        log = prediction_log_pb2.PredictionLog()
        try:
            log.ParseFromString(record)
        except DecodeError:
            raise invalid(f"Failed to parse warmup record {count} from {path}") from None
        yield log


def _request(
    loaded: LoadedModel, log: prediction_log_pb2.PredictionLog, max_bytes: int
) -> tuple[Signature, dict[str, np.ndarray]]:
    """The signature that a record asks, and the inputs."""
    kind = log.WhichOneof("log_type")
    if kind not in ("predict_log", "classify_log", "regress_log"):
        raise invalid(f"Unsupported log_type for warmup: {kind}")
    request = getattr(log, kind).request
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    if name not in loaded.signatures:
        raise invalid(f"a warmup record asks for the signature {name!r}, which the model lacks")
    signature = loaded.signatures[name]
    if kind == "predict_log":
        arrays = {
            key: to_array(proto, key, signature.inputs[key].dtype, max_bytes)
            for key, proto in request.inputs.items()
            if key in signature.inputs
        }
    else:
        arrays = {classify.INPUTS: classify.examples_of(request.input)}
    return signature, arrays
