"""Transformed examples, against those of TFX's own executor; the files and their order, against what went in."""

from __future__ import annotations

import json

import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import components, types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2, transform_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from perceiver_keras.components.data.describe_shard import read
from perceiver_keras.components.transform import Transform
from perceiver_keras.config_tree import to_dict
from perceiver_keras.data.store.records import write_records
from perceiver_keras.tasks import registry
from tests.components.executed import artifact, execute

FILES = {"train": (7, 40, 1), "validation": (3, 4), "test": (2,)}
WORKERS = ("--direct_running_mode=multi_threading", "--direct_num_workers=2")


def example(number: int) -> bytes:
    """A text and its class, of which the schema below makes a sparse feature."""
    made = tf.train.Example()
    made.features.feature["text"].bytes_list.value.append(f"text number {number} é".encode())
    made.features.feature["label"].int64_list.value.append(number % 2)
    return made.SerializeToString(deterministic=True)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    for split, sizes in FILES.items():
        for i, size in enumerate(sizes):
            path = folder / "examples" / f"Split-{split}" / f"data_tfrecord-{i:05d}-of-00003.gz"
            write_records((example(i * 100 + place) for place in range(size)), str(path))
    examples = artifact(standard_artifacts.Examples, 1, folder / "examples")
    examples.split_names = json.dumps(list(FILES))
    examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(examples, "tfrecords_gzip")
    schema = schema_pb2.Schema()
    text, label = (schema.feature.add(name=name) for name in ("text", "label"))
    text.type, label.type = schema_pb2.BYTES, schema_pb2.INT
    text.presence.min_fraction, text.presence.min_count = 1.0, 1
    text.shape.dim.add(size=1)
    (folder / "schema").mkdir()
    (folder / "schema" / "schema.pbtxt").write_text(str(schema))
    return {
        "examples": examples,
        "schema": artifact(standard_artifacts.Schema, 2, folder / "schema"),
    }


def transformed(node, inputs, folder, *beam_args: str) -> types.Artifact:
    """What the component's executor makes of the inputs with the texts' own `preprocessing_fn`."""
    task = registry.get("text_classification")
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=list(beam_args), tmp_dir=str(folder / "tmp"), unique_id="1"
    )
    kinds = {
        "transform_graph": standard_artifacts.TransformGraph,
        "transformed_examples": standard_artifacts.Examples,
    }
    outputs = {
        name: artifact(kind, number, folder / name)
        for number, (name, kind) in enumerate(kinds.items(), start=3)
    }
    splits = transform_pb2.SplitsConfig(analyze=["train"], transform=["train", "validation"])
    made = execute(
        *(node, inputs, outputs),
        context=context,
        preprocessing_fn="perceiver_keras.pipeline.user_module.preprocessing_fn",
        splits_config=proto_utils.proto_to_json(splits),
        custom_config=json.dumps(
            {"task": task.name, "config": to_dict(task.presets["tiny"].config), "preset": "tiny"}
        ),
        disable_statistics=1,
    )
    return made["transformed_examples"]


def contents(examples: types.Artifact, split: str) -> dict[str, list[bytes]]:
    folder = f"{examples.uri}/Split-{split}"
    return {name: list(read(f"{folder}/{name}")) for name in sorted(tf.io.gfile.listdir(folder))}


def in_order(records):
    return [
        tf.train.Example.FromString(one).SerializeToString(deterministic=True) for one in records
    ]


def test_two_workers_write_tfxs_examples_in_the_files_and_the_order_of_what_went_in(
    inputs, tmp_path
):
    ours = transformed(Transform, inputs, tmp_path / "ours", *WORKERS)
    theirs = transformed(components.Transform, inputs, tmp_path / "theirs")
    assert json.loads(ours.split_names) == ["train", "validation"]
    assert examples_utils.get_file_format(ours) == "tfrecords_gzip"
    assert sorted(tf.io.gfile.listdir(ours.uri)) == ["Split-train", "Split-validation"]
    for split in ("train", "validation"):
        sent, found = contents(inputs["examples"], split), contents(ours, split)
        assert list(found) == list(sent)
        for name, records in found.items():
            texts = [
                tf.train.Example.FromString(one).features.feature["text"].bytes_list.value[0]
                for one in (*records, *sent[name])
            ]
            assert texts[: len(records)] == texts[len(records) :]
        wanted = [one for records in contents(theirs, split).values() for one in in_order(records)]
        assert sorted(one for records in found.values() for one in records) == sorted(wanted)
