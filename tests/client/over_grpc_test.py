"""gRPC: tensors as TensorFlow has them, messages of any size, and servers that know less than ours."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from perceiver_keras.client import over_grpc
from perceiver_keras.client.client import Client
from perceiver_keras.client.ends import DTYPES
from perceiver_keras.client.failures import Failure
from perceiver_keras.server import operations
from perceiver_keras.server.settings import Limits, ModelSource
from tests.server.running import running


@pytest.mark.parametrize("dtype", list(DTYPES.values()), ids=str)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_tensors_are_tensorflows(dtype: np.dtype, shape: tuple) -> None:
    count = int(np.prod(shape))
    array = np.empty(count, dtype)
    array[:] = [b"\0%d\xff\0" % i for i in range(count)] if dtype.hasobject else range(count)
    array = array.reshape(shape)
    proto = tensor_pb2.TensorProto()
    over_grpc._write(proto, array)
    read = tf.io.parse_tensor(proto.SerializeToString(), tf.dtypes.as_dtype(dtype))
    assert read.shape == shape
    # Other servers fill the fields of the type, where ours and TensorFlow fill the content.
    for made in (proto, tf.make_tensor_proto(array)):
        back = over_grpc._read("y", made)
        assert back.dtype == dtype and back.shape == shape
        assert back.tolist() == array.tolist()


@pytest.mark.parametrize(
    "fields",
    [
        {"dtype": "DT_FLOAT", "tensor_content": b"123"},
        {"dtype": "DT_STRING", "tensor_content": b"a"},
        {"dtype": "DT_VARIANT"},
        {"dtype": "DT_RESOURCE"},
    ],
    ids=str,
)
def test_an_output_that_is_no_tensor_is_told(fields: dict) -> None:
    with pytest.raises(Failure, match="its output 'y' is no tensor"):
        over_grpc._read("y", tensor_pb2.TensorProto(**fields))


def test_a_type_that_numpy_lacks_is_of_no_kind() -> None:
    info = meta_graph_pb2.TensorInfo()
    info.ParseFromString(b"\x10\xe7\x07")  # the data type 999
    assert over_grpc._ends({"y": info})["y"].dtype == np.dtype(np.void)


def test_messages_are_as_large_as_the_server_allows(base) -> None:  # noqa: F811
    numbers = np.arange(3 << 20, dtype=np.float32)  # 12 MiB, each way; gRPC's own limit is 4
    limits = Limits(max_request_bytes=32 << 20)
    with running([ModelSource(name="half", base_path=str(base))], limits=limits) as server:
        answer = Client(server.addresses[0]).predict(x=numbers)
    np.testing.assert_array_equal(answer["y"], numbers / 2 + 2)


def test_a_server_without_our_metadata_is_asked_without_them(server, monkeypatch) -> None:  # noqa: F811
    """As TensorFlow Serving, it refuses a field that it does not know."""
    monkeypatch.setattr(operations, "TASK_FIELD", "another")
    client = Client(server.addresses[0], "half")
    assert client.metadata()["version"] == 7 and client.task == {}


def test_the_server_and_the_client_mean_the_same_fields() -> None:
    from perceiver_keras.server import grpc_api

    assert over_grpc.MODELS_KEY == grpc_api.MODELS_KEY
    assert over_grpc.TASK_FIELD == operations.TASK_FIELD
