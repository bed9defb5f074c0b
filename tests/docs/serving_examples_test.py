"""The clients in examples/serving ask a real server, from processes that have nothing of this project."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from perceiver_keras.serve import Servable
from perceiver_keras.server.settings import ModelSource
from tests.commands.conftest import export, exported, pictures, trained  # noqa: F401
from tests.server.running import running


@pytest.fixture(scope="module")
def asked(exported, pictures):  # noqa: F811
    """(addresses, a picture, what the folder answers)."""
    picture = pictures / "1.png"
    wanted = Servable(str(exported)).predict(image_bytes=[picture.read_bytes()])
    with running([ModelSource(name="digits", base_path=str(exported))]) as server:
        yield server.addresses, picture, wanted


def run(*words: str | Path) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_client_of_tensorflow_serving_api_alone(asked, repository: Path) -> None:
    (grpc, _), picture, wanted = asked
    script = repository / "examples" / "serving" / "ask_grpc.py"
    said = run(sys.executable, script, grpc, "digits", picture, picture)
    line = f"{picture}\t{wanted['label'][0].decode()} {wanted['probabilities'].max():.1%}\n"
    assert said == 2 * line
    assert "perceiver" not in script.read_text()


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl on this machine")
def test_a_client_of_curl_alone(asked, repository: Path) -> None:
    (_, rest), picture, wanted = asked
    script = repository / "examples" / "serving" / "ask_rest.sh"
    reply = json.loads(run("sh", script, rest, "digits", picture))["outputs"]
    assert reply["label"] == [wanted["label"][0].decode()]
    assert reply["probabilities"][0] == pytest.approx(wanted["probabilities"][0].tolist(), abs=1e-5)
    bad = subprocess.run(["sh", script, rest, "other", picture], capture_output=True, timeout=100)
    assert bad.returncode != 0 and "Servable not found" in json.loads(bad.stdout)["error"]
