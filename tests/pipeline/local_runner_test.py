"""The whole graph with a small model of real digits: what a run leaves, what the cache saves, what the gate stops."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf
from ml_metadata import errors
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact
from tfx.dsl.component.experimental.decorators import component
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline
from tfx.types.standard_artifacts import Model, ModelRun

import perceiver_keras as pk
from perceiver_keras.data.store import source
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.pipeline import in_parts
from perceiver_keras.pipeline.dag_runner import ComponentFailed
from perceiver_keras.pipeline.forecast import forecast
from perceiver_keras.pipeline.local_runner import _explain, _store_in_words, begin, run
from perceiver_keras.pipeline.pipeline import create_pipeline
from perceiver_keras.pipeline.run_folder import only_one_run
from perceiver_keras.pipeline.settings import PipelineSettings
from perceiver_keras.serve import Servable
from perceiver_keras.tasks import run_folder
from tests.forked_run import run_until
from tests.mariadb import free_port

pytestmark = [pytest.mark.tfx, pytest.mark.slow]

SMALL = (
    "model.encode.num_latents=8",
    "model.encode.latent_dim=16",
    "model.process.num_self_attention_layers=1",
    "model.encode.dropout=0.1",
    "train.steps=200",  # after the first checkpoint, at step 20, there is enough time to kill the run
    "train.warmup_steps=5",
    "train.evaluate_every=100",
    "train.checkpoint_every=20",
    "train.deterministic=true",
    "evaluate.thresholds.accuracy=0.15",
    "evaluate.allowed_drop=1.0",
)
# What trains in this process, where nothing is compared to the last bit.
HERE = ("train.deterministic=false", "train.steps=40")
DATA = ["TfdsExampleGen", "Describe", "LeakDetector", "StatisticsGen", "SchemaGen"]
COMPONENTS = [
    *DATA,
    "accepted_schema",
    "ExampleValidator",
    "Transform",
    "TrivialGuess",
    "Trainer",
    "baseline",
    "Evaluator",
    "ServingValidator",
    "Gate",
    "AtomicPusher",
    "ReportGen",
]
RESOLVERS = {"accepted_schema", "baseline"}  # never cached


def settings(folder, *overrides, **kwargs) -> PipelineSettings:
    return PipelineSettings.create(
        "image_classification", run_dir=folder, overrides=(*SMALL, *overrides), **kwargs
    )


def versions(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "pushed").iterdir() if path.name.isdigit())


def weights(record: dict) -> dict[str, bytes]:
    """The bytes of every array of the model that a run trained."""
    (model,) = record["artifacts"]["Trainer"]["model"]
    found = {}
    with h5py.File(Path(model) / "preset" / "model.weights.h5") as file:
        file.visititems(
            lambda name, item: found.update(
                {name: np.asarray(item).tobytes()} if isinstance(item, h5py.Dataset) else {}
            )
        )
    return found


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> tuple[Path, dict, str]:
    """`perceiver run`, never stopped: its folder, its record, and what it printed."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    said = run_until(folder, SMALL, None)
    return folder, json.loads((folder / "run.json").read_text()), said


def test_a_run_ends_with_a_pushed_model_and_a_record(first):
    folder, record, said = first
    assert record["blessed"] and record["refused_because"] == []
    assert record["task"] == "image_classification" and record["preset"] == "tiny"
    assert record["overrides"] == list(SMALL) and record["seed"] == 0
    assert record["thresholds"] == {"accuracy": 0.15}
    assert set(record["metrics"]) >= {"accuracy", "cross_entropy", "example_count"}
    assert 0 < record["baseline"]["accuracy"] < 0.2
    assert record["versions"]["tensorflow"] == tf.__version__
    assert sorted(record["seconds"]) == sorted(COMPONENTS) and record["cached"] == []
    assert "Learning" in Path(record["report"]).read_text()
    assert {"config.json", "metadata.sqlite", "artifacts", "training", "run.log"} <= set(
        os.listdir(folder)
    )
    assert not (folder / "unfinished.json").exists()
    assert re.search(r"Trainer: \d+\.\d s", said) and record["pushed_model"] in said
    for uris in record["artifacts"].values():
        for uri in (uri for some in uris.values() for uri in some):
            assert os.path.exists(uri), uri


