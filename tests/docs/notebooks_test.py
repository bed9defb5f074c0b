"""Every notebook of examples/notebooks runs, at a tiny size and in this process, and has its pictures."""

from __future__ import annotations

import json
import re
import runpy
import shutil
from pathlib import Path

import pytest

import perceiver_keras as pk
from tests import own_folders

ROOT = Path(__file__).absolute().parents[2]
RUNNER = runpy.run_path(str(ROOT / "scripts" / "run_notebooks.py"))
MOST_BYTES, with_values = RUNNER["MOST_BYTES"], RUNNER["with_values"]
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))
# Other values of parameters: few steps, and small models in place of the released ones.
TINY = {
    "optical_flow": {"WEIGHTS": "OpticalFlow"},
    "fill_the_gaps": {"WEIGHTS": "MaskedLanguageModel"},
    "classify_your_folder": {"STEPS": "2", "MORE_STEPS": "2"},
    "clip_in_and_out": {"WEIGHTS": "MultimodalAutoencoder"},
    "your_own_task": {"SERIES": "64", "EPOCHS": "1"},
}


def cells(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def source(cell: dict) -> str:
    return "".join(cell["source"])


def test_there_are_five() -> None:
    assert [path.stem for path in NOTEBOOKS] == sorted(TINY)


@pytest.mark.filterwarnings("ignore:Even though the `tf.config")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(
    path: Path, eager: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "examples" / "samples", tmp_path / "samples")
    here = tmp_path / "notebooks"
    here.mkdir()
    monkeypatch.chdir(here)
    values = dict(TINY[path.stem])
    if "STEPS" in values:
        values["FOLDER"] = str(own_folders.pictures(tmp_path / "mine"))
    if "WEIGHTS" in values:
        model = getattr(pk, values["WEIGHTS"]).from_preset("tiny")
        values["WEIGHTS"] = str(model.save_to_preset(tmp_path / "preset"))
    namespace: dict = {}
    for number, cell in enumerate(cells(path)):
        if cell["cell_type"] != "code":
            continue
        code = re.sub(r"^%.*$", "", source(cell), flags=re.M)
        if "parameters" in cell["metadata"].get("tags", ()):
            code = with_values(code, values)
        exec(compile(code, f"{path.name}, cell {number}", "exec"), namespace)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_been_run_and_is_small(path: Path) -> None:
    """In the order of its cells, without an error, with a picture, and without the paths of a machine."""
    assert path.stat().st_size < MOST_BYTES
    code = [cell for cell in cells(path) if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} <= {
        *("stream", "execute_result", "display_data")
    }
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not re.search(r"/(tmp|root|home|work)/", json.dumps(outputs))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_begins_with_a_title_and_the_set_up(path: Path) -> None:
    title, set_up, *rest = cells(path)
    assert source(title).startswith("# ")
    assert source(set_up) == source(cells(NOTEBOOKS[0])[1])
    assert '"pip"' in source(set_up) and not any('"pip"' in source(cell) for cell in rest)


def test_parameters_are_replaced_by_name_and_kept_otherwise() -> None:
    code = 'WEIGHTS = "deepmind"\nSTEPS = 600'
    assert with_values(code, {"STEPS": "2"}) == 'WEIGHTS = "deepmind"\nSTEPS = 2'
    assert with_values(code, {"WEIGHTS": "a/b"}) == "WEIGHTS = 'a/b'\nSTEPS = 600"
