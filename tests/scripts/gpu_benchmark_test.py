"""What of the GPU benchmark needs no GPU and no JAX: graphs are lowered, and the page is made from the results."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from tensorflow.compiler.xla.service import hlo_pb2

from perceiver_keras.tasks import registry


@pytest.fixture
def scripts(repository: Path, monkeypatch) -> Path:
    folder = repository / "scripts" / "gpu_benchmark"
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.mark.parametrize("kind", ["forward", "train"])
def test_weights_are_arguments_of_the_lowered_graph(scripts: Path, kind: str) -> None:
    import lower

    task = registry.get("image_classification")
    config = task.presets["tiny"].config
    train = dataclasses.replace(config.train, optimizer="adamw")
    lowered = lower.lowerer(task, dataclasses.replace(config, train=train), kind, "float32")(3)
    module = hlo_pb2.HloModuleProto.FromString(lowered.hlo)
    shapes = [list(shape.dimensions) for shape in module.host_program_shape.parameters]
    assert shapes == [argument["shape"] for argument in lowered.arguments]
    assert lowered.arguments[0]["kind"] == "input" and shapes[0][0] == 3
    weights = sum(argument["kind"] == "weight" for argument in lowered.arguments)
    model = task.build(config).build_all()
    # A forward pass does not read the seeds of dropout.
    assert weights == len(model.trainable_weights if kind == "forward" else model.weights)
    assert len(lowered.hlo) < 3_000_000  # 122,630 float32 weights alone are 490 kB


def test_the_page_is_made_from_the_results_next_to_it(scripts: Path, tmp_path: Path) -> None:
    results = scripts.parents[1] / "benchmarks" / "results" / "gpu_h100"
    subprocess.run(
        [
            *(sys.executable, scripts / "report.py", results.with_suffix(".json")),
            *("--out", tmp_path / "page"),
        ],
        check=True,
    )
    for suffix in (".md", ".json"):
        made = (tmp_path / "page").with_suffix(suffix)
        assert made.read_text() == results.with_suffix(suffix).read_text()
