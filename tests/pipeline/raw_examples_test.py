"""An export of the pipeline is warmed up and compared with what users send, not with Transform's output.

Transform doubles numbers here, so that a record which went through it twice, or never, has another answer.
"""

from __future__ import annotations

import dataclasses
import json

import pytest
import tensorflow as tf
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils

from perceiver_keras.components.model.transform_graph import TransformGraph
from perceiver_keras.components.serving import serving_check
from perceiver_keras.components.serving_validator import training_path, validate
from perceiver_keras.components.trainer import RAW_EXAMPLES, Executor
from perceiver_keras.config_tree import override, to_dict
from perceiver_keras.data.store import source
from perceiver_keras.data.store.records import write_records
from perceiver_keras.pipeline import user_module
from perceiver_keras.tasks import registry

pytestmark = [pytest.mark.tfx]

PLAIN = registry.get("starcraft_entities")
CONFIG = override(
    PLAIN.preset("tiny").config,
    *("train.steps=2", "train.warmup_steps=1", "model.process.num_self_attention_layers=1"),
    *("data.batch_size=4", "data.shuffle_buffer=8"),
)
DOUBLED = "entities"


def doubled(features, config):
    return {**features, DOUBLED: 2.0 * features[DOUBLED]}


def served_doubled(model, raw, config, labels):
    return PLAIN.serving.serve(model, doubled(raw, config), config, labels)


TASK = dataclasses.replace(
    PLAIN,
    examples=dataclasses.replace(PLAIN.examples, transform=doubled),
    serving=dataclasses.replace(PLAIN.serving, serve=served_doubled),
)


def artifact(kind, folder, splits=()):
    found = kind()
    found.uri = str(folder)
    if splits:
        found.split_names = artifact_utils.encode_split_names(list(splits))
    return found


def raw_examples(folder):
    builder = source.open_builder(CONFIG.data.dataset)
    stored = source.take(source.builder_records(builder, CONFIG.data.train_split), 24)
    for number, split in enumerate(("train", "validation", "test")):
        part = stored[8 * number : 8 * number + 8]
        write_records(part, str(folder / f"Split-{split}" / "data.gz"))
    return artifact(standard_artifacts.Examples, folder, ("train", "validation", "test")), stored


def transformed(stored, custom, folder):
    """Transform's two outputs, as TFX's component makes them with `preprocessing_fn`."""
    spec = TASK.examples.spec(CONFIG)
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    rows = [
        {name: value.numpy() for name, value in tf.io.parse_single_example(one, spec).items()}
        for one in stored
    ]
    with tft_beam.Context(temp_dir=str(folder / "scratch")):
        _, function = (rows[:8], metadata) | tft_beam.AnalyzeAndTransformDataset(
            lambda inputs: user_module.preprocessing_fn(inputs, custom)
        )
        function | tft_beam.WriteTransformFn(str(folder / "graph"))
    metadata_io.write_metadata(metadata, str(folder / "graph" / "metadata"))
    graph = TransformGraph(str(folder / "graph"))
    for number, split in enumerate(("train", "validation")):
        part = stored[8 * number : 8 * number + 8]
        made = graph(tf.io.parse_example(part, spec))
        examples = [
            _example({name: value[row].numpy() for name, value in made.items()}) for row in range(8)
        ]
        write_records(examples, str(folder / "made" / f"Split-{split}" / "data.gz"))
    return (
        artifact(standard_artifacts.TransformGraph, folder / "graph"),
        artifact(standard_artifacts.Examples, folder / "made", ("train", "validation")),
    )


def _example(values):
    def feature(value):
        if value.dtype.kind == "f":
            return tf.train.Feature(float_list=tf.train.FloatList(value=value.ravel()))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=value.ravel()))

    features = {name: feature(value) for name, value in values.items()}
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(the Trainer's model, raw examples, Transform's graph, the stored examples), by the real executor."""
    folder = tmp_path_factory.mktemp("trainer")
    custom = {
        "task": TASK.name,
        "preset": "tiny",
        "config": to_dict(CONFIG),
        "labels": None,
        "state_dir": str(folder / "state"),
    }
    with pytest.MonkeyPatch.context() as patch:
        known = registry.get
        patch.setattr(registry, "get", lambda name: TASK if name == TASK.name else known(name))
        raw, stored = raw_examples(folder / "raw")
        graph, made = transformed(stored, custom, folder)
        model = artifact(standard_artifacts.Model, folder / "model")
        inputs = {"examples": [made], RAW_EXAMPLES: [raw], "transform_graph": [graph]}
        outputs = {
            "model": [model],
            "model_run": [artifact(standard_artifacts.ModelRun, folder / "model_run")],
        }
        context = Executor.Context(tmp_dir=str(folder / "tmp"), unique_id="1")
        Executor(context).Do(
            inputs,
            outputs,
            {
                "run_fn": "perceiver_keras.pipeline.user_module.run_fn",
                "train_args": '{"splits": ["train"]}',
                "eval_args": '{"splits": ["validation"]}',
                "custom_config": json.dumps(custom),
            },
        )
        yield model, raw, graph, stored


def test_the_export_is_warmed_up_with_raw_examples_of_the_validation_split(trained):
    model, _, _, stored = trained
    folder = path_utils.serving_model_path(model.uri)
    sent = [
        list(tf.make_ndarray(log.request.inputs["examples"]))
        for log in serving_check.warmup_logs(folder)
        if log.request.model_spec.signature_name == "serving_examples"
    ]
    assert sent == [stored[8:9], stored[8:16]]
    entities = [
        tf.make_ndarray(log.request.inputs["entities"])
        for log in serving_check.warmup_logs(folder)
        if log.request.model_spec.signature_name == "serving_default"
    ]
    raw = tf.io.parse_example(stored[8:16], PLAIN.examples.spec(CONFIG))["entities"]
    assert (entities[1] == raw.numpy()).all() and entities[1].any()


def test_serving_raw_examples_answers_as_training_on_transformed_ones(trained):
    model, raw, graph, _ = trained
    folder = path_utils.serving_model_path(model.uri)
    verdict = validate(folder, ask=training_path(model, raw, graph))
    assert verdict["cause"] is None
    assert verdict["skew"]["examples"] == 8 and verdict["skew"]["largest_difference"] < 1e-5


def test_a_server_that_forgets_what_transform_does_is_found(trained, tmp_path):
    """The same weights, exported by code whose `serve` takes raw numbers for transformed ones."""
    from perceiver_keras.export import export_saved_model
    from perceiver_keras.tasks.model import load

    model, raw, graph, stored = trained
    forgetful = dataclasses.replace(TASK, serving=PLAIN.serving)
    kept = load(f"{model.uri}/preset")
    folder = export_saved_model(
        forgetful,
        kept.task_config,
        kept,
        str(tmp_path / "m"),
        transform=TransformGraph(graph.uri),
        warmup=stored[:2],
    )
    requests, asked = tmp_path / "requests", tmp_path / "asked.json"
    tolerance = training_path(model, raw, graph)(str(requests))
    asked.write_text(json.dumps({"requests": str(requests), "tolerance": tolerance}))
    cause = serving_check.check(folder, 1e-5, asked=str(asked))["cause"]
    assert "first at raw input → model input: the model's input 'entities'" in cause


def test_without_a_preset_folder_there_is_nothing_to_compare_with(trained, tmp_path):
    model, raw, graph, _ = trained
    cause = validate(
        path_utils.serving_model_path(model.uri),
        ask=training_path(artifact(standard_artifacts.Model, tmp_path), raw, graph),
    )["cause"]
    assert "the trained model fails on stored examples" in cause and "preset" in cause
