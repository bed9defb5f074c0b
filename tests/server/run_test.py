"""The serving process itself: what it holds, SIGTERM under load, SIGKILL and restart, wrong flags."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from perceiver_keras.server import parameter_files, run
from perceiver_keras.server.settings import ModelSource
from tests.server import tiny_models
from tests.style.tree import imported, python_files

SLOW = json.dumps({"signature_name": "slow", "inputs": [20_000]}).encode()


class Process:
    """`python -m perceiver_keras.server.run` on free ports."""

    def __init__(self, base: Path, folder: Path, *flags: str) -> None:
        models = folder / "models.txt"
        source = ModelSource(name="half", base_path=str(base))
        models.write_text(parameter_files.models_text([source]))
        self.ready = folder / f"ready-{time.monotonic_ns()}"
        words = [sys.executable, "-m", "perceiver_keras.server.run"]
        words += [f"--model_config_file={models}", "--port=0", "--rest_api_port=0"]
        words += [f"--ready_file={self.ready}", "--file_system_poll_wait_seconds=0.1", *flags]
        self.child = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + 120
        while not self.ready.exists():
            assert self.child.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        self.port = json.loads(self.ready.read_text())["rest"]

    def ask(self, body: bytes) -> dict:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", "/v1/models/half:predict", body)
        response = connection.getresponse()
        answer = json.loads(response.read())
        assert response.status == 200, answer
        return answer


def test_kill_restart_swap_and_a_stop_under_load(base, saved, tmp_path) -> None:
    versions = tmp_path / "versions"
    tiny_models.publish(saved, versions, 1)
    first = Process(versions, tmp_path)
    assert first.ask(b'{"inputs": [2]}') == {"outputs": [3.0]}
    first.child.kill()
    first.child.communicate()
    broken = tiny_models.publish(saved, versions, 2)
    (broken / "saved_model.pb").write_bytes(b"")

    second = Process(versions, tmp_path)  # on the newest good version, by itself
    assert second.ask(b'{"inputs": [2]}') == {"outputs": [3.0]}
    answers, refused, stop = [], [], threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                answers.append(second.ask(SLOW))
            except ConnectionRefusedError:  # it was not accepted
                refused.append(1)
                return

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    while len(answers) < 8:
        time.sleep(0.01)
    second.child.send_signal(signal.SIGTERM)
    _, said = second.child.communicate(timeout=60)
    stop.set()
    for thread in threads:
        thread.join()
    assert second.child.returncode == 0
    # A thread that ended otherwise lost an accepted request, and says so by being missing here.
    assert len(refused) == 4
    assert all(answer == {"outputs": [20_000]} for answer in answers)
    assert "half version 2 is skipped" in said and "half version 1 is available" in said
    assert "Traceback" not in said


def test_the_process_imports_the_server_and_what_differs_between_stacks() -> None:
    """And nothing else of the project. `perceiver_keras` itself is lazy: tests/style/imports_test.py holds that."""
    ours = {
        name
        for path in python_files("perceiver_keras")
        if path.parts[1] == "server"
        for name in imported(path)
        if name.startswith("perceiver_keras")
    }
    assert ours
    assert all(
        name.startswith(("perceiver_keras.server", "perceiver_keras.stack")) for name in ours
    )


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("model_config_file", "nonsense {", "Error: not a ModelServerConfig"),
        ("batching_parameters_file", "max_batch_size { value: 0 }", "max_batch_size: expected 1"),
        ("monitoring_config_file", "enable: true", "Error: not MonitoringConfig"),
    ],
)
def test_files_that_make_no_sense_are_told_in_one_line(tmp_path, capsys, file, text, words) -> None:
    good = tmp_path / "models"
    good.write_text(parameter_files.models_text([ModelSource(name="m", base_path="/m")]))
    wrong = tmp_path / "wrong"
    wrong.write_text(text)
    flags = {"model_config_file": good, file: wrong}
    assert run.main([f"--{name}={path}" for name, path in flags.items()]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1


def test_another_address_than_the_loopback_is_told(capsys) -> None:
    run._announce("127.0.0.1", {"grpc": 1, "rest": 2}, ["m"])
    said = capsys.readouterr().err
    assert said == (
        "Serving m: gRPC on 127.0.0.1:1, REST on http://127.0.0.1:2\n"
        "To try them in a browser: http://127.0.0.1:2/\n"
    )
    run._announce("0.0.0.0", {"rest": 2}, ["m"])
    assert "no password and no encryption" in capsys.readouterr().err


def test_what_is_said_is_one_line_without_control_characters(capsys) -> None:
    run.say("größe x\nhalf version 9 was unloaded\r\x1b[31mred\u2028\u202e\ud800")
    said = capsys.readouterr().err
    assert said == r"größe x\nhalf version 9 was unloaded\r\x1b[31mred\u2028\u202e\ud800" + "\n"


def test_every_limit_is_a_flag() -> None:
    flags = run.parser().parse_args(["--model_config_file=x", "--max_request_bytes=5"])
    assert flags.max_request_bytes == 5 and flags.request_timeout_seconds == 30.0
    assert flags.host == "127.0.0.1"
