"""Every block of code of README and docs runs, in the order of its page, in a folder with what its reader has.

Python is executed as it stands. Commands run in this process, as they stand but for two. `train --data` takes two
steps, with a small model and without graphs. Of `run`, and of training on the embedded data, at full size or from
weights, the data, the weights and the settings are found and compared, by `perceiver config` with the same options:
tests/pipeline runs pipelines, tests/commands the command and `--init`, examples_test.py trains every task. The
released weights are the parity fixtures', official files of small models, in the cache of downloads.
"""

from __future__ import annotations

import base64
import json
import pickle
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

import perceiver_keras as pk
from perceiver_keras.config_tree import override
from perceiver_keras.convert.download import DEEPMIND_FILES, HUGGINGFACE_REPOSITORIES
from perceiver_keras.serve import Servable
from perceiver_keras.server.settings import ModelSource
from perceiver_keras.tasks import registry, run_folder
from tests import own_folders
from tests.commands.command_line import eagerly, invoke, settings
from tests.commands.conftest import export, exported, pictures, trained  # noqa: F401
from tests.docs.blocks import blocks, commands, pages
from tests.parity.fixtures import Fixture
from tests.server.running import running

ROOT = Path(__file__).absolute().parents[2]

# What is not run, by words of the command or of the Python block, and why.
NOT_RUN = {
    "tfx ": "minutes; tests/pipeline/local_runner_test.py runs the same file",
    "pipeline.airflow_runner": "a DAG; tests/pipeline/airflow_runner_test.py compiles it",
    "airflow ": "an environment of its own; scripts/try_airflow.sh",
    "tensorflow_model_server": "its binary is no dependency; its request is checked below",
    "docker": "an image to download",
    "saved_model_cli": "TensorFlow's own tool; the page's Python asks for the same",
    "tfds build": "GLUE, to download",
    "--init deepmind": "the released weights at full size; tests/tasks/transfer_test.py has small ones",
    "--init huggingface": "the same",
    "perceiver run image_classification --beam-runner": "a cluster; tests/components use Beam",
    "perceiver run image_classification --preset imagenet": "ImageNet",
    "perceiver train image_classification --preset imagenet": "pictures for weeks; the model's size",
    "--data 'pictures/{SPAN}'": "data that grows; tests/commands/shared/span_test.py",
    "gs://": "a bucket; tests/commands/remote_places_test.py has a store in memory",
    "--metadata mysql": "a server; tests/pipeline has tests with one",
    "perceiver run glue --preset": "GLUE itself; tests/tasks/glue has small copies",
    "perceiver run text_classification --set data.dataset=": "to download; tests/tasks has copies",
    "perceiver train text_classification --set data.dataset=": "to download",
    "perceiver reproduce ": "data under licences; tests/reproduce_test.py has small copies",
    "perceiver train digit_value": "tests/docs/add_a_task_test.py makes this task",
    "perceiver run digit_value": "tests/docs/add_a_task_test.py makes this task",
    "perceiver train TASK": "a form; examples of it follow",
    "perceiver run TASK": "a form",
    "perceiver benchmark": "minutes to hours; tests/commands/benchmark_test.py has two cases",
    "make bench": "hours",
    "perceiver_keras.benchmarks.serve": "minutes; tests/benchmarks/serve_test.py has a tiny one",
    "perceiver serve": "a server that stays; tests/commands/serve_test.py starts and asks it",
    "--server localhost": "a server; tests/commands/shared/predictor_test.py has one",
    "perceiver launch": "processes of their own; tests/commands/launch_test.py",
    "perceiver compile": "TFX; tests/commands/compile_test.py",
    "docker build": "what its file says is tested in tests/deploy/image_test.py",
    "perceiver lineage ": "a finished pipeline; tests/commands/lineage_test.py",
    "perceiver compare ": "two of them; tests/commands/compare_test.py",
    "perceiver rollback ": "two versions; tests/commands/rollback_test.py",
    "perceiver schema ": "a finished pipeline; tests/commands/schema_test.py",
    "perceiver evaluate FOLDER": "a form; tests/commands/evaluate_test.py",
    '"digit_value"': "tests/docs/add_a_task_test.py",
    "write_predictions": "GLUE itself; tests/tasks/glue/submission_test.py",
}
# Two steps on a few examples, with a small model.
SHORT = (
    *("train.steps=2", "train.log_every=2", "train.evaluate_every=2", "train.checkpoint_every=2"),
    *("train.warmup_steps=1", "data.max_examples=40", "model.process.num_self_attention_layers=1"),
)
PAGES = [name for name in pages(ROOT) if blocks((ROOT / name).read_text(encoding="utf-8"))]


