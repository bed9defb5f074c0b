"""The server as a whole, in this process: several models, one protocol alone, a full queue, a stop under load."""

from __future__ import annotations

import asyncio
import threading

import grpc
import numpy as np
import pytest

from perceiver_keras.server.embedded import EmbeddedServer
from perceiver_keras.server.settings import Batching, Limits, ModelSource
from tests.server import tiny_models
from tests.server.running import request, running


def test_several_models_answer_at_once(base, tmp_path) -> None:
    other = tiny_models.save(tmp_path / "saved", 10.0)
    tiny_models.publish(other, tmp_path / "other", 1)
    sources = [
        ModelSource(name="half", base_path=str(base)),
        ModelSource(name="other", base_path=str(tmp_path / "other")),
    ]
    with running(sources) as found:
        body = {"inputs": [0]}
        assert found.ask("/v1/models/half:predict", body)[1] == {"outputs": [2.0]}
        assert found.ask("/v1/models/other:predict", body)[1] == {"outputs": [10.0]}
        assert found.server.models.names == ["half", "other"]


def test_one_protocol_alone(base) -> None:
    async def main():
        source = ModelSource(name="half", base_path=str(base))
        server = EmbeddedServer([source], Batching(), Limits(), lambda line: None)
        ports = await server.start("127.0.0.1", -1, 0, 1.0)
        await server.stop(1.0)
        return ports

    assert list(asyncio.run(main())) == ["rest"]


STEPS = 100_000  # about a tenth of a second


def test_a_full_queue_is_429_and_resource_exhausted_and_a_stop_answers_the_accepted(base) -> None:
    batching = Batching(max_batch_size=1, max_enqueued_batches=4, num_batch_threads=1)
    source = ModelSource(name="half", base_path=str(base))
    answers: list[object] = []

    def over_grpc(found):
        try:
            asked = request("half", "slow", steps=np.int64([STEPS]))
            response = found.prediction.Predict(asked, timeout=60)
            answers.append(response.outputs["count"].int64_val[0])
        except grpc.RpcError as error:
            answers.append(error.code())

    def over_rest(found):
        body = {"signature_name": "slow", "inputs": [STEPS]}
        try:
            status, answer = found.ask("/v1/models/half:predict", body)
        except OSError:  # came after the stop
            return
        answers.append(answer["outputs"][0] if status == 200 else status)

    with running([source], batching) as found:
        threads = [threading.Thread(target=ask, args=[found]) for ask in (over_grpc, over_rest) * 8]
        for thread in threads:
            thread.start()
        scheduler = found.server._scheduler
        while scheduler.waiting < 4 and len(answers) < 12:
            pass
        found.wait(found.server.stop(30.0))
        for thread in threads:
            thread.join()
        assert answers.count(STEPS) >= 5
        refused = {a for a in answers if a != STEPS}
        gone = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}  # came after the stop
        assert refused - gone <= {429, grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert refused & {429, grpc.StatusCode.RESOURCE_EXHAUSTED}


def test_a_taken_port_is_an_error(base, server) -> None:
    async def main():
        source = ModelSource(name="half", base_path=str(base))
        second = EmbeddedServer([source], Batching(), Limits(), lambda line: None)
        try:
            await second.start("127.0.0.1", server.ports["grpc"], -1, 1.0)
        finally:
            await second.models.close()

    with pytest.raises(RuntimeError):
        asyncio.run(main())
