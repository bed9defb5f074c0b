"""Settings become a DAG file that says all that Airflow needs, and needs no Airflow itself."""

import ast
import json
from pathlib import Path

import pytest
from tfx.dsl.compiler.compiler import Compiler

from perceiver_keras.errors import UsageError
from perceiver_keras.pipeline.airflow_runner import (
    AirflowSettings,
    components_of,
    dag_file,
    main,
)
from perceiver_keras.pipeline.pipeline import create_pipeline
from perceiver_keras.pipeline.settings import PipelineSettings

pytestmark = pytest.mark.tfx

SEARCH = 'train.search={"train.learning_rate": [0.001, 0.002]}'


def arguments_of(text: str) -> dict:
    """What a DAG file calls `dag` with; all of it is constants."""
    (call,) = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    return {word.arg: ast.literal_eval(word.value) for word in call.keywords}


def compiled(folder: Path, *more: str) -> dict:
    output = folder / "digits.py"
    given = ["image_classification", "--run-dir", str(folder / "run"), "-o", str(output), *more]
    assert main(given) == 0
    return arguments_of(output.read_text())


def test_the_file_has_the_settings_and_the_graph_that_the_local_runner_runs(tmp_path):
    more = ("--set", "train.steps=50", "--schedule", "0 3 * * *", "--retries", "4")
    found = compiled(tmp_path, *more, "--concurrency", "2", "--dag-id", "digits")
    graph, request = found.pop("components"), found.pop("request")
    assert found == {
        "dag_id": "digits",
        "schedule": "0 3 * * *",
        "start": "2024-01-01",
        "retries": 4,
        "retry_minutes": 5.0,
        "concurrency": 2,
    }
    assert request["overrides"] == ["train.steps=50"]
    assert request["run_dir"] == str(tmp_path / "run")
    assert not (tmp_path / "run").exists()

    settings = PipelineSettings.create("image_classification", run_dir=tmp_path / "run")
    pipeline = create_pipeline(settings)
    assert graph.keys() == {component.id for component in pipeline.components}
    for component in pipeline.components:
        assert graph[component.id] == sorted(above.id for above in component.upstream_nodes)
    order = [node.pipeline_node.node_info.id for node in Compiler().compile(pipeline).nodes]
    assert list(graph) == order


def test_a_search_is_a_task_of_the_graph(tmp_path):
    request = {
        "task": "image_classification",
        "run_dir": str(tmp_path),
        "overrides": [SEARCH],
    }
    graph = components_of(request)
    assert "Tuner" in graph["Trainer"] and graph["Tuner"]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("dag_id", "two words", "letters, digits"),
        ("schedule", "daily", "five fields of cron"),
        ("schedule", "0 3 * *", "five fields of cron"),
        ("start", "yesterday", "YYYY-MM-DD"),
        ("retries", -1, "0 or more"),
        ("retry_minutes", -0.5, "0 or more"),
        ("concurrency", 0, "1 or more"),
    ],
)
def test_what_airflow_would_not_take_is_refused_with_what_it_takes(name, value, expected):
    with pytest.raises(UsageError) as refused:
        AirflowSettings(**{"dag_id": "digits", name: value})
    said = str(refused.value)
    assert said.startswith(f"{name} is {value!r}; expected ") and expected in said


def test_no_password_gets_into_a_dag_file():
    address = "mysql://me:secret@host/mlmd"
    with pytest.raises(UsageError, match="has a password") as refused:
        dag_file(AirflowSettings(dag_id="digits"), {"metadata_uri": address}, {})
    assert "secret" not in str(refused.value)


def test_quotes_and_braces_of_a_setting_arrive_as_they_were():
    overrides = [SEARCH, 'data.text=\'{{ ds }}\' """\\']
    text = dag_file(AirflowSettings(dag_id="digits"), {"overrides": overrides}, {"A": []})
    assert arguments_of(text)["request"]["overrides"] == overrides


def test_wrong_settings_are_one_line_and_no_file(tmp_path, capsys):
    given = ["image_classification", "--run-dir", "runs", "-o", str(tmp_path / "dag.py")]
    assert main([*given, "--schedule", "often"]) == 2
    assert main([*given, "--set", "train.stepps=5"]) == 2
    said = capsys.readouterr().err
    assert "schedule is 'often'" in said and "train.steps" in said
    assert list(tmp_path.iterdir()) == []
    assert json.dumps(said).count("Traceback") == 0