def test_killed_in_three_components_the_weights_are_the_same_to_the_last_bit(first, tmp_path):
    _, whole, _ = first
    killed = tmp_path / "killed"
    run_until(killed, SMALL, "Transform …")
    said = run_until(killed, SMALL, "Trainer …", "training/**/ckpt-20.index")
    assert "Resuming the run that was stopped" in said
    said = run_until(killed, SMALL, "Evaluator …")
    step = int(re.search(r"Going on from step (\d+) of 200", said)[1])
    assert 20 <= step < 200
    said = run_until(killed, SMALL, None)
    assert "Trainer: done before the run was stopped" in said

    resumed = json.loads((killed / "run.json").read_text())
    expected, found = weights(whole), weights(resumed)
    assert expected and found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []
    # TFMA adds float32 numbers in the order in which Beam's bundles arrive.
    assert resumed["metrics"] == pytest.approx(whole["metrics"], rel=1e-6)
    assert whole["blessed"] and resumed["blessed"]


def test_metrics_are_those_of_the_pushed_model_on_the_test_split(first):
    _, record, _ = first
    config = settings("unused").config
    task = settings("unused").task
    builder = source.open_builder(config.data.dataset)
    records = source.builder_records(builder, config.data.test_split)
    examples = [
        tf.io.parse_single_example(e, task.examples.spec(config)) for e in source.take(records, 999)
    ]
    answers = Servable(record["pushed_model"]).predict(
        "serving_default", image_bytes=np.array([e["image"].numpy() for e in examples])
    )
    truth = np.array([int(e["label"]) for e in examples])
    accuracy = np.mean(answers["probabilities"].argmax(-1) == truth)
    assert accuracy == pytest.approx(record["metrics"]["accuracy"], abs=1e-6)
    assert [int(label) for label in answers["label"]] == list(answers["probabilities"].argmax(-1))
    of_truth = answers["probabilities"][np.arange(len(truth)), truth]
    cross_entropy = -np.log(of_truth).mean()
    assert cross_entropy == pytest.approx(record["metrics"]["cross_entropy"], rel=1e-4)


def test_the_trained_model_is_also_a_preset_folder(first):
    _, record, _ = first
    (model_uri,) = record["artifacts"]["Trainer"]["model"]
    model = pk.load(os.path.join(model_uri, "preset"))
    assert model.labels == [str(digit) for digit in range(10)]
    assert model.config == settings("unused").config.model


