"""The wheel as a user gets it: a new environment, what the index gives today, and work in one's own repository.

`scripts/try_wheel.sh` does the same at length: every extra, the oldest versions too, and the whole pipeline.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.build_wheel import build_wheel

SMALL = ("--set", "train.steps=20", "--set", "data.max_examples=64")
# In a repository that has packages of these names.
FIRST_COMPONENT = """
import components, pipeline
assert components.MINE and pipeline.MINE

import imageio_ffmpeg, sentencepiece, tensorflow_text
from tfx import v1 as tfx
from tfx.utils import import_utils

from perceiver_keras.commands.shared import requirements
from perceiver_keras.components.tfds_example_gen import TfdsExampleGen
from perceiver_keras.pipeline import PipelineSettings, create_pipeline

assert not [w for w in requirements.wanted().values() if w.unmet]

# The whole graph, and what it names for TFX to import.
settings = PipelineSettings.create("image_classification", run_dir="runs/mine")
graph = create_pipeline(settings)
named = [value for c in graph.components for key, value in c.exec_properties.items()
         if key in ("preprocessing_fn", "run_fn")]
for path in named:
    assert import_utils.import_func_from_module(*path.rsplit(".", 1))

metadata = tfx.orchestration.metadata.sqlite_metadata_connection_config("metadata.sqlite")
first = TfdsExampleGen("perceiver_digits", {"train": "train[:64]"}, task="image_classification")
tfx.orchestration.LocalDagRunner().run(tfx.dsl.Pipeline(
    "first", "artifacts", components=[first], metadata_connection_config=metadata
))
print(*named)
"""
# The cells as they stand, until one has read data with the package.
FIRST_CELLS = """
import json, shutil, sys, types
from IPython.terminal.interactiveshell import TerminalInteractiveShell

notebook, wheel = sys.argv[1:]
files = types.ModuleType("google.colab.files")
files.upload = lambda: shutil.copy(wheel, ".")
colab = types.ModuleType("google.colab")
colab.files = files
sys.modules |= {"google.colab": colab, "google.colab.files": files}
shell = TerminalInteractiveShell.instance(simple_prompt=True)
code = [cell for cell in json.load(open(notebook))["cells"] if cell["cell_type"] == "code"]
for cell in code[:3]:
    shell.run_cell("".join(cell["source"])).raise_error()
assert shell.user_ns["pk"].__file__.startswith(sys.prefix)
assert len(shell.user_ns["mine"].labels) == 10
"""


@pytest.fixture(scope="module")
def uv(repository: Path) -> Callable[..., None]:
    """uv as `make setup` uses it, with its cache; skips if the index cannot be reached."""
    spec = importlib.util.spec_from_file_location(
        "setup_venv", repository / "scripts" / "setup_venv.py"
    )
    setup_venv = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(setup_venv)
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True
    ).stdout
    env = setup_venv.uv_environment(setup_venv.pip_settings(listing), os.environ)
    # The tests' home is new; without the real one's cache each run would load 2 GB.
    cache = Path(pwd.getpwuid(os.getuid()).pw_dir, ".cache", "uv")
    env.setdefault("UV_CACHE_DIR", str(cache))
    program = Path(sys.executable).with_name("uv")

    def call(*arguments: object, **kwargs) -> subprocess.CompletedProcess[str]:
        words = [str(program), *map(str, arguments)]
        return subprocess.run(words, env=env, capture_output=True, text=True, **kwargs)

    asked = call("pip", "compile", "-", "--refresh-package", "packaging", input="packaging")
    if asked.returncode:
        why = (asked.stderr.strip().splitlines() or ["no message"])[-1]
        pytest.skip(f"the package index cannot be reached: {why}")

    def checked(*arguments: object) -> None:
        done = call(*arguments)
        assert done.returncode == 0, done.stderr

    return checked


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(repository, tmp_path_factory.mktemp("source"))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Somebody's repository, with a `pipeline` and `components` of its own."""
    folder = tmp_path / "mine"
    for name in ("pipeline", "components"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("MINE = True\n")
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where environments are made, one after the other: at one path, compiled modules serve them all."""
    return tmp_path_factory.mktemp("environments")


def install(uv, wheel: Path, place: Path, extras: str = "") -> Path:
    """The folder of the commands of a new environment with the wheel."""
    venv = place / "venv"
    shutil.rmtree(venv, ignore_errors=True)
    uv("venv", "--python", sys.executable, venv)
    uv("pip", "install", "--python", venv / "bin" / "python", f"{wheel}{extras}")
    return venv / "bin"


@pytest.fixture(scope="module")
def plain(uv, wheel, place) -> Path:
    """The folder of the commands of an environment with the wheel, without extras."""
    return install(uv, wheel, place)


def run(*command: str | Path, cwd: Path) -> str:
    compiled = Path(command[0]).parents[2] / "compiled"
    env = os.environ | {"PYTHONPATH": str(cwd), "PYTHONPYCACHEPREFIX": str(compiled)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # each command would compile all libraries again
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_without_extras_doctor_train_and_tensorboard_work(plain, own) -> None:
    told = json.loads(run(plain / "perceiver", "doctor", "--json", cwd=own))
    states = {finding["what"]: finding["state"] for finding in told["findings"]}
    assert told["ok"] and states["versions"] == states["tensorflow-datasets"] == "ok"

    train = ("train", "image_classification", *SMALL, "--run-dir", "runs")
    assert "20 steps" in run(plain / "perceiver", *train, cwd=own)
    assert (own / "runs" / "preset").is_dir()
    shown = run(plain / "tensorboard", "--inspect", "--logdir", "runs/logs", cwd=own)
    assert "first_step" in shown


@pytest.mark.slow
def test_a_notebook_s_first_cells_install_the_wheel_that_is_uploaded(
    uv, wheel, plain, own, repository
) -> None:
    """Where everything but this package is installed, as TensorFlow is in Colab; of Colab, the upload is a stand-in."""
    uv("pip", "uninstall", "--python", plain / "python", "perceiver-keras")
    uv("pip", "install", "--python", plain / "python", "pip", "ipython")
    notebook = repository / "examples" / "notebooks" / "classify_your_folder.ipynb"
    run(plain / "python", "-c", FIRST_CELLS, notebook, wheel, cwd=own)
    assert (own / wheel.name).is_file()


@pytest.mark.slow
@pytest.mark.tfx
def test_with_all_extras_the_pipeline_is_built_and_starts(uv, wheel, own, place) -> None:
    commands = install(uv, wheel, place, "[pipeline,serve,text,onnx,video]")
    *_, named = run(commands / "python", "-c", FIRST_COMPONENT, cwd=own).splitlines()
    functions = ("preprocessing_fn", "run_fn")
    assert named.split() == [f"perceiver_keras.pipeline.user_module.{name}" for name in functions]
    assert list(own.glob("artifacts/TfdsExampleGen/examples/*/Split-train/*.gz"))
    train = ("train", "image_classification", *SMALL, "--run-dir", "with_extras")
    assert "20 steps" in run(commands / "perceiver", *train, cwd=own)
