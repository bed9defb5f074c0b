"""The check of an engine: it notices what differs, and Beam's own engines keep the order of several files."""

from __future__ import annotations

import copy
import importlib.util
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tfx.dsl.components.base import base_beam_executor
from tfx.types import standard_artifacts

from perceiver_keras.components.tfds_example_gen import TfdsExampleGen, TfdsExampleGenExecutor
from perceiver_keras.data.store import source

pytestmark = pytest.mark.tfx
_SCRIPT = Path(__file__).parents[2] / "scripts" / "engine_check.py"
_SPEC = importlib.util.spec_from_file_location("engine_check", _SCRIPT)
check = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(check)
FOUND = {
    "examples of train": [b"a", b"b", b"c"],
    "statistics of train": {"datasets": [{"mean": 0.5, "name": "x", "nothing": float("nan")}]},
    "schema": "feature { }",
    "evaluation": {"metrics": {"accuracy": {"value": 0.9, "low": 0.8}}},
}


def test_a_run_is_the_same_as_itself() -> None:
    assert set(check.compare(FOUND, copy.deepcopy(FOUND)).values()) == {""}


@pytest.mark.parametrize(
    "name, value, told",
    [
        ("examples of train", [b"a", b"c", b"b"], "3 and 3 records, in another order"),
        ("examples of train", [b"a", b"b"], "3 and 2 records, not the same"),
        ("examples of train", [b"a", b"b", b"d"], "3 and 3 records, not the same"),
        ("examples of train", None, "missing"),
        ("schema", "feature { x }", ": feature { } and feature { x }"),
        ("evaluation", {"metrics": {}}, "metrics.accuracy: {'value': 0.9"),
        ("evaluation", {"metrics": {"accuracy": {"value": 0.9001, "low": 0.8}}}, "0.9 and 0.9001"),
        ("statistics of train", {"datasets": []}, "datasets: 1 and 0"),
        ("fingerprints of test", [b"a"], "missing"),
    ],
)
def test_what_differs_is_told(name: str, value: object, told: str) -> None:
    found = check.compare(FOUND, FOUND | {name: value})
    assert told in found[name] and found[name]
    assert {what for what, how in found.items() if how} == {name}


@given(st.floats(1e-3, 1e3), st.floats(1e-5, 1.0))
def test_numbers_may_differ_in_the_last_digits_only(value: float, share: float) -> None:
    assert check.differences({"a": [value]}, {"a": [value * (1 + 1e-8)]}) == []
    assert check.differences({"a": [value]}, {"a": [value * (1 + share)]}) != []


def test_the_error_of_a_metric_may_differ_by_a_millionth_of_the_metric() -> None:
    """It is a small difference of large sums: rounding them changes more of it than of them."""
    one = {"value": 2.0, "error": 0.025}
    assert check.differences(one, one | {"error": 0.025 + 1e-6}) == []
    assert check.differences(one, one | {"error": 0.025 + 4e-6}) != []
    assert check.differences(one, one | {"value": 2.0 + 4e-6}) != []


def test_each_engine_gets_its_arguments() -> None:
    more = ("parallelism=4", "--flink_version=1.17")
    assert check.arguments("FlinkRunner", "host:1", "EXTERNAL", more) == [
        *("--runner=FlinkRunner", "--job_endpoint=host:1", "--environment_type=EXTERNAL"),
        *("--parallelism=4", "--flink_version=1.17"),
    ]
    assert check.arguments("DirectRunner", None, "LOOPBACK", ()) == ["--runner=DirectRunner"]
    with pytest.raises(SystemExit, match="no folder of this machine"):
        check.arguments("DataflowRunner", None, "LOOPBACK", ())


def examples(folder: Path, data_dir: str, beam_args: list[str]) -> dict[str, list[bytes]]:
    """What the component writes on an engine, per split and in order."""
    splits = {"train": "train[:900]", "test": "test+validation"}
    component = TfdsExampleGen(dataset="perceiver_digits", data_dir=data_dir, splits=splits)
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder / "examples" / "1")
    os.makedirs(artifact.uri)
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=beam_args, tmp_dir=str(folder / "tmp"), unique_id="1"
    )
    TfdsExampleGenExecutor(context).Do({}, {"examples": [artifact]}, component.exec_properties)
    return {
        split: check.records(sorted(Path(artifact.uri, f"Split-{split}").glob("*")))
        for split in splits
    }


def test_examples_of_several_files_are_the_same_here_and_on_beam_s_job_server(tmp_path) -> None:
    data_dir = check.prepare(tmp_path / "data", 4)
    builder = source.open_builder("perceiver_digits", data_dir)
    assert builder.info.splits["train"].num_shards == 4
    expected = {
        "train": list(source.serialized_examples(builder, "train[:900]")),
        "test": list(source.serialized_examples(builder, "test+validation")),
    }
    # Two processes are left to `make engine-check`: each imports everything anew.
    with check.own_server(tmp_path) as endpoint:
        portable = check.arguments("PortableRunner", endpoint, "LOOPBACK", ())
        assert examples(tmp_path / "here", data_dir, []) == expected
        assert examples(tmp_path / "server", data_dir, portable) == expected
