"""Client: the calls of `Servable`, with the same answers and the same words, over both protocols."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.export import export_saved_model
from perceiver_keras.serve import Client, Servable, Unreachable
from perceiver_keras.server.settings import Limits, ModelSource
from tests import tiny_task
from tests.server import tiny_models
from tests.server.running import Running, running


@pytest.fixture(scope="module", params=[0, 1], ids=["grpc", "rest"])
def client(request, server) -> Iterator[Client]:
    with Client(server.addresses[request.param]) as made:
        yield made


@pytest.fixture(scope="module")
def servable(base) -> Servable:
    return Servable(str(base))


INPUTS = {
    "serving_default": {"x": [1, 2.5, np.inf, np.nan]},
    "two_inputs": {"a": [1.0, 2.0], "b": [[1, 2], [3, 4]]},
    "text": {"text": ["é", b"a\0\0", ""]},
    "total": {"values": np.ones([2, 3])},
    "kinds": {
        "flag": [True, False],
        "small": np.array([0, 255], np.uint8),
        "large": [2**62 + 1, -(2**63)],
        "double": [0.1, 1e300],
    },
    "scalar": {"x": 3.0},
    "checked": {"x": np.float64([4.0])},
}


@pytest.mark.parametrize("name", list(INPUTS))
def test_answers_are_the_servables(client: Client, servable: Servable, name: str) -> None:
    found, wanted = (model.predict(name, **INPUTS[name]) for model in (client, servable))
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        assert found[key].dtype == value.dtype
        np.testing.assert_array_equal(found[key], value)


def test_examples_come_as_bytes(client: Client, servable: Servable) -> None:
    feature = tf.train.Feature(float_list=tf.train.FloatList(value=[0.25]))
    example = tf.train.Example(features=tf.train.Features(feature={"x": feature}))
    asked = {"inputs": [example.SerializeToString()]}
    for name in ("classify", "regress"):
        found, wanted = (model.predict(name, **asked) for model in (client, servable))
        for key, value in wanted.items():
            np.testing.assert_array_equal(found[key], value)


def test_what_is_served_is_told(client: Client, servable: Servable) -> None:
    assert client.models() == ["half"] and client.model == "half"
    assert client.status() == [{"version": 7, "state": "AVAILABLE", "error": ""}]
    told = client.metadata()
    assert (told["model"], told["version"], told["task"]) == ("half", 7, {})
    assert told["signatures"].keys() == servable.signatures.keys()
    for name, wanted in servable.signatures.items():
        for found, specs in (
            (told["signatures"][name].inputs, wanted.inputs),
            (told["signatures"][name].outputs, wanted.outputs),
        ):
            assert found.keys() == specs.keys()
            for key, spec in specs.items():
                assert tf.as_dtype(found[key].dtype) == spec.dtype
                if name != "serving_tensors" and spec.shape.rank is not None:
                    assert len(found[key].shape) == spec.shape.rank


@pytest.mark.parametrize("signature", ["serving_defualt", "serving_default", "two_inputs"])
@pytest.mark.parametrize(
    "inputs", [{}, {"y": [1]}, {"x": ["a"]}, {"x": [[1.0]]}, {"x": [1j]}, {"x": [[1], [1, 2]]}]
)
def test_wrong_use_has_the_words_of_a_servable(client, servable, signature, inputs) -> None:
    said = []
    for model in (client, servable):
        with pytest.raises(UsageError) as caught:
            model.predict(signature, **inputs)
        said.append(str(caught.value).replace(f"in {servable.folder}", client.model))
    assert said[0] == said[1]


def test_values_that_the_model_refuses(client: Client) -> None:
    with pytest.raises(PerceiverError, match="checked can't answer this input: .*negative") as told:
        client.predict("checked", x=[-1.0])
    assert "\n" not in str(told.value) and not isinstance(told.value, (UsageError, Unreachable))


@pytest.mark.parametrize("protocol", [0, 1])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "halv"}, "has no model 'halv'. Did you mean 'half'?"),
        ({"model": "half", "version": 9}, "Specific(half, 9). Versions of half: 7 is AVAILABLE."),
        ({"model": "half", "label": "none"}, "Unrecognized servable version label: none"),
    ],
)
def test_a_model_that_is_not_there(server: Running, protocol: int, options, words) -> None:
    client = Client(server.addresses[protocol], **options)
    with pytest.raises(UsageError) as caught:
        client.predict(x=[1.0])
    assert words in str(caught.value)


def test_the_address_may_name_the_model(server: Running) -> None:
    url = server.addresses[1] + "/v1/models/half"
    for one in (Client(url), Client(f"{url}/labels/stable"), Client(url, version=7)):
        assert one.predict(x=[1.0])["y"].tolist() == [2.5]
    for arguments, words in (
        ({"model": "other"}, "the model 'half', and the argument 'other'"),
        ({"version": 1, "label": "stable"}, "name two versions"),
        ({"timeout": 0}, "timeout: expected a number of seconds, got 0"),
    ):
        with pytest.raises(UsageError, match=words):
            Client(url, **arguments)


def test_threads_share_a_client(client: Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda x: client.predict(x=[x])["y"].tolist(), map(float, range(64)))
        assert list(answers) == [[x / 2 + 2] for x in range(64)]


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_no_server(scheme: str) -> None:
    with socket.socket() as bound:  # nobody listens
        bound.bind(("127.0.0.1", 0))
        address = f"{scheme}127.0.0.1:{bound.getsockname()[1]}"
        start = time.monotonic()
        with pytest.raises(Unreachable, match=f"No model server answers at {address}: .*refused"):
            Client(address, "m", patience=0.5).predict(x=[1])
        assert time.monotonic() - start < 3


def test_the_wrong_port_is_told(server: Running) -> None:
    grpc, rest = server.addresses
    for address, words in (
        (rest.removeprefix("http://"), "for REST write http:// before the address"),
        (f"http://{grpc}", "for gRPC leave out the http://"),
    ):
        with pytest.raises(Unreachable, match=words):
            Client(address, "half").status()


def test_time_is_limited(client: Client) -> None:
    hurried = Client(str(client.address), timeout=0.1)
    with pytest.raises(Unreachable, match="did not answer within the client's 0.1 s"):
        # Under half a second: the shared server computes it to its end, and the next test waits for that.
        hurried.predict("slow", steps=[4 * 10**5])


@pytest.mark.parametrize("protocol", [0, 1])
def test_the_servers_own_limit_is_not_taken_for_the_clients(base, protocol: int) -> None:
    limits = Limits(request_timeout_seconds=0.2)
    with running([ModelSource(name="half", base_path=str(base))], limits=limits) as server:
        client = Client(server.addresses[protocol], "half", timeout=60)
        with pytest.raises(PerceiverError, match="took longer than its own limit") as caught:
            client.predict("slow", steps=[10**6])  # about a second
    assert not isinstance(caught.value, Unreachable)


@pytest.mark.parametrize("protocol", [0, 1])
def test_a_closed_client_says_so(server: Running, protocol: int) -> None:
    with Client(server.addresses[protocol], "half", timeout=60) as client:
        assert client.predict(x=[1.0])["y"].tolist() == [2.5]
    for call in (client.status, client.metadata, client.models, lambda: client.predict(x=[1.0])):
        with pytest.raises(UsageError, match="is closed; make another one"):
            call()


def test_a_client_that_is_closed_while_it_asks_says_so(server: Running) -> None:
    client = Client(server.addresses[0], "half", timeout=60)
    assert client.signatures
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.predict, "slow", steps=[4 * 10**5])  # under half a second
        time.sleep(0.1)
        client.close()
        with pytest.raises(UsageError, match="is closed; make another one"):
            answer.result(30)


def test_all_questions_of_a_call_share_its_time(server: Running) -> None:
    """A first call asks for the models, the status of each, the signatures, and then the model."""
    client, given = Client(server.addresses[1], timeout=60), []
    ask = client._transport._ask

    def slowly(*arguments):
        time.sleep(0.1)
        given.append(arguments[-1])
        return ask(*arguments)

    client._transport._ask = slowly
    assert client.predict(x=[1.0])["y"].tolist() == [2.5]
    assert len(given) == 4 and all(np.diff(given) <= -0.1)


def test_a_server_that_restarts_is_waited_for(base) -> None:
    """Both protocols find it again, also with the connection that gRPC had before."""
    with socket.socket() as one, socket.socket() as other:
        for bound in (one, other):
            bound.bind(("127.0.0.1", 0))
        ports = one.getsockname()[1], other.getsockname()[1]
    source, done = ModelSource(name="half", base_path=str(base)), threading.Event()
    with running([source], ports=ports) as server:
        clients = [Client(address, patience=20) for address in server.addresses]
        for client in clients:
            assert client.predict(x=[1.0])["y"].tolist() == [2.5]

    def later() -> None:
        time.sleep(0.5)
        with running([source], ports=ports):
            done.wait(30)

    thread = threading.Thread(target=later)
    thread.start()
    try:
        for client in clients:
            assert client.predict(x=[1.0])["y"].tolist() == [2.5]
    finally:
        done.set()
        thread.join()


def test_new_signatures_of_a_new_version_are_learned(base, tmp_path) -> None:
    """A client keeps what it knows until a request is refused."""
    folder = tmp_path / "m"
    tiny_models.publish(base / "7", folder, 1)
    with running([ModelSource(name="m", base_path=str(folder))]) as server:
        clients = [Client(address) for address in server.addresses]
        for client in clients:
            assert client.predict(x=[1.0])["y"].tolist() == [2.5]

        class Changed(tf.Module):
            @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="x")])
            def f(self, x):
                return {"y": x + 1}

        module = Changed()
        tf.saved_model.save(module, str(tmp_path / "new"), signatures=module.f)
        tiny_models.publish(tmp_path / "new", folder, 2)
        for client in clients:
            while client.status()[0] != {"version": 2, "state": "AVAILABLE", "error": ""}:
                time.sleep(0.05)
            assert client.predict(x=[1])["y"].tolist() == [2]


def test_an_export_of_ours_answers_as_its_folder(tmp_path) -> None:
    """Two models at once: the client must know which; and a request that is too large is refused in words."""
    base = tmp_path / "tiny"
    base.mkdir()
    folder = export_saved_model(
        tiny_task.TASK,
        tiny_task.CONFIG,
        tiny_task.model(),
        str(base / "3"),
        labels=tiny_task.LABELS,
    )
    servable, pngs = Servable(folder), tiny_task.pngs(3)
    sources = [ModelSource(name=name, base_path=str(base)) for name in ("one", "two")]
    with running(sources, limits=Limits(max_request_bytes=1 << 16)) as server:
        for address in server.addresses:
            with pytest.raises(
                UsageError, match="has 2 models; name one .*Choose one of: one, two"
            ):
                Client(address).predict(image_bytes=pngs)
            client = Client(address, "two")
            found, wanted = (m.predict(image_bytes=pngs) for m in (client, servable))
            np.testing.assert_allclose(found["probabilities"], wanted["probabilities"], rtol=1e-5)
            assert found["label"].tolist() == wanted["label"].tolist()
            assert client.task == {"task": "tiny", "preset": None, "labels": tiny_task.LABELS}
            with pytest.raises(PerceiverError, match="can't answer this input: .*image"):
                client.predict(image_bytes=[b"no picture"])
            with pytest.raises(PerceiverError, match="refused: .*RESOURCE_EXHAUSTED"):
                client.predict(image_bytes=[b"x" * (1 << 17)])
