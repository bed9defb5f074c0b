"""Commands in new processes: how long they take, and an end at the first line that is waited for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import perceiver_keras as pk
from perceiver_keras.benchmarks import starts
from perceiver_keras.errors import PerceiverError
from perceiver_keras.saved_model import is_saved_model


def test_help_is_measured() -> None:
    told = starts.measure("help", calls=2)
    assert len(told["seconds"]) == len(told["cpu"]) == 2
    assert min(told["seconds"]) > 0 and told["peak"] > 5_000_000


def test_a_command_is_ended_at_the_line_that_is_waited_for(tmp_path: Path) -> None:
    """With what it started: nothing of it is left to take time from the next case."""
    program = (
        "import subprocess, sys, time\n"
        "subprocess.Popen(['sleep', '50'])\n"
        "print('early', flush=True); time.sleep(0.2); print('[ 1/7] now', flush=True); time.sleep(50)"
    )
    command = [sys.executable, "-c", program]
    seconds, cpu, peak = starts.time_command(command, "[ 1/", str(tmp_path))
    assert 0.2 <= seconds < 20 and cpu < 5 and peak > 1_000_000


def test_bytecode_is_kept_whatever_the_environment_says(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    program = "import sys; sys.exit(sys.dont_write_bytecode)"
    starts.time_command([sys.executable, "-c", program], None, str(tmp_path))


@pytest.mark.parametrize(
    ("program", "until"), [("raise SystemExit('no model')", None), ("print('other')", "[ 1/")]
)
def test_a_command_that_fails_or_never_comes_there_is_an_error(program, until, tmp_path) -> None:
    with pytest.raises(PerceiverError, match="exit code"):
        starts.time_command([sys.executable, "-c", program], until, str(tmp_path))


def test_what_commands_are_asked_about(tmp_path: Path) -> None:
    starts.make(tmp_path, encode__num_latents=3, process__num_self_attention_layers=1)
    assert is_saved_model(str(tmp_path / "served" / "1"))
    answers = pk.load(tmp_path / "preset").classify(tmp_path / "digit.png", top=2)
    assert len(answers) == 2