def test_the_run_folder_is_a_model_also_when_its_artifacts_are_gone(first, tmp_path):
    folder, record, _ = first
    moved = tmp_path / "moved"
    kept = shutil.ignore_patterns("artifacts", "training", "metadata.sqlite")
    shutil.copytree(folder, moved, ignore=kept)
    version = Path(record["pushed_model"]).name
    assert record["model"] == str(folder / "blessed" / version)
    found = run_folder.find(moved)
    assert (found.preset.name, found.saved_model) == (version, moved / "pushed" / version)
    (trained,) = record["artifacts"]["Trainer"]["model"]
    whole = pk.load(os.path.join(trained, "preset")).get_weights()
    for one, other in zip(pk.load(moved).get_weights(), whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_same_run_again_is_served_from_the_cache(first):
    folder, record, _ = first
    files = sorted(folder.rglob("*"))
    told = forecast(settings(folder))
    assert sorted(folder.rglob("*")) == files and not (folder / "unfinished.json").exists()
    assert told == dict.fromkeys(COMPONENTS, "cached")
    again = run(settings(folder), lambda line: None)
    assert again.exit_code == 0
    assert json.loads((folder / "run.json").read_text()) == json.loads(json.dumps(again.record))
    assert set(COMPONENTS) - set(again.record["cached"]) == RESOLVERS
    assert again.record["pushed_model"] == record["pushed_model"]
    assert len(versions(folder)) == 1


def test_in_parts_as_an_engine_starts_them_it_is_the_same_run(first):
    folder, record, _ = first
    asked = in_parts.Request(
        task="image_classification", run_dir=str(folder), overrides=tuple(SMALL)
    )
    in_parts.begin(asked, "digits one", COMPONENTS, lambda line: None)
    assert (folder / "unfinished.json").exists()
    for name in COMPONENTS:
        in_parts.run_component(asked, "digits one", name, lambda line: None)
    again = in_parts.finish(asked, "digits one", lambda line: None)
    assert again.exit_code == 0 and not (folder / "unfinished.json").exists()
    assert json.loads((folder / "run.json").read_text()) == json.loads(json.dumps(again.record))
    assert set(COMPONENTS) - set(again.record["cached"]) == RESOLVERS
    for key in ("artifacts", "metrics", "overrides", "pushed_model", "model", "checks", "data"):
        assert again.record[key] == record[key], key
    assert len(versions(folder)) == 1


@component
def Weigh(model: InputArtifact[Model], weight: OutputArtifact[ModelRun]):
    """A component of a user's own."""
    size = os.path.getsize(os.path.join(model.uri, "preset", "model.weights.h5"))
    os.makedirs(weight.uri, exist_ok=True)
    Path(weight.uri, "bytes").write_text(str(size))


def test_a_component_of_one_s_own_runs_in_the_graph_that_is_given(first):
    """In the way that the repository of `perceiver init` shows; the rest comes from the cache."""
    folder, record, _ = first

    def graph(asked: PipelineSettings) -> Pipeline:
        made = create_pipeline(asked)
        parts = {part.id: part for part in made.components}
        made.components = [*made.components, Weigh(model=parts["Trainer"].outputs["model"])]
        return made

    result = run(settings(folder), lambda line: None, graph=graph)
    assert result.exit_code == 0 and sorted(result.record["seconds"]) == sorted(
        [*COMPONENTS, "Weigh"]
    )
    assert set(result.record["cached"]) == set(COMPONENTS) - RESOLVERS
    (weight,) = result.record["artifacts"]["Weigh"]["weight"]
    (model,) = record["artifacts"]["Trainer"]["model"]
    size = (Path(model) / "preset" / "model.weights.h5").stat().st_size
    assert Path(weight, "bytes").read_text() == str(size)


def test_a_failing_component_is_named_and_a_good_run_follows(first):
    """The good one is the first again, which the cache still has."""
    folder, record, _ = first
    with pytest.raises(PerceiverError, match="Trainer: .*not finite.*learning_rate"):
        run(
            settings(folder, *HERE, "train.learning_rate=1e30", "train.clip_norm=null"),
            lambda line: None,
        )
    assert not (folder / "unfinished.json").exists()
    follows = run(settings(folder), lambda line: None)
    assert follows.exit_code == 0 and follows.record["pushed_model"] == record["pushed_model"]


def test_another_threshold_runs_the_gate_alone_and_a_missed_one_pushes_nothing(first):
    folder, _, _ = first
    before = versions(folder)
    stricter = settings(folder, "evaluate.thresholds.accuracy=0.999")
    told = forecast(stricter)
    result = run(stricter, lambda line: None)
    judged = {"TrivialGuess", "Gate", "AtomicPusher", "ReportGen"}
    assert {name for name in told if told[name] == "runs"} == judged
    assert result.exit_code == 3 and not result.record["blessed"]
    assert result.record["model"] is None
    assert run_folder.find(folder).preset.name == before[-1]  # blessed before
    assert "asks for at least 0.999" in run_folder.find(folder).told
    assert result.record["pushed_model"] is None
    assert "evaluate.thresholds.accuracy asks for at least 0.999" in " ".join(
        result.record["refused_because"]
    )
    assert set(result.record["cached"]) == set(COMPONENTS) - RESOLVERS - judged
    assert versions(folder) == before


def test_a_model_worse_than_the_last_blessed_is_not_pushed_unless_the_baseline_is_reset(first):
    folder, _, _ = first
    before = versions(folder)
    bad = (*HERE, "train.steps=60", "evaluate.allowed_drop=0.0")
    refused = run(settings(folder, *bad), lambda line: None)
    assert refused.exit_code == 3
    assert "worse than the last blessed" in " ".join(refused.record["refused_because"])
    unchanged = {*DATA, "ExampleValidator", "Transform", "TrivialGuess"}
    assert unchanged == set(refused.record["cached"])
    assert versions(folder) == before
    reset = run(settings(folder, *bad, rebaseline=True), lambda line: None)
    assert reset.exit_code == 0
    assert {*unchanged, "Trainer"} <= set(reset.record["cached"])
    assert len(versions(folder)) == len(before) + 1


def test_every_execution_in_the_store_is_closed(first):
    folder, _, _ = first
    connection = metadata.sqlite_metadata_connection_config(str(folder / "metadata.sqlite"))
    with metadata.Metadata(connection) as store:
        states = {execution.last_known_state for execution in store.store.get_executions()}
    closed = metadata_store_pb2.Execution
    assert states <= {closed.COMPLETE, closed.CACHED, closed.FAILED, closed.CANCELED}


def test_wrong_requests_are_refused_before_anything_runs(tmp_path):
    with pytest.raises(UsageError, match="thresholds is empty"):
        run(settings(tmp_path, "evaluate.thresholds={}"))
    with pytest.raises(UsageError, match="--set model.num_classes=10"):
        run(settings(tmp_path, "model.num_classes=7"))
    with pytest.raises(PerceiverError, match="no_such_set|No data set|nearest|Unknown"):
        run(settings(tmp_path, "data.dataset=no_such_set"))
    with pytest.raises(UsageError, match="mysql://USER"):
        run(settings(tmp_path, metadata_uri="postgres://somewhere"))
    assert not (tmp_path / "artifacts").exists()


def test_a_component_for_which_the_disk_is_full_says_so_and_where(tmp_path):
    """The library's words are chained below Beam's and TFX's, after a long path."""
    place = f"{tmp_path}/artifacts/{'x' * 300}"
    message = f"{place}; No space left on device [while running 'WriteSplit']"
    failure = ComponentFailed("Transform")
    failure.__cause__ = RuntimeError("Beam failed")
    failure.__cause__.__cause__ = tf.errors.ResourceExhaustedError(None, None, message)
    told = _explain(failure, settings(tmp_path))
    assert told.startswith(f"Transform: no space left on the disk for {place}. Free some")
    failure.__cause__ = RuntimeError("Upsert: database or disk is full")
    assert f"no space left on the disk for {tmp_path}." in _explain(failure, settings(tmp_path))


def test_a_metadata_server_that_is_down_is_named_before_anything_runs(tmp_path):
    down = settings(tmp_path, metadata_uri=f"mysql://me:hush@127.0.0.1:{free_port()}/runs")
    with pytest.raises(PerceiverError, match="127.0.0.1:.*connection refused") as caught:
        run(down)
    assert "hush" not in str(caught.value) + (tmp_path / "run.log").read_text()
    assert not (tmp_path / "artifacts").exists()
    # During a run: the store's own error is told as the server's, and any other stays what it is.
    gone = ComponentFailed("Trainer")
    gone.__cause__ = errors.InternalError("MySQL server has gone away")
    told = "connection refused.*run the same command again to resume"
    with pytest.raises(PerceiverError, match=told), _store_in_words(down):
        raise gone
    with pytest.raises(ComponentFailed), _store_in_words(down):
        raise ComponentFailed("Trainer") from ValueError()


def test_a_folder_that_can_not_be_written_is_an_error_with_advice(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PerceiverError, match="can't be written.*--run-dir"):
        run(settings(tmp_path / "file" / "run"))


def test_a_damaged_mark_of_a_stopped_run_resumes_nothing(tmp_path):
    for text in ("", "{}", "[]"):
        (tmp_path / "unfinished.json").write_text(text)
        said = []
        _, _, run_id = begin(settings(tmp_path), said.append)
        assert "unfinished.json is damaged, so it starts from the beginning" in said[-1]
        assert json.loads((tmp_path / "unfinished.json").read_text())["run_id"] == run_id
    assert begin(settings(tmp_path), said.append)[2] == run_id and "Resuming" in said[-1]


def test_a_folder_that_lost_its_store_is_refused(tmp_path):
    (tmp_path / "pushed" / "100").mkdir(parents=True)
    with pytest.raises(PerceiverError, match="metadata.sqlite is missing, and without it pushed/"):
        run(settings(tmp_path))


def test_a_second_run_in_the_folder_is_refused(tmp_path):
    with (
        only_one_run(tmp_path),
        pytest.raises(PerceiverError, match=f"process {os.getpid()}.*--run-dir"),
    ):
        run(settings(tmp_path))


def test_tfx_s_own_command_line_takes_the_pipeline_file(tmp_path):
    """In an activated environment, whose `pip` it asks for the versions of packages."""
    root, bin_ = Path(__file__).absolute().parents[2], Path(sys.executable).parent
    done = subprocess.run(
        [
            bin_ / "tfx",
            *("pipeline", "create", "--engine=local"),
            f"--pipeline_path={root / 'pipeline' / 'local_runner.py'}",
        ],
        cwd=root,
        env={
            **os.environ,
            "HOME": str(tmp_path),
            "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
            "PERCEIVER_RUN_DIR": str(tmp_path / "run"),
        },
        capture_output=True,
        text=True,
    )
    assert 'Pipeline "image_classification" created successfully' in done.stdout, done.stderr
    assert not (tmp_path / "run" / "artifacts").exists()
