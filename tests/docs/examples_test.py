"""Every example runs, at a few steps on a few examples, and prints its metrics, the trivial guess and some answers."""

from __future__ import annotations

import dataclasses
import re
import runpy
from pathlib import Path

import pytest

from perceiver_keras.config_tree import override
from perceiver_keras.tasks import registry

# What each script prints of its answers, in numbers of its own.
ANSWERS = {
    "audio_classification": (r"^[a-z ,]+ -> (?:[a-z ]+ \d+%(?:, )?){3}$", 3),
    "glue": (r"^(?:cola|rte) .* -> \[\{'label': '\w+', 'score': [\d.]+\}\]$", 2),
    "image_classification": (r"^a digit that is a \d -> (?:\d [\d.]+%(?:, )?){3}$", 3),
    "language_mlm": (r"^0\.\d{3}  Return the len.+th of the list\.$", 3),
    "multimodal_autoencoding": (r"^rebuilt as .*\.mp4 with the label \{'label': '\w+', .*\}$", 3),
    "optical_flow": (r"^the first test pair, drawn: .*flow\.png$", 1),
    "starcraft_entities": (r"^attacks unit \d, predicted \d; wins with \d+%$", 3),
    "text_classification": (r"^[A-Z].*\. -> (?:[a-z]+ [\d.]+%(?:, )?){3}$", 3),
    "token_classification": (r"^  [a-z]+ +[\d.]+%  ", 1),
}


def test_every_task_has_an_example(repository: Path) -> None:
    scripts = {path.stem for path in (repository / "examples").glob("*.py")}
    assert scripts == set(registry.names()) == set(ANSWERS)


@pytest.mark.filterwarnings("ignore:Even though the `tf.config")
@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_an_example_runs(
    name: str,
    eager: None,
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    task = registry.get(name)
    tiny = task.preset("tiny")
    config = override(tiny.config, "data.max_examples=100")
    monkeypatch.setitem(task.presets, "tiny", dataclasses.replace(tiny, config=config))
    script = str(repository / "examples" / f"{name}.py")
    monkeypatch.setattr("sys.argv", [script, "--steps", "2", "--folder", str(tmp_path)])
    runpy.run_path(script, run_name="__main__")
    printed = capsys.readouterr().out

    row = r"^(\w+) +(-?[\d.]+)  (?:\(trivial guess: (-?[\d.]+)\))?$"
    rows = {metric: guess for metric, _, guess in re.findall(row, printed, re.M)}
    assert list(rows) == ["loss", *(metric.name for metric in task.measures.metrics(config))]
    assert config.evaluate.thresholds.keys() <= {metric for metric, guess in rows.items() if guess}

    pattern, least = ANSWERS[name]
    assert len(re.findall(pattern, printed, re.M)) >= least, printed
    assert (tmp_path / "preset" / "model.weights.h5").exists()
    for file in re.findall(r"\S+\.(?:mp4|png)", printed):
        assert Path(file).stat().st_size > 1000