@pytest.fixture(scope="module")
def things(tmp_path_factory, pictures) -> Path:  # noqa: F811
    """What the pages speak of: files of the user's own, and released weights, also in the cache of downloads."""
    folder = tmp_path_factory.mktemp("things")
    (folder / "examples").symlink_to(ROOT / "examples")
    own_folders.pictures(folder / "my_pictures")
    own_folders.sounds(folder / "my_sounds")
    own_folders.texts(folder / "reviews.csv")
    shutil.copytree(pictures, folder / "photos")
    (folder / "mine.yaml").write_text("train:\n  learning_rate: 0.002\n")
    (folder / "frames").mkdir()
    for number in (1, 2):
        shutil.copy(ROOT / "examples" / "samples" / f"frame{number}.png", folder / "frames")
    own_folders.videos(folder, 1, frames=2, labelled=False)
    shutil.copy(folder / "0.mp4", folder / "video.mp4")
    shutil.move(folder / "0.mp4", folder / "street.mp4")
    own_folders.pairs(folder / "pairs", 1, 2)
    shutil.copy(folder / "pairs" / "seq0" / "0000.flo", folder / "a.flo")
    for preset, name in DEEPMIND_FILES.items():
        path = folder / "cache" / "deepmind" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(Fixture("deepmind", preset).tree))
        shutil.copy(path, folder)
    for preset in ("language_mlm_bytes", "imagenet_fourier_position_encoding", "optical_flow"):
        repository = Path(HUGGINGFACE_REPOSITORIES[preset]).name
        stored = Fixture("huggingface", preset).path
        copied = folder / "cache" / "huggingface" / repository
        copied.mkdir(parents=True)
        shutil.copy(stored.with_suffix(".safetensors"), copied / "model.safetensors")
        shutil.copy(stored.with_suffix(".config.json"), copied / "config.json")
        shutil.copytree(copied, folder / repository)
    return folder


@pytest.fixture
def provide(trained, exported):  # noqa: F811
    """Makes the run folders that a snippet names: of digits, trained ones; of other tasks, untrained models."""

    def make(code: str) -> None:
        for name in re.findall(r"(?<!--run-dir )\bruns/(\w+)", code) + ["digits"] * (
            "curl" in code or "Client(" in code
        ):
            run = Path("runs", name)
            if run.exists():
                continue
            if name == "digits":
                shutil.copytree(exported, run / "pushed")
                (run / "run.json").write_text(json.dumps({"blessed": True}))
                run_folder.keep_blessed(run, Path(trained["model"]), "3")
            elif name == "train_image_classification":
                shutil.copytree(Path(trained["model"]).parent, run)
            elif name == "pairs":
                model = pk.TextClassifier.from_preset("tiny")
                pairs = override(model.task_config, "data.text2=second")
                model.save_to_preset(run / "preset", task_config=pairs)
            else:
                task = registry.get(name.removeprefix("train_"))
                task.model.from_preset("tiny").save_to_preset(run / "preset")

    return make


def snippets(page: str) -> list[tuple[int, str, str]]:
    """(line, kind, code) of each Python block, and of each command of a shell block, in the page's order."""
    found = []
    for block in blocks((ROOT / page).read_text(encoding="utf-8")):
        if block.kind == "python":
            found.append((block.line, "python", block.text))
        elif block.kind == "shell":
            found += [(line, "shell", command) for line, command in commands(block)]
    return found


