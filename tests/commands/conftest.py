"""One small classifier of digits, trained and exported once for all workers by the commands themselves."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from tests.commands.command_line import SMALL, TASK, settings, told


def once(name: str, make: Callable[[Path], dict]) -> dict:
    """What `make(folder)` answered, made by the first worker that asks; the others wait and read it."""
    folder = Path(os.environ["TFDS_DATA_DIR"]).with_name(
        f"shared_{name}"
    )  # the workers' common home
    folder.mkdir(parents=True, exist_ok=True)
    answer = folder / "answer.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not answer.exists():
            answer.write_text(json.dumps(make(folder)))
    return json.loads(answer.read_text())


@pytest.fixture(scope="session")
def trained() -> dict:
    """What `perceiver train` answered; its `run_dir` is `Path(trained["model"]).parent`. Read only."""
    arguments = ("train", TASK, *settings(*SMALL), "--seed", "5", "--run-dir")
    return once("train", lambda folder: told(*arguments, folder / "run"))


@pytest.fixture(scope="session")
def export(trained: dict) -> dict:
    """What `perceiver export` answered for that model."""
    arguments = ("--version", "3", "--warmup", "2")
    return once(
        "export", lambda folder: told("export", trained["model"], folder / "served", *arguments)
    )


@pytest.fixture(scope="session")
def exported(export: dict) -> Path:
    """The folder of versions that holds the export."""
    return Path(export["saved_model"]).parent


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    """A folder with three digits as PNG files."""
    folder = tmp_path_factory.mktemp("pictures")
    for index, pixels in enumerate(load_digits().images[:3]):
        Image.fromarray((pixels * 15.9).astype(np.uint8)).save(folder / f"{index}.png")
    return folder
