"""Which server is started, and its command line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from perceiver_keras.commands.shared import servers
from perceiver_keras.errors import PerceiverError
from perceiver_keras.server import parameter_files
from perceiver_keras.server.settings import METRICS_PATH, ModelSource


def plan(base: Path, **given) -> servers.Plan:
    return servers.Plan(models=[ModelSource(name="m", base_path=str(base))], **given)


def here(monkeypatch, *there: str) -> None:
    """Only these servers are on the machine."""
    monkeypatch.setattr(
        servers.shutil, "which", lambda name: f"/bin/{name}" if name in there else None
    )
    done = subprocess.CompletedProcess([], 0 if "daemon" in there else 1)
    monkeypatch.setattr(servers.subprocess, "run", lambda *words, **kwargs: done)


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        (("tensorflow_model_server", "docker", "daemon"), "tensorflow_model_server"),
        (("docker", "daemon"), "docker"),
        (("docker",), "embedded"),
        ((), "embedded"),
    ],
)
def test_the_real_server_is_taken_where_it_is(monkeypatch, there, chosen) -> None:
    here(monkeypatch, *there)
    assert servers.choose("auto") == chosen


def test_a_server_that_is_not_there_is_told(monkeypatch) -> None:
    here(monkeypatch, "docker")
    with pytest.raises(PerceiverError, match="no Docker daemon answers"):
        servers.choose("docker")
    with pytest.raises(PerceiverError, match="not on the PATH"):
        servers.choose("tensorflow_model_server")


def test_dockers_command_line_mounts_read_only_and_binds_the_address(tmp_path) -> None:
    words = servers.command(
        "docker", plan(tmp_path / "m", port=9000, grace_seconds=7), tmp_path / "c"
    )
    text = " ".join(words)
    assert words[:2] == ["docker", "run"] and "--stop-timeout 7" in text
    assert "-p 127.0.0.1:9000:8500 -p 127.0.0.1:8501:8501" in text
    assert f"source={tmp_path / 'm'},target=/models/m,readonly" in text
    assert f"source={tmp_path / 'c'},target=/config,readonly" in text
    assert servers.IMAGE in words and "--model_config_file=/config/model_config.txt" in words
    (model,) = parameter_files.read_models((tmp_path / "c" / "model_config.txt").read_text())
    assert model.base_path == "/models/m"


def test_a_link_is_mounted_as_what_it_leads_to(tmp_path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "1").symlink_to(tmp_path / "saved")
    text = " ".join(servers.command("docker", plan(tmp_path / "m"), tmp_path / "c"))
    assert f"source={tmp_path / 'saved'},target=/models/m/1,readonly" in text


def test_the_files_are_what_tensorflow_serving_reads(tmp_path) -> None:
    files = servers.write_files(plan(tmp_path / "m"), tmp_path / "c")
    read = {flag: path.read_text() for flag, path in files.items()}
    assert parameter_files.read_monitoring(read["monitoring_config_file"]) == METRICS_PATH
    assert parameter_files.read_batching(read["batching_parameters_file"]).max_batch_size == 64
    words = servers.command(
        "tensorflow_model_server", plan(tmp_path, batching=None), tmp_path / "c"
    )
    assert "--enable_batching=false" in words and "--rest_api_timeout_in_ms=30000" in words
    assert not any(word.startswith("--host") for word in words)
