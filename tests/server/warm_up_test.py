"""Warm-up: the records beside a model are answered, or the model is broken."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from perceiver_keras.server import warm_up
from perceiver_keras.server.loaded import LoadedModel
from perceiver_keras.server.status import ServingError
from tests.server.running import request


class Counting:
    """A loaded model that remembers what it was asked."""

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded, self.signatures, self.asked = loaded, loaded.signatures, []

    def run(self, signature, arrays):
        self.asked.append((signature.name, {k: v.tolist() for k, v in arrays.items()}))
        return self.loaded.run(signature, arrays)


@pytest.fixture(scope="module")
def loaded(saved):
    model = LoadedModel(str(saved), 5.0)
    yield model
    model.close()


def write(folder, *records: bytes) -> str:
    (folder / "assets.extra").mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / warm_up.FILE)) as writer:
        for record in records:
            writer.write(record)
    return str(folder)


def log(signature="", **inputs) -> bytes:
    made = prediction_log_pb2.PredictionLog()
    made.predict_log.request.CopyFrom(request("", signature, **inputs))
    return made.SerializeToString()


def test_every_record_is_asked_once_in_order(loaded, tmp_path) -> None:
    classify = prediction_log_pb2.PredictionLog()
    classify.classify_log.request.model_spec.signature_name = "classify"
    example = classify.classify_log.request.input.example_list.examples.add()
    example.features.feature["x"].float_list.value.append(1.0)
    records = log(x=np.float32([1, 2])), log("text", text=["a"]), classify.SerializeToString()
    model = Counting(loaded)
    assert warm_up.warm_up(model, write(tmp_path, *records), 1 << 20) == 3
    assert model.asked[:2] == [("serving_default", {"x": [1, 2]}), ("text", {"text": [b"a"]})]
    assert model.asked[2] == ("classify", {"inputs": [example.SerializeToString()]})


def test_the_largest_request_of_the_default_signature_is_found(loaded, tmp_path) -> None:
    numbers = [log(x=np.float32(row)) for row in ([1], [2, 3], [4])]
    records = [log("text", text=["a"] * 9), *numbers]
    folder = write(tmp_path, *records)
    found = warm_up.largest_request(loaded, folder, 1 << 20)
    assert {name: array.tolist() for name, array in found.items()} == {"x": [2.0, 3.0]}
    assert warm_up.largest_request(loaded, str(tmp_path / "none"), 1 << 20) == {}


def test_without_records_there_is_nothing_to_do(loaded, tmp_path) -> None:
    assert warm_up.warm_up(loaded, str(tmp_path), 1 << 20) == 0


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([b"\xff\xff"], "Failed to parse warmup record 1"),
        ([log("nope", x=np.float32([1]))], "the signature 'nope'"),
        ([log(x=np.int32([1]))], "to be float but int32 is provided"),
        ([log()], "Missing but required: {x}"),
        ([b""], "Unsupported log_type for warmup: None"),
        ([log("scalar", x=np.float32(1))] * 1001, "exceeds the maximum (1000)"),
    ],
)
def test_what_can_not_be_answered_makes_the_version_broken(
    loaded, tmp_path, records, words
) -> None:
    with pytest.raises(ServingError) as caught:
        warm_up.warm_up(loaded, write(tmp_path, *records), 1 << 20)
    assert words in caught.value.message
