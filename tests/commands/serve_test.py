"""`perceiver serve`: what it would start, and one real start that answers."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from perceiver_keras.commands import serve
from perceiver_keras.commands.shared import servers
from perceiver_keras.server import parameter_files
from perceiver_keras.server.settings import Batching
from tests.commands.command_line import invoke, refused, told

DRY = ("--dry-run", "--with", "embedded")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PERCEIVER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "serve"


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    """A folder of versions; nothing is loaded in a dry run."""
    (tmp_path / "digits" / "3").mkdir(parents=True)
    return tmp_path / "digits"


def flags(answer: dict) -> dict[str, str]:
    words = [word for word in answer["command"] if word.startswith("--")]
    return dict(word.removeprefix("--").split("=", 1) for word in words if "=" in word)


def test_options_become_the_servers_flags_and_files(versions, cache) -> None:
    options = ("--port", "9000", "--rest-port", "9001", "--max-batch-size", "8", "--timeout", "5")
    answer = told("serve", versions, "again=" + str(versions), *options, *DRY)
    given = flags(answer)
    assert answer["models"] == {"digits": str(versions), "again": str(versions)}
    assert (given["port"], given["rest_api_port"], given["host"]) == ("9000", "9001", "127.0.0.1")
    assert (given["request_timeout_seconds"], given["enable_batching"]) == ("5.0", "true")
    models = parameter_files.read_models(Path(given["model_config_file"]).read_text())
    assert [(m.name, m.base_path) for m in models] == [
        (n, str(versions)) for n in ("digits", "again")
    ]
    batching = parameter_files.read_batching(Path(given["batching_parameters_file"]).read_text())
    assert batching == Batching(max_batch_size=8)
    assert Path(given["model_config_file"]).is_relative_to(cache)
    alone = flags(told("serve", versions, "--no-batching", *DRY))
    assert alone["enable_batching"] == "false" and "batching_parameters_file" not in alone
    sizes = flags(told("serve", versions, "--allowed-batch-sizes", "1,4,16", *DRY))
    text = Path(sizes["batching_parameters_file"]).read_text()
    assert parameter_files.read_batching(text).max_batch_size == 16


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--timeout", "0"], "--timeout: expected more than 0 seconds, got 0"),
        (["--grace", "-1"], "--grace: expected more than 0"),
        (["--max-batch-size", "0"], "Batching: max_batch_size: expected 1 or more, got 0"),
        (["--allowed-batch-sizes", "a"], "expected sizes such as 1,8,64, got 'a'"),
        (["--allowed-batch-sizes", "1,8", "--max-batch-size", "9"], "must match max_batch_size"),
        (["--port", "70000"], "--port"),
    ],
)
def test_what_makes_no_sense_is_refused(versions, options, words) -> None:
    refused("serve", versions, *options, *DRY, code=2, words=words)


def test_what_is_missing_for_the_embedded_server_is_told(versions, monkeypatch) -> None:
    monkeypatch.setattr(servers, "NEEDED", ("uvicorn_of_nowhere",))
    words = "pip install 'perceiver-keras[serve]'"
    refused("serve", versions, *DRY, code=1, words=words)


def test_tensorflow_model_server_is_told_to_listen_everywhere(
    versions, tmp_path, monkeypatch
) -> None:
    binary = tmp_path / "bin" / "tensorflow_model_server"
    binary.parent.mkdir()
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", str(binary.parent), prepend=os.pathsep)
    result = invoke("serve", versions, "--dry-run", "--json")
    answer = json.loads(result.stdout)
    assert answer["server"] == "tensorflow_model_server"
    assert answer["command"][0] == "tensorflow_model_server" and "host" not in flags(answer)
    assert "listens on every interface" in result.stderr


def test_the_server_takes_the_place_of_the_command(versions, monkeypatch) -> None:
    called = []
    monkeypatch.setattr(serve.os, "execvp", lambda program, words: called.append((program, words)))
    invoke("serve", versions, "--with", "embedded")
    ((program, words),) = called
    assert program == sys.executable and words[1:3] == ["-m", "perceiver_keras.server.run"]


def test_a_trained_model_is_served_until_it_is_told_to_stop(exported: Path, pictures: Path) -> None:
    """From the command line to the answer over HTTP, with the ports that were asked for."""
    import base64
    import socket

    with socket.socket() as free, socket.socket() as other:
        free.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        port, grpc_port = free.getsockname()[1], other.getsockname()[1]
    words = [sys.executable, "-m", "perceiver_keras.cli", "serve", f"digits={exported}"]
    words += ["--with", "embedded", "--port", str(grpc_port), "--rest-port", str(port)]
    child = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    image = base64.b64encode((pictures / "0.png").read_bytes()).decode()
    body = json.dumps({"instances": [{"image_bytes": {"b64": image}}]})
    end, answer = time.monotonic() + 120, None
    while answer is None:
        assert child.poll() is None and time.monotonic() < end
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("POST", "/v1/models/digits:predict", body)
            answer = json.loads(connection.getresponse().read())
        except ConnectionRefusedError:
            time.sleep(0.2)
    child.send_signal(signal.SIGTERM)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 0, said
    (row,) = answer["predictions"]
    assert len(row["probabilities"]) == 10 and row["label"] in map(str, range(10))
    assert "digits version 3 is available" in said
