"""gRPC: what a client with tensorflow-serving-api sends and gets."""

from __future__ import annotations

import threading
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    regression_pb2,
)

from perceiver_keras.server import grpc_api
from perceiver_keras.server.aside import LARGE
from perceiver_keras.server.operations import Asked
from perceiver_keras.server.status import Code, ServingError
from tests.server.running import request
from tests.server.tiny_models import half_plus_two


def refused(code: grpc.StatusCode, words: str, call) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    assert caught.value.code() == code and words in caught.value.details(), caught.value.details()


def test_predict_answers_in_the_field_of_the_type_and_says_which_version(server) -> None:
    response = server.predict(x=np.float32([1, 2, 5]))
    assert list(response.outputs["y"].float_val) == [2.5, 3.0, 4.5]
    np.testing.assert_array_equal(tf.make_ndarray(response.outputs["y"]), half_plus_two([1, 2, 5]))
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("half", 7, "serving_default")


def test_versions_and_labels_choose_and_the_output_filter_leaves_out(server) -> None:
    asked = request("half", "text", text=["ab"])
    asked.output_filter.append("upper")
    asked.model_spec.version_label = "stable"
    response = server.prediction.Predict(asked)
    assert {k: list(v.string_val) for k, v in response.outputs.items()} == {"upper": [b"AB"]}
    asked.model_spec.version.value = 7
    assert server.prediction.Predict(asked).outputs["upper"].string_val[0] == b"AB"
    asked.model_spec.version.value = 8
    call = lambda: server.prediction.Predict(asked)  # noqa: E731
    refused(grpc.StatusCode.NOT_FOUND, "Servable not found for request: Specific(half, 8)", call)
    asked.model_spec.version_label = "canary"
    refused(grpc.StatusCode.INVALID_ARGUMENT, "Unrecognized servable version label: canary", call)


INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("model", "signature", "inputs", "code", "words"),
    [
        ("", "", {"x": [1.0]}, INVALID, "ModelSpec has no name specified."),
        ("other", "", {"x": [1.0]}, grpc.StatusCode.NOT_FOUND, "Latest(other)"),
        ("../half", "", {"x": [1.0]}, grpc.StatusCode.NOT_FOUND, "Latest(../half)"),
        (
            *("half", "nope", {"x": np.float32([1])}),
            *(grpc.StatusCode.FAILED_PRECONDITION, 'Serving signature key "nope" not found.'),
        ),
        ("half", "", {}, INVALID, "Missing but required: {x}"),
        ("half", "", {"z": np.float32([1])}, INVALID, "Sent extra: {z}. Missing but required: {x}"),
        ("half", "", {"x": np.int32([1])}, INVALID, "to be float but int32 is provided"),
        ("half", "", {"x": np.float32([[1]])}, INVALID, "expected the shape [?], got [1,1]"),
        ("half", "checked", {"x": np.float32([-1])}, INVALID, "a negative value"),
    ],
)
def test_what_can_not_be_answered_has_tensorflow_servings_code(
    server, model, signature, inputs, code, words
) -> None:
    refused(code, words, lambda: server.predict(model, signature, **inputs))


def test_a_request_over_the_limit_is_resource_exhausted(server) -> None:
    large = np.zeros(1 << 19, np.float32)
    refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "larger than max", lambda: server.predict(x=large))


def test_a_small_request_for_a_huge_tensor_is_refused_before_memory_is_taken(server) -> None:
    asked = request("half", x=np.float32([1]))
    asked.inputs["x"].tensor_shape.dim[0].size = 1 << 40
    call = lambda: server.prediction.Predict(asked)  # noqa: E731
    refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "larger than max_request_bytes", call)


@pytest.mark.parametrize("leaves", ["deadline", "cancel"])
def test_who_no_longer_waits_is_not_computed(server, leaves) -> None:
    """One request keeps the model busy; the next one waits in the queue until its client has gone."""
    scheduler, metrics = server.server._scheduler, server.server._operations.metrics
    ask = lambda x, **how: server.prediction.Predict.future(  # noqa: E731
        request("half", x=np.float32([x])), **how
    )

    def waits(count: int) -> None:
        for _ in range(500):
            if scheduler.waiting == count:
                return
            time.sleep(0.01)
        assert scheduler.waiting == count

    before = metrics.batched_rows._values.get(("half",), 0)  # counted when it is computed
    with server.server.models._models["half"].versions[7].loaded._one:  # as long as it computes
        busy = ask(1, timeout=30)
        time.sleep(0.1)
        if leaves == "deadline":
            gone = ask(2, timeout=0.2)
            assert gone.exception().code() == grpc.StatusCode.DEADLINE_EXCEEDED
        else:
            gone = ask(2, timeout=30)
            waits(1)
            gone.cancel()
        waits(0)
        last = ask(3, timeout=30)
        waits(1)
        assert not busy.done()
    assert busy.result().outputs["y"].float_val[0] == 2.5
    assert last.result().outputs["y"].float_val[0] == 3.5
    assert (
        metrics.batched_rows._values[("half",)] == before + 2
    )  # not the one whose client has gone


