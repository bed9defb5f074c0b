"""One small classifier of digits, trained and exported once per process by the commands themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from tests.commands.command_line import SMALL, TASK, settings, told


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> dict:
    """What `perceiver train` answered; its `run_dir` is `Path(trained["model"]).parent`. Read only."""
    run_dir = tmp_path_factory.mktemp("train")
    return told("train", TASK, *settings(*SMALL), "--seed", "5", "--run-dir", run_dir)


@pytest.fixture(scope="session")
def export(trained: dict, tmp_path_factory) -> dict:
    """What `perceiver export` answered for that model."""
    out = tmp_path_factory.mktemp("served")
    return told("export", trained["model"], out, "--version", "3", "--warmup", "2")


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
