"""`--device`: which GPUs stay visible, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from perceiver_keras.commands.shared import device
from perceiver_keras.errors import UsageError
from tests.commands.command_line import refused

GPUS = [tf.config.PhysicalDevice(f"/physical_device:GPU:{n}", "GPU") for n in range(3)]


@pytest.mark.parametrize(
    ("name", "left"), [("cpu", []), ("gpu", [0, 1, 2]), ("gpu:0", [0]), ("gpu:2", [2])]
)
def test_only_what_is_named_stays(name: str, left: list[int]) -> None:
    assert device.choose(name, GPUS) == [GPUS[n] for n in left]


@pytest.mark.parametrize(("name", "there"), [("gpu:3", "cpu, gpu:0, gpu:1, gpu:2"), ("gpu", "cpu")])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(name: str, there: str) -> None:
    with pytest.raises(UsageError, match=f"there is {there}. `perceiver doctor`"):
        device.choose(name, GPUS if name == "gpu:3" else [])


@pytest.mark.parametrize("command", ["train", "run", "evaluate", "export", "predict"])
def test_every_command_that_computes_takes_it(command: str) -> None:
    refused(
        command, "image_classification", "x", "--device", "tpu", code=2, words="cpu, gpu or gpu:N"
    )


@pytest.mark.parametrize(
    ("before", "name", "chosen", "after"),
    [
        (None, "gpu:1", [1], "1"),
        ("4,6", "gpu:1", [1], "6"),
        ("4,6", "gpu", [0, 1], "4,6"),
        ("4,6", "cpu", [], "-1"),
    ],
)
def test_processes_that_are_started_see_the_same(before, name, chosen, after, monkeypatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if before:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", before)
    made = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: GPUS[:2])
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda gpus, kind: made.extend(gpus))
    device.use(name)
    assert made == [GPUS[n] for n in chosen]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == after


def test_the_choice_takes_effect_before_tensorflow_starts(repository: Path) -> None:
    program = (
        "from perceiver_keras.commands.shared import device\n"
        "device.use('cpu')\n"
        "import tensorflow as tf\n"
        "print([d.device_type for d in tf.config.list_logical_devices()])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=repository, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == "['CPU']", done.stderr
