"""Places at URLs, in every command: those that can be used are, end to end; all others are refused in words.

TensorFlow's own file system in memory stands for a store: what is in it is no file of this machine.
"""

from __future__ import annotations

from pathlib import Path

import click
import pytest
import tensorflow as tf

from perceiver_keras import cli
from perceiver_keras.training import warm_start
from tests.commands.command_line import SMALL, TASK, invoke, refused, settings, told

# Which arguments are places, by what they are called in the help.
PLACES = {"RUN_DIR", "FOLDER", "FILE", "OUT", "IN", "FIRST", "SECOND", "MODEL", "PATH", "DIR"}
PLACES |= {"FILE|FOLDER", "WEIGHTS"}
FOLDER = object()  # stands for one that is there
# What a command needs besides to come as far as its places.
REST = {
    "train": [TASK], "run": [TASK], "config": [TASK], "predict": [TASK, "file.png"],
    "convert": ["--to", "keras"], "rollback": ["--because", "x"], "export": [FOLDER, FOLDER],
    "reproduce": ["sintel-clean", "--data", FOLDER, "--weights", FOLDER],
    "lineage": [FOLDER], "evaluate": [FOLDER], "compile": [TASK],
}  # fmt: skip


def _commands():
    for row in cli.COMMANDS:
        command = cli.main.get_command(None, row.name)
        if isinstance(command, click.Group):
            yield from ((f"{row.name} {name}", below) for name, below in command.commands.items())
        else:
            yield row.name, command


def _places():
    for name, command in _commands():
        for param in command.params:
            words = {param.metavar, *(param.metavar or "").split()}
            typed = isinstance(param.type, click.Path)
            if typed or words & PLACES:
                yield pytest.param(name, param, id=f"{name} {max(param.opts, key=len)}")


def test_no_path_is_taken_without_asking_whether_it_is_a_url():
    from perceiver_keras.commands.shared.options import AnyPath, LocalPath

    types = [param.type for _, command in _commands() for param in command.params]
    paths = [kind for kind in types if isinstance(kind, click.Path)]
    assert len(paths) > 20
    assert all(isinstance(kind, (AnyPath, LocalPath)) for kind in paths)


@pytest.mark.parametrize(("name", "param"), _places())
def test_a_place_that_can_not_be_reached_is_refused_and_nothing_is_made(
    name, param, tmp_path, monkeypatch
):
    (tmp_path / "here").mkdir()
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    url = "foo://bucket/x"
    rest = [str(tmp_path / "folder") if word is FOLDER else word for word in REST.get(name, [])]
    if isinstance(param, click.Option):
        option = max(param.opts, key=len)
        if option in rest:
            rest = [
                word for n, word in enumerate(rest) if option not in rest[max(n - 1, 0) : n + 1]
            ]
        words = [*name.split(), *rest, option, url]
    else:
        arguments = [p for p in cli_params(name) if isinstance(p, click.Argument)]
        given = [url if p is param else str(tmp_path / "folder") for p in arguments]
        options = [word for word in rest if word.startswith("--")]
        keep = rest[rest.index(options[0]) :] if options else []
        words = [*name.split(), *given, *keep]
    result = invoke(*words, code=2)
    assert url in result.stderr and "Traceback" not in result.stderr
    assert not list((tmp_path / "here").iterdir()), result.stderr


def cli_params(name: str) -> list[click.Parameter]:
    return dict(_commands())[name].params


@pytest.mark.parametrize(
    ("words", "variable"),
    [
        (["train", TASK, "--set", "data.data_dir=foo://bucket/x"], None),
        (["train", TASK, "--set", "train.init=foo://bucket/x"], None),
        (["train", "language_mlm", "--set", "data.sentencepiece=foo://bucket/x"], None),
        (["train", TASK], "PERCEIVER_DATA_DIR"),
    ],
)
def test_so_is_a_setting_or_a_variable(words, variable, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if variable:
        monkeypatch.setenv(variable, "foo://bucket/x")
    refused(
        *words, "--run-dir", "run", code=2, words="foo://bucket/x: TensorFlow has no file system"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["run[1]", "run*", "a?b"])
def test_the_pipeline_refuses_folders_that_are_patterns_to_tfx(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused("run", TASK, "--run-dir", name, code=2, words=f"--run-dir {name}: TFX and Beam take")
    assert not list(tmp_path.iterdir())


def test_from_training_to_answers_nothing_but_the_question_is_on_this_machine(
    tmp_path, monkeypatch, repository: Path
):
    """Data, checkpoints, logs, weights and the served model are in memory."""
    monkeypatch.chdir(tmp_path)
    store = "ram://remote_places_test"
    data = settings(f"data.data_dir={store}/data")
    run, served = f"{store}/runs/digits", f"{store}/served"
    train = ("train", TASK, *settings(*SMALL), *data, "--run-dir", run)
    assert told(*train)["model"] == f"{run}/preset"

    measured = told("evaluate", run, *settings("data.max_examples=50"))
    assert (measured["model"], measured["num_examples"]) == (run, 50)
    exported = told("export", run, served, "--version", "7", "--warmup", "0")
    assert exported["saved_model"] == f"{served}/7"

    picture = str(repository / "examples" / "samples" / "digit.png")
    of_model = told("predict", TASK, picture, "--model", served)
    of_weights = told("predict", TASK, picture, "--weights", run)
    assert of_model["model"] == f"{served}/7"
    first, second = (found["predictions"][0]["answer"] for found in (of_model, of_weights))
    assert [one["label"] for one in first] == [one["label"] for one in second]

    start = warm_start.read(run)  # as `--init` does
    assert (start.name, start.preset) == (run, "tiny")
    assert warm_start.fingerprint(run) == warm_start.fingerprint(f"{run}/preset")
    files = {f"{folder}/{name}" for folder, _, names in tf.io.gfile.walk(store) for name in names}
    wanted = ("data/perceiver_digits/1.0.0/dataset_info.json", "runs/digits/training/ckpt-4.index")
    wanted += ("runs/digits/logs/history.json", "served/7/saved_model.pb")
    assert {f"{store}/{name}" for name in wanted} <= files
    assert any("/logs/train/events.out" in name for name in files)
    assert not list(tmp_path.iterdir())
    invoke("export", run, served, "--version", "7", code=1)
