"""`perceiver init`: a repository whose test passes, for every task, and nothing of anyone's overwritten."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from perceiver_keras.tasks import registry
from tests.commands.command_line import invoke, refused, told

ROOT = Path(__file__).absolute().parents[2]
FILES = {
    *("README.md", "requirements.txt", ".gitignore", "local_runner.py"),
    *(f"pipeline/{name}.py" for name in ("__init__", "configs", "pipeline", "pipeline_test")),
}


@pytest.mark.parametrize("task", registry.names())
def test_every_task_s_repository_is_whole_and_compiles(task: str, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    said = told("init", folder, "--task", task.replace("_", "-"))
    assert (said["task"], said["preset"], set(said["files"])) == (task, "tiny", FILES)
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert found == FILES
    for name in FILES:
        text = (folder / name).read_text()
        assert not re.search(r"\$\{?[a-z_]+", text), "a word was not filled in"
        if name.endswith(".py"):
            compile(text, name, "exec")
    shown = dict.fromkeys(re.findall(r'"evaluate\.thresholds\.(\S+)=', _configs(folder)))
    assert list(shown) == [next(iter(registry.get(task).preset("tiny").config.evaluate.thresholds))]


def _configs(folder: Path) -> str:
    return (folder / "pipeline" / "configs.py").read_text()


def test_its_code_is_as_ruff_wants_it(tmp_path: Path) -> None:
    invoke("init", tmp_path / "mine", "--task", "glue")
    for check in (["check", "--select", "E,F,B,UP,SIM"], ["format", "--check"]):
        words = [sys.executable, "-m", "ruff", *check, "--line-length", "100", "--isolated"]
        done = subprocess.run([*words, str(tmp_path / "mine")], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_its_test_passes(tmp_path: Path) -> None:
    """But for the graph, which takes TFX half a minute: tests/pipeline has graphs."""
    invoke("init", tmp_path / "my_digits", "--task", "image_classification")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-k", "not graph"],
        cwd=tmp_path / "my_digits",
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed, 1 deselected" in done.stdout


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    words = "is not empty; name a new folder, nothing is overwritten"
    (tmp_path / "mine.txt").write_text("mine")
    refused("init", tmp_path, "--task", "glue", code=2, words=words)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    refused("init", tmp_path / "mine.txt", "--task", "glue", code=2, words="is a file")
    (tmp_path / "empty").mkdir()
    invoke("init", tmp_path / "empty", "--task", "glue")
    assert (tmp_path / "empty" / "README.md").read_text().startswith("# empty\n")


def test_the_folder_one_is_in_is_filled_and_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    invoke("init", ".", "--task", "glue")
    assert {path.split("/")[0] for path in FILES} == set(os.listdir("."))


@pytest.mark.parametrize("place", [".", "../mine"])
def test_a_new_git_repository_is_empty(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    monkeypatch.chdir(folder)
    before = (folder / ".git" / "HEAD").read_bytes()
    invoke("init", place, "--task", "glue")
    assert {path.split("/")[0] for path in FILES} | {".git"} == set(os.listdir("."))
    assert (folder / ".git" / "HEAD").read_bytes() == before
    refused("init", place, "--task", "glue", code=2, words="is not empty")


@pytest.mark.parametrize("name", ["with space", "-dash", "ünï", "$HOME `id`", "new\nline", "class"])
def test_the_next_commands_reach_a_folder_of_any_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = invoke("init", "--task", "glue", "--", name).stdout
    shell, _, _ = said.partition("Next: ")[2].partition(" && ")
    done = subprocess.run(["sh", "-c", f"{shell} && cat README.md"], capture_output=True, text=True)
    assert done.stdout.startswith(f"# {name}"), done.stderr


def test_a_name_that_no_folder_can_have_is_named(tmp_path: Path) -> None:
    refused("init", tmp_path / ("a" * 300), "--task", "glue", code=2, words="File name too long")


def test_other_tasks_and_presets_are_named(tmp_path: Path) -> None:
    refused("init", tmp_path / "a", "--task", "glu", code=2, words="Did you mean 'glue'?")
    words = "glue has no preset 'small'"
    refused("init", tmp_path / "a", "--task", "glue", "--preset", "small", code=2, words=words)
    assert not (tmp_path / "a").exists()
