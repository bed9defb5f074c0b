"""Models and settings that a command's arguments name: preset folders, run folders, files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from perceiver_keras.commands.shared import options
from perceiver_keras.errors import PerceiverError, UsageError
from tests.commands.command_line import TASK, refused
from tests.commands.three_ways import answers
from tests.parity.fixtures import downloaded


def test_a_preset_folder_is_read_with_its_settings(trained: dict) -> None:
    folder = Path(trained["model"])
    task, config, found = options.read_preset_folder(folder, TASK, ("data.max_examples=3",))
    assert (task.name, config.data.max_examples, found) == (TASK, 3, folder)
    assert config.train.seed == 5 and options.read_about(found)["preset"] == "tiny"


def test_of_a_run_folder_the_model_is_taken_and_named(
    trained: dict, tmp_path: Path, capsys
) -> None:
    shutil.copytree(trained["model"], tmp_path / "run" / "preset")
    assert options.read_preset_folder(tmp_path / "run")[2] == tmp_path / "run" / "preset"
    assert f"Taking {tmp_path / 'run' / 'preset'}" in capsys.readouterr().err


def test_what_is_no_model_or_another_s_is_refused(trained: dict, tmp_path: Path) -> None:
    folder = Path(trained["model"])
    with pytest.raises(UsageError, match="holds a model for image_classification, not for glue"):
        options.read_preset_folder(folder, "glue")
    with pytest.raises(UsageError, match="model.num_classes=3: the model and train settings"):
        options.read_preset_folder(folder, TASK, ("model.num_classes=3",))
    with pytest.raises(PerceiverError, match="is not a folder; name a run folder"):
        options.read_preset_folder(tmp_path / "none")
    with pytest.raises(PerceiverError, match="is not a preset folder: it lacks"):
        options.read_preset_folder(tmp_path)


def test_a_repository_of_the_hub_is_its_preset_with_its_weights() -> None:
    """Wherever `--preset` and `--init` stand, unless `--init` names other weights."""

    @click.command()
    @options.config_options
    def command(**given: object) -> None:
        click.echo(json.dumps([given["preset"], given["init"]]))

    def chosen(*words: str) -> list[str | None]:
        return json.loads(CliRunner().invoke(command, words).stdout)

    hub = "deepmind/vision-perceiver-conv"
    preset = "imagenet_conv_preprocessing"
    assert chosen("--preset", hub) == [preset, f"huggingface/{preset}"]
    assert chosen("--init", "local", "--preset", hub) == [preset, "local"]
    assert chosen("--preset", preset) == [preset, None]
    wrong = CliRunner().invoke(command, ["--preset", "deepmind/vision-perceiver"])
    assert isinstance(wrong.exception, UsageError)


def test_weights_of_another_task_are_refused_before_they_are_downloaded() -> None:
    with pytest.raises(UsageError, match="optical_flow is not a model for language_mlm"):
        options.load_weights("deepmind/optical-flow-perceiver", "language_mlm")
    with pytest.raises(UsageError, match="weights of imagenet_conv_preprocessing, not of"):
        options.load_weights(
            "deepmind/vision-perceiver-conv",
            "image_classification",
            "imagenet_fourier_position_encoding",
        )


def test_a_repository_is_no_folder_and_can_be_made_one() -> None:
    with pytest.raises(UsageError, match="`perceiver convert deepmind/language-perceiver FOLDER"):
        options.read_preset_folder(Path("deepmind/language-perceiver"))


def test_a_repository_of_the_hub_is_a_model_by_each_option(tmp_path, monkeypatch):
    downloaded("language_mlm_bytes", tmp_path)
    monkeypatch.setenv("PERCEIVER_CACHE", str(tmp_path))
    hub = "deepmind/language-perceiver"
    asked = ("language_mlm", "An incomplete sent[MASK]nce.")
    wanted = answers(*asked, "--weights", "huggingface")
    for words in (
        ("--weights", hub),
        ("--weights", f"https://huggingface.co/{hub}"),
        ("--model", hub),
        ("--preset", hub, "--weights", hub),
    ):
        assert answers(*asked, *words) == wanted
    other = ("--preset", hub, "--weights", "deepmind/optical-flow-perceiver")
    refused("predict", *asked, *other, code=2, words="has the weights of optical_flow, not of")


@pytest.mark.parametrize("kind", [options.AnyName, options.LocalName])
def test_the_address_of_a_repository_is_its_name(kind) -> None:
    name = "deepmind/optical-flow-perceiver"
    assert kind().convert(f"https://huggingface.co/{name}", None, None) == name
    assert kind().convert(name, None, None) == name


def test_a_yaml_file_may_say_numbers_as_people_do(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("train: {learning_rate: 1e-3, jit_compile: on}\n")
    ((name, tree),) = options.read_config_files((file,))
    assert name == str(file)
    assert tree == {"train": {"learning_rate": 0.001, "jit_compile": "on"}}


@pytest.mark.parametrize("kind", [options.AnyPath, options.LocalPath])
def test_a_file_url_is_the_local_path_in_it(kind):
    assert kind().convert("file:///a/b.onnx", None, None) == Path("/a/b.onnx")
    assert kind().convert("a/b", None, None) == Path("a/b")
