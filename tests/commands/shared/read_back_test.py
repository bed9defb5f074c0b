"""The pushed model's own answer, in a process that has only the SavedModel's folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from perceiver_keras.commands.shared.read_back import read_back


def test_a_model_answers_its_own_warm_up_request_in_a_fresh_process(
    exported: Path, repository: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "perceiver_keras.commands.shared.read_back", str(exported)],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["signature"] == "serving_default"
    scores = [entry["score"] for entry in told["answer"]]
    assert len(scores) == 3 and sorted(scores, reverse=True) == scores


def test_an_export_without_requests_is_an_error_that_names_the_file(
    exported: Path, tmp_path: Path
) -> None:
    shutil.copytree(exported / "3", tmp_path / "3")
    path = tmp_path / "3" / "assets.extra" / "tf_serving_warmup_requests"
    path.write_bytes(b"")
    with pytest.raises(LookupError, match=f"{path} has no request of serving_default"):
        read_back(str(tmp_path))