def run_python(code: str, page: str, namespace: dict) -> None:
    """Executes it as it stands, but for a client's server: that is one with the digits, on another port."""
    if "Client(" not in code:
        exec(compile(code, page, "exec"), namespace)
        return
    digits = ModelSource(name="digits", base_path=str(Path("runs/digits/pushed").absolute()))
    with running([digits]) as server:
        code = code.replace("localhost:8500", server.addresses[0])
        exec(compile(code, page, "exec"), namespace)


def run_command(command: str) -> None:
    """Runs one command line of a page in the present folder; it must succeed."""
    if command.startswith("make"):
        words = ["make", "-n", *shlex.split(command)[1:]]
        subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    elif command.startswith("curl"):
        ask_served(command)
    else:
        shown, _, rest = command.rpartition(" | ")
        given = Path(shown.removeprefix("cat ")).read_bytes() if shown else None
        program, *words = shlex.split(rest)
        assert Path(program).name == "perceiver", command
        words = as_short(words)
        if words[0] == "train" and "--dry-run" not in words:
            train_once(words)
        else:
            invoke(*words, input=given)


TRAINED: dict[tuple[str, ...], Path] = {}  # command -> its run folder


def train_once(words: list[str]) -> None:
    """Trains; of a command that stands on two pages, the second time with the first one's run folder."""
    command = tuple(word.rstrip("/") for word in words)
    named = "--run-dir" in words
    run = Path(words[words.index("--run-dir") + 1] if named else f"runs/train_{words[1]}")
    if command in TRAINED:
        shutil.copytree(TRAINED[command], run)
        return
    with eagerly():
        invoke(*words)
    TRAINED[command] = run.absolute()


def as_short(words: list[str]) -> list[str]:
    """The words of a command, without what takes minutes."""
    if words[0] == "run" or words[0] == "train" and "--data" not in words or "--init" in words:
        kept = re.sub(r" --run-dir \S+", "", shlex.join(words[1:]))
        return ["config", *shlex.split(kept)]
    if words[0] == "train" and "--dry-run" not in words:
        return [*words, *settings(*SHORT)]
    return words


def ask_served(command: str) -> None:
    """What `curl` would send, as the shell writes it, to the served model without a server."""
    body = re.search(r"-d (\".*\") ", command)[1]
    said = subprocess.run(["bash", "-c", f"printf %s {body}"], capture_output=True, check=True)
    (instance,) = json.loads(said.stdout)["instances"]
    picture = base64.b64decode(instance["image_bytes"]["b64"])
    answer = Servable("runs/digits/pushed").predict("serving_default", image_bytes=[picture])
    assert answer["probabilities"].shape == (1, 10)


@pytest.mark.parametrize("page", PAGES)
def test_snippets_run(page: str, things: Path, provide, tmp_path: Path, monkeypatch) -> None:
    here = shutil.copytree(things, tmp_path / "here", symlinks=True)
    monkeypatch.chdir(here)
    monkeypatch.setenv("PERCEIVER_CACHE", str(here / "cache"))
    namespace: dict = {}
    for line, kind, code in snippets(page):
        if any(words in code for words in NOT_RUN):
            continue
        provide(code)
        try:
            if kind == "python":
                run_python(code, page, namespace)
            else:
                run_command(code)
        except Exception as error:
            raise AssertionError(f"{page}, line {line}: {code}") from error


def test_what_is_not_run_is_on_a_page() -> None:
    every = [code for page in PAGES for _, _, code in snippets(page)]
    assert [words for words in NOT_RUN if not any(words in code for code in every)] == []


def test_no_command_is_taken_for_a_text() -> None:
    texts = [
        (page, block.line)
        for page in PAGES
        for block in blocks((ROOT / page).read_text(encoding="utf-8"))
        if block.kind == "text"
        and re.search(r"^(\$ )?(\S*/)?(perceiver|make|import|from) ", block.text, re.M)
    ]
    assert texts == []
