"""What holds for every test: quiet, on the CPU, seeded, writing in temporary folders only.

The environment is set while this file is imported, hence before any test imports TensorFlow.
"""

from __future__ import annotations

import gc
import os
import random
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from perceiver_keras.stack import use_keras_2

ROOT = Path(__file__).absolute().parents[1]  # not resolved: under Bazel it is the runfiles folder


def _isolate() -> str:
    """Point everything that libraries and ours write by default into one throw-away home."""
    home = tempfile.mkdtemp(prefix="perceiver-test-home-")
    # Data sets are prepared once for all workers of xdist, in the home of the process that started them.
    data = os.environ.get("TFDS_DATA_DIR") if "PYTEST_XDIST_WORKER" in os.environ else None
    ours = [key for key in os.environ if key.startswith(("PERCEIVER_", "TFDS_", "BEAM_"))]
    # Which fixtures to test, and against which environment, is the caller's choice.
    for key in set(ours) - {"PERCEIVER_PARITY_DIR", "PERCEIVER_OTHER_PYTHON"}:
        del os.environ[key]
    os.environ.update(
        HOME=home,
        XDG_CACHE_HOME=f"{home}/.cache",
        XDG_CONFIG_HOME=f"{home}/.config",
        XDG_DATA_HOME=f"{home}/.local/share",
        KERAS_HOME=f"{home}/.keras",
        MPLCONFIGDIR=f"{home}/.config/matplotlib",
        TFDS_DATA_DIR=data or f"{home}/tensorflow_datasets",
        TFHUB_CACHE_DIR=f"{home}/.cache/tfhub",
    )
    return home


_HOME = _isolate()
gc.disable()  # until all tests are imported
use_keras_2()
os.environ.update(
    CUDA_VISIBLE_DEVICES="-1",
    HF_HUB_OFFLINE="1",
    MPLBACKEND="Agg",
    NO_GCE_CHECK="true",  # google-auth asks the network for a cloud machine otherwise
    TF_CPP_MIN_LOG_LEVEL="3",
)
warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.")

# The same examples each time, so that a run fails for a change only. HYPOTHESIS_PROFILE=default draws new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


# The files that take longest go first: a worker that started one of them last would finish minutes after the other.
LONGEST = (
    "tests/sabotage/sabotage_test.py",
    "tests/pipeline/local_runner_test.py",
    "tests/tasks/contract_test.py",
    "tests/docs/snippets_test.py",
    "tests/docs/examples_test.py",
    "tests/train_test.py",
    "tests/fresh_install_test.py",
    "tests/export_test.py",
    "tests/docs/notebooks_test.py",
    "tests/commands/predict_test.py",
    "tests/parity/parity_test.py",
    "tests/tasks/released_models_test.py",
    "tests/tasks/own_data_test.py",
    "tests/tasks/official_test.py",
    "tests/training/workers_test.py",
    "tests/training/cost_test.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(ROOT).as_posix()
        return LONGEST.index(path) if path in LONGEST else len(LONGEST)

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """The libraries stay until the end: Python need not look through their million objects again and again.

    And a graph is ten thousands of objects, all of them alive, for each seven hundred of which it would look again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    gc.enable()


def pytest_unconfigure() -> None:
    """Take the throw-away home away; a worker of xdist has one of its own."""
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    """The same random numbers whatever ran before. No library is imported for it."""
    random.seed(0)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(0)
    if tensorflow := sys.modules.get("tensorflow"):
        # Keras draws its seeds from a generator of its own once anything has set that, as training does.
        tensorflow.keras.utils.set_random_seed(0)
    yield
    if "tensorflow" in sys.modules:
        # A mixed policy that one test forgot would change the numbers of the next, and one that trained with
        # train.deterministic would make the others slow: TensorFlow has no public function to end that.
        from tensorflow import keras
        from tensorflow.python.framework import config

        keras.mixed_precision.set_global_policy("float32")
        config.disable_op_determinism()


@pytest.fixture
def eager() -> Iterator[None]:
    """A few steps do not pay for their graphs, whose tracing takes half of the time."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository (under Bazel: of the files the test declared)."""
    return ROOT


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB, which is soon full; only root can mount one."""
    disk = tmp_path / "small_disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "perceiver_test", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small disk can't be mounted here; only root can")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)