def test_a_deadline_that_has_passed_is_told_as_such(server) -> None:
    asked = Asked("half", seconds=0.0)
    operations = server.server._operations
    with pytest.raises(ServingError) as caught:
        server.wait(operations.predict(asked, lambda _: {"x": np.float32([1])}))
    assert caught.value.code == Code.DEADLINE_EXCEEDED


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff", b"\x0a\x05ab", b"\x0c"])
def test_bytes_that_are_no_message_are_an_error_and_nothing_else(server, garbage) -> None:
    call = server.channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    refused(grpc.StatusCode.INTERNAL, "", lambda: call(garbage))
    assert server.predict(x=np.float32([2])).outputs["y"].float_val[0] == 3.0


def example_input(message, *values: float) -> None:
    for value in values:
        feature = message.input.example_list.examples.add().features.feature["x"]
        feature.float_list.value.append(value)


def test_classify_and_regress(server) -> None:
    asked = classification_pb2.ClassificationRequest()
    asked.model_spec.name, asked.model_spec.signature_name = "half", "classify"
    example_input(asked, 0.25, 1.0)
    rows = server.prediction.Classify(asked).result.classifications
    assert [[(c.label, c.score) for c in row.classes] for row in rows] == [
        [("low", 0.75), ("high", 0.25)],
        [("low", 0.0), ("high", 1.0)],
    ]
    asked = regression_pb2.RegressionRequest()
    asked.model_spec.name, asked.model_spec.signature_name = "half", "regress"
    example_input(asked, 1.0, 3.0)
    answer = server.prediction.Regress(asked)
    assert [row.value for row in answer.result.regressions] == [2.5, 3.5]
    asked.model_spec.signature_name = "serving_default"
    refused(INVALID, "No regression inputs found", lambda: server.prediction.Regress(asked))
    asked.ClearField("input")
    asked.model_spec.signature_name = "regress"
    refused(INVALID, "Input is empty.", lambda: server.prediction.Regress(asked))


def test_what_is_not_offered_is_unimplemented(server) -> None:
    call = lambda: server.prediction.MultiInference(inference_pb2.MultiInferenceRequest())  # noqa: E731
    refused(grpc.StatusCode.UNIMPLEMENTED, "", call)


def test_metadata_has_the_files_signatures(server) -> None:
    asked = get_model_metadata_pb2.GetModelMetadataRequest()
    refused(INVALID, "Missing ModelSpec", lambda: server.prediction.GetModelMetadata(asked))
    asked.model_spec.name = "half"
    refused(INVALID, "at least one", lambda: server.prediction.GetModelMetadata(asked))
    asked.metadata_field.append("signature_def")
    answer = server.prediction.GetModelMetadata(asked)
    assert answer.model_spec.version.value == 7
    found = get_model_metadata_pb2.SignatureDefMap()
    answer.metadata["signature_def"].Unpack(found)
    x = found.signature_def["serving_default"].inputs["x"]
    assert (x.dtype, [d.size for d in x.tensor_shape.dim]) == (tf.float32.as_datatype_enum, [-1])
    asked.metadata_field.append("weights")
    refused(INVALID, "weights is not supported", lambda: server.prediction.GetModelMetadata(asked))


def test_status(server) -> None:
    asked = get_model_status_pb2.GetModelStatusRequest()
    asked.model_spec.name = "half"
    (row,) = server.management.GetModelStatus(asked).model_version_status
    assert (row.version, row.State.Name(row.state), row.status.error_code) == (7, "AVAILABLE", 0)
    asked.model_spec.version.value = 8
    call = lambda: server.management.GetModelStatus(asked)  # noqa: E731
    refused(grpc.StatusCode.NOT_FOUND, "Could not find version 8 of model half", call)
    asked.model_spec.name = "other"
    asked.model_spec.ClearField("version")
    refused(grpc.StatusCode.NOT_FOUND, "Could not find any versions of model other", call)


def test_a_reload_can_not_name_another_folder(server, tmp_path) -> None:
    asked = model_management_pb2.ReloadConfigRequest()
    call = lambda: server.management.HandleReloadConfigRequest(asked)  # noqa: E731
    refused(INVALID, "Only ModelConfigList is currently supported", call)
    asked.config.model_config_list.config.add(name="new", base_path=str(tmp_path))
    refused(grpc.StatusCode.PERMISSION_DENIED, "can't add a folder", call)
    assert server.predict(x=np.float32([2])).outputs["y"].float_val[0] == 3.0


def test_health(server) -> None:
    stub = health_pb2_grpc.HealthStub(server.channel)
    for service in ("", "tensorflow.serving.PredictionService"):
        for _ in range(50):
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service))
            if answer.status == answer.SERVING:
                break
        assert answer.status == answer.SERVING
    unknown = health_pb2.HealthCheckRequest(service="x")
    refused(grpc.StatusCode.NOT_FOUND, "", lambda: stub.Check(unknown))


@pytest.mark.parametrize("step", ["to_array", "fill_proto", "_parsed"])
def test_others_are_answered_while_a_large_request_is_read_and_written(
    server, monkeypatch, step
) -> None:
    others, real = threading.Event(), getattr(grpc_api, step)

    def slow(*arguments):
        if threading.current_thread().name.startswith("large"):
            assert others.wait(30)
        return real(*arguments)

    monkeypatch.setattr(grpc_api, step, slow)
    large = server.prediction.Predict.future(request(x=np.ones(2 * LARGE, np.float32)), timeout=60)
    for _ in range(20):
        assert server.predict(x=np.float32([2])).outputs["y"].float_val[0] == 3.0
    others.set()
    assert tf.make_ndarray(large.result().outputs["y"]).tolist() == [2.5] * (2 * LARGE)
