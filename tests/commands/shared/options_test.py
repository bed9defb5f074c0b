"""How a configuration is made: preset, files in order, --set in order, --seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from perceiver_keras.commands.shared import options
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
    config = options.resolve(
        task, "tiny", (first, second), ("data.batch-size=7", "data.batch-size=8"), seed=3
    )
    assert (config.train.steps, config.train.learning_rate) == (20, 0.5)
    assert (config.data.batch_size, config.train.seed) == (8, 3)
    assert config.evaluate.thresholds == {"accuracy": 0.5}
    assert config.model == task.preset("tiny").config.model


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.yaml", "trane: {steps: 1}", "'trane'. Did you mean 'train'?"),
        ("a.yaml", "train: {step: 1}", "'train.step'. Did you mean 'steps'?"),
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
        options.resolve(task, "tiny", (path,), (), None)
    assert str(path) in str(raised.value) and words in str(raised.value)


def test_a_file_that_is_not_there_is_named(task, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        options.resolve(task, "tiny", (tmp_path / "none.yaml",), (), None)
