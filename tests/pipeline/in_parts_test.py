"""One run in several processes: begun once, each component once, and by nobody else."""

import json
import threading
import time
from pathlib import Path

import portalocker
import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

from perceiver_keras.components.tfds_example_gen import TfdsExampleGenExecutor
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.pipeline import in_parts
from perceiver_keras.pipeline.dag_runner import run_executions
from perceiver_keras.pipeline.in_parts import Final, Request
from perceiver_keras.pipeline.local_runner import PARTS
from perceiver_keras.pipeline.run_folder import MARKER, only_one_run
from perceiver_keras.pipeline.store import connection, notes_of, open_store

pytestmark = pytest.mark.tfx

Execution = metadata_store_pb2.Execution
FIRST = "TfdsExampleGen"
GRAPH = [FIRST, "Describe", "LeakDetector", "StatisticsGen", "SchemaGen", "accepted_schema"]
GRAPH += ["ExampleValidator", "Transform", "TrivialGuess", "Trainer", "baseline", "Evaluator"]
GRAPH += ["ServingValidator", "Gate", "AtomicPusher", "ReportGen"]


def request(folder: Path, *overrides: str) -> Request:
    return Request(task="image_classification", run_dir=str(folder), overrides=overrides)


def begin(folder: Path, engine_run: str = "digits one", *overrides: str) -> dict:
    in_parts.begin(request(folder, *overrides), engine_run, GRAPH, lambda text: None)
    return json.loads((folder / PARTS).read_text())


def component(folder: Path, engine_run: str = "digits one", name: str = FIRST) -> list[str]:
    said: list[str] = []
    in_parts.run_component(request(folder), engine_run, name, said.append)
    return said


def executions(folder: Path, run_id: str) -> list[Execution]:
    with metadata.Metadata(connection(folder, write=True)) as store:
        return run_executions(store, run_id)


def test_a_request_survives_json():
    asked = Request(task="glue", run_dir="/run", layers=(("f.yaml", {"train": {"steps": 3}}),))
    again = Request.read(json.loads(json.dumps(asked.to_json())))
    assert again.settings().config == asked.settings().config
    assert again.settings().config.train.steps == 3


def test_a_component_runs_once_however_often_it_is_started(tmp_path):
    about = begin(tmp_path)
    assert any(f"{FIRST}: " in line for line in component(tmp_path))
    assert "done before the run was stopped" in component(tmp_path)[-1]
    (one,) = executions(tmp_path, about["run_id"])
    assert one.last_known_state == Execution.COMPLETE
    store = open_store(tmp_path)
    assert len(store.get_artifacts()) == 1
    (run,) = store.get_contexts_by_type("pipeline_run")
    assert notes_of(run)["engine_run"] == "digits one"


@pytest.mark.parametrize(
    ("end", "seen", "state"),
    [
        (
            SystemExit(137),
            SystemExit,
            Execution.RUNNING,
        ),  # nothing is written after it, as after a kill
        (OSError("no answer"), PerceiverError, Execution.FAILED),
    ],
    ids=["killed", "failed"],
)
def test_a_second_try_goes_on_with_the_execution_of_the_first(
    end, seen, state, tmp_path, monkeypatch
):
    about = begin(tmp_path)

    half: list[Path] = []

    def die(self, input_dict, output_dict, exec_properties):
        half.append(Path(output_dict["examples"][0].uri, "half"))
        half[0].write_text("written")
        raise end

    with monkeypatch.context() as patch, pytest.raises(seen) as raised:
        patch.setattr(TfdsExampleGenExecutor, "Do", die)
        component(tmp_path)
    assert not isinstance(raised.value, Final)
    (one,) = executions(tmp_path, about["run_id"])
    assert one.last_known_state == state
    assert half[0].exists() == (state == Execution.RUNNING)

    component(tmp_path)
    (again,) = executions(tmp_path, about["run_id"])
    assert (again.id, again.last_known_state) == (one.id, Execution.COMPLETE)
    assert half[0].parent.exists() and not half[0].exists()
    assert len(open_store(tmp_path).get_artifacts()) == 1


def test_one_that_is_still_at_work_is_waited_for(tmp_path):
    begin(tmp_path)
    said: list[str] = []
    done = threading.Event()

    def again() -> None:
        in_parts.run_component(request(tmp_path), "digits one", FIRST, said.append)
        done.set()

    with (tmp_path / "parts" / f"{FIRST}.lock").open("a+") as other:
        portalocker.lock(other, portalocker.LOCK_EX)
        thread = threading.Thread(target=again)
        thread.start()
        limit = time.monotonic() + 30
        while not said and time.monotonic() < limit:
            time.sleep(0.02)
        assert said == [f"{FIRST} is still at work in another process: waiting for its end."]
        assert not done.is_set()
    thread.join(60)
    assert done.is_set() and f"{FIRST}: " in said[-1]


def test_parts_share_the_folder_and_nobody_else_may_use_it(tmp_path):
    begin(tmp_path)
    with only_one_run(tmp_path, shared=True):
        component(tmp_path)
        with pytest.raises(PerceiverError, match="Another run"):
            begin(tmp_path, "digits two")
        with pytest.raises(PerceiverError, match="Another run"):
            in_parts.finish(request(tmp_path), "digits one", print)
    with only_one_run(tmp_path), pytest.raises(PerceiverError, match="Another run") as refused:
        component(tmp_path)
    assert not isinstance(refused.value, Final)  # it may be free the next time


def test_the_same_run_begun_again_goes_on_and_another_takes_the_folder(tmp_path):
    first = begin(tmp_path)
    assert begin(tmp_path) == first
    assert begin(tmp_path, "digits two")["run_id"] != first["run_id"]
    with pytest.raises(Final, match="belongs to digits two now, and digits one can't go on"):
        component(tmp_path)


def test_a_run_of_other_settings_takes_the_folder_too(tmp_path):
    begin(tmp_path)
    (tmp_path / PARTS).unlink()  # as `perceiver run` does when it begins
    with pytest.raises(Final, match="belongs to another run now"):
        component(tmp_path)


def test_a_run_does_not_go_on_with_other_code(tmp_path, monkeypatch):
    begin(tmp_path)
    monkeypatch.setattr(in_parts, "_code", lambda task: "other")
    with pytest.raises(Final, match="code has changed since digits one began"):
        component(tmp_path)


def test_before_begin_there_is_nothing_to_go_on_with(tmp_path):
    with pytest.raises(Final, match="No run has begun"):
        component(tmp_path)


def test_a_graph_that_is_not_the_compiled_one_is_refused_before_it_begins(tmp_path):
    with pytest.raises(UsageError, match="Tuner.*Compile it again"):
        in_parts.begin(request(tmp_path), "digits one", [*GRAPH, "Tuner"], print)
    assert not (tmp_path / PARTS).exists() and not (tmp_path / MARKER).exists()


def test_the_graph_s_file_does_not_say_how_to_connect(tmp_path):
    begin(tmp_path)
    written = (tmp_path / in_parts.GRAPH).read_bytes()
    assert b"TfdsExampleGen" in written and b"metadata.sqlite" not in written


def test_a_pusher_that_is_tried_again_first_finishes_what_it_had_published(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(in_parts.interrupted_push, "finish", lambda place, _: done.append(place))
    monkeypatch.setattr(
        in_parts.ResumableDagRunner, "run_with_ir", lambda self, _: done.append(self._only)
    )
    begin(tmp_path)
    component(tmp_path, name="Gate")
    component(tmp_path, name="AtomicPusher")
    assert done == ["Gate", tmp_path, "AtomicPusher"]
