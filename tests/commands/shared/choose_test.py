"""How a configuration is made: preset, files in order, --set in order, --seed."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from perceiver_keras.commands.shared import choose
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import registry


@pytest.fixture(scope="module")
def task():
    return registry.get("image_classification")


def test_later_settings_win(task, tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.json"
    first.write_text(
        "train: {steps: 10, learning_rate: 0.5}\nevaluate:\n  thresholds: {accuracy: 0.5}\n"
    )
    second.write_text('{"train": {"steps": 20}}')
    config = choose.choose(
        task, "tiny", (first, second), ("data.batch-size=7", "data.batch-size=8"), seed=3
    ).config
    assert (config.train.steps, config.train.learning_rate) == (20, 0.5)
    assert (config.data.batch_size, config.train.seed) == (8, 3)
    assert config.evaluate.thresholds == {"accuracy": 0.5}
    assert config.model == task.preset("tiny").config.model


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.yaml", "trane: {steps: 1}", "'trane'. Did you mean 'train'?"),
        ("a.yaml", "train: {step: 1}", "'train.step'. Did you mean 'train.steps'?"),
        ("a.yaml", "train: {steps: many}", "train.steps: expected int, got 'many'"),
        ("a.yaml", "train: [", "not valid YAML"),
        ("a.json", "{", "not valid JSON"),
        ("a.yaml", "just words", "expected sections"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(task, tmp_path, name, text, words) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(UsageError) as raised:
        choose.choose(task, "tiny", (path,), (), None)
    assert str(path) in str(raised.value) and words in str(raised.value)


def test_a_file_that_is_not_there_is_named(task, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        choose.choose(task, "tiny", (tmp_path / "none.yaml",), (), None)


def test_settings_come_between_the_preset_and_the_file(task, tmp_path: Path, monkeypatch) -> None:
    """What the data determines is a layer: a file and --set win over it."""
    monkeypatch.setenv("PERCEIVER_DATA_DIR", str(tmp_path / "data"))
    for number in range(12):
        path = tmp_path / "mine" / "abc"[number % 3] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 10), (number * 20, 0, 255)).save(path)
    data = str(tmp_path / "mine")
    chosen = choose.choose(task, "tiny", (), (), None, data)
    config, layers, found = chosen.config, chosen.layers, chosen.found
    assert (config.model.num_classes, config.model.channels) == (3, 3)
    assert config.model.image_size == (10, 20) and config.data.dataset == found.dataset
    assert layers[0][0] == f"--data {data}"
    mine = tmp_path / "a.yaml"
    mine.write_text("model: {image_size: [8, 8]}")
    config = choose.choose(task, "tiny", (mine,), ("data.test_split=train",), None, data).config
    assert config.model.image_size == (8, 8) and config.data.test_split == "train"
    assert not (tmp_path / "data" / "own_data" / found.dataset.split("/")[1]).exists()


def test_data_that_is_not_there_is_named(task) -> None:
    with pytest.raises(UsageError, match="no such file or folder"):
        choose.choose(task, "tiny", (), (), None, "/nowhere/at/all")


def test_fine_tuning_comes_after_the_preset_and_the_weights_needs_after_the_data(
    task, tmp_path: Path
) -> None:
    import perceiver_keras as pk

    small = ("model.encode.num_latents=3", "model.process.num_self_attention_layers=1")
    config = task.configure("tiny", overrides=(*small, "data.mean=[100]"))
    folder = task.build(config).save_to_preset(tmp_path / "p", task_config=config, preset="tiny")
    chosen = choose.choose(task, "tiny", (), (), None, init=str(folder))
    assert chosen.config.train.init == str(folder)
    # The sizes and the normalisation of the run it starts from.
    assert chosen.config.model.encode.num_latents == 3
    assert chosen.config.data.mean == (100.0,)
    assert [name for name, _ in chosen.layers][0] == "the recipe for fine-tuning"
    mine = choose.choose(
        task, "tiny", (), ("train.steps=7", "data.mean=[1]", "model.encode.num_latents=4"), None,
        init=str(folder),
    ).config  # fmt: skip
    assert (mine.train.steps, mine.data.mean, mine.model.encode.num_latents) == (7, (1.0,), 4)
    assert pk.load(folder).config == config.model
