"""Asks a server every case of `cases`; as a script, any server: `make conformance SERVER=host:port`.

`--write FOLDER` makes the model, to be served as `half`:
`tensorflow_model_server --model_name=half --model_base_path=FOLDER --rest_api_port=8501 --port=8500`.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tests.server import cases, tiny_models
from tests.server.running import request


def over_rest(server: str) -> Iterator[tuple[cases.Rest, str]]:
    """(case, what is wrong or "") for each case of REST."""
    for case in cases.REST:
        body = case.body
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        connection = http.client.HTTPConnection(server, timeout=30)
        connection.request("GET" if body is None else "POST", case.path, body)
        response = connection.getresponse()
        yield case, cases.wrong(case, response.status, response.read())
        connection.close()


def over_grpc(server: str) -> Iterator[tuple[cases.Grpc, str]]:
    """(case, what is wrong or "") for each case of gRPC."""
    with grpc.insecure_channel(server) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for case in cases.GRPC:
            yield case, _wrong(stub, case)


def _wrong(stub, case: cases.Grpc) -> str:
    arrays = {
        name: np.asarray(value, np.int32 if isinstance(value[0], int) else np.float32)
        for name, value in case.inputs.items()
    }
    asked = request(case.model, case.signature, **arrays)
    if case.version is not None:
        asked.model_spec.version.value = case.version
    try:
        response = stub.Predict(asked, timeout=30)
    except grpc.RpcError as error:
        code, details = error.code().name, error.details()
        fits = code == case.code and isinstance(case.answer, str) and case.answer in details
        return "" if fits else f"{code} {details!r}, expected {case.code} {case.answer!r}"
    found = {name: tf.make_ndarray(proto).tolist() for name, proto in response.outputs.items()}
    return "" if found == case.answer else f"{found}, expected {case.code} {case.answer}"


def main(arguments: list[str]) -> int:
    """Prints what differs; 1 if something does."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--write", metavar="FOLDER")
    flags.add_argument("--rest", metavar="HOST:PORT")
    flags.add_argument("--grpc", metavar="HOST:PORT")
    given = flags.parse_args(arguments)
    if given.write:
        saved = tiny_models.save(Path(given.write) / ".saved")
        saved.rename(Path(given.write) / "7")
        print(f"Serve {given.write} as half, and call this again with --rest and --grpc.")
        return 0
    results = [*(over_rest(given.rest) if given.rest else ())]
    results += [*(over_grpc(given.grpc) if given.grpc else ())]
    for case, wrong in results:
        if wrong:
            print(f"{case}\n  {wrong}")
    bad = sum(bool(wrong) for _, wrong in results)
    print(f"{len(results)} cases, {bad} not as documented")
    return int(bool(bad) or not results)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
