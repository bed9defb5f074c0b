"""In Airflow's environment: the DAG is the one that TFX's own AirflowDagRunner makes of the same graph, and is light.

.airflow_venv/bin/python -m pytest tests/pipeline/airflow_dag_test.py
"""

import datetime
import runpy
import subprocess
import sys

import pytest

pytest.importorskip("airflow", reason="apache-airflow has an environment of its own")

from airflow.exceptions import AirflowFailException, AirflowSkipException
from airflow.serialization.serialized_objects import SerializedDAG
from tfx.orchestration.airflow.airflow_dag_runner import (
    AirflowDagRunner,
    AirflowPipelineConfig,
)

from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.pipeline import airflow_dag, in_parts
from perceiver_keras.pipeline.airflow_runner import main
from perceiver_keras.pipeline.local_runner import RunResult
from perceiver_keras.pipeline.pipeline import create_pipeline
from perceiver_keras.pipeline.settings import PipelineSettings

pytestmark = pytest.mark.tfx

OURS = {airflow_dag.BEGIN, airflow_dag.FINISH}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dags")
    given = ["image_classification", "--run-dir", str(folder / "run"), "--schedule", "@daily"]
    given += ["--retries", "3", "--retry-minutes", "1.5", "--concurrency", "2"]
    assert main([*given, "-o", str(folder / "digits.py")]) == 0
    return folder / "digits.py"


@pytest.fixture(scope="module")
def made(file):
    return runpy.run_path(str(file))["compiled"]


def test_tasks_and_edges_are_those_of_tfx(made, tmp_path):
    pipeline = create_pipeline(PipelineSettings.create("image_classification", run_dir=tmp_path))
    config = AirflowPipelineConfig(airflow_dag_config={"start_date": datetime.datetime(2024, 1, 1)})
    theirs = AirflowDagRunner(config).run(pipeline)
    assert set(made.task_ids) - OURS == set(theirs.task_ids)
    for task in theirs.tasks:
        above = made.get_task(task.task_id).upstream_task_ids
        assert above - OURS == task.upstream_task_ids, task.task_id


def test_it_begins_with_begin_and_ends_with_finish(made):
    assert [task.task_id for task in made.roots] == [airflow_dag.BEGIN]
    assert [task.task_id for task in made.leaves] == [airflow_dag.FINISH]
    assert made.get_task(airflow_dag.FINISH).upstream_task_ids == {"ReportGen"}


def test_schedule_retries_and_concurrency_are_airflow_s(made):
    assert made.schedule_interval == "@daily" and not made.catchup
    assert (made.max_active_runs, made.max_active_tasks) == (1, 2)
    for task in made.tasks:
        assert (task.retries, task.retry_delay) == (3, datetime.timedelta(minutes=1.5))


def test_airflow_can_store_it(made):
    stored = SerializedDAG.from_dict(SerializedDAG.to_dict(made))
    assert set(stored.task_ids) == set(made.task_ids)


def test_reading_the_file_imports_no_tensorflow(file):
    heavy = ["tensorflow", "tfx", "apache_beam", "tensorflow_datasets"]
    program = (
        f"import runpy, sys; runpy.run_path({str(file)!r}); print({{*{heavy}}} & {{*sys.modules}})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (in_parts.Final("the data has changed"), AirflowFailException),
        (UsageError("no such key"), AirflowFailException),
        (PerceiverError("the folder is in use"), PerceiverError),
        (OSError("no answer"), OSError),
    ],
)
def test_only_what_may_go_well_is_tried_again(error, told, made, monkeypatch):
    def fail(*given):
        raise error

    monkeypatch.setattr(in_parts, "run_component", fail)
    call = made.get_task("Trainer").python_callable
    with pytest.raises(told) as raised:
        call(dag=made, run_id="scheduled")
    assert str(raised.value) == str(error)


def test_a_refused_model_skips_what_waits_for_the_end(made, monkeypatch):
    record = {"blessed": False, "refused_because": ["accuracy is 0.1."]}
    monkeypatch.setattr(in_parts, "finish", lambda *given: RunResult(record, 3))
    with pytest.raises(AirflowSkipException, match=r"not blessed.*accuracy is 0\.1"):
        made.get_task(airflow_dag.FINISH).python_callable(dag=made, run_id="scheduled")
