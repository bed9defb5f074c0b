"""Describe: two artifacts like the examples' own, the same on any number of workers, readable by TFX's components."""

from __future__ import annotations

import glob
import json
import os
from pathlib import Path

import apache_beam as beam
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tfx.components.util import examples_utils, tfxio_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, channel_utils, standard_artifacts

from perceiver_keras.components.data.describe_shard import INDEX
from perceiver_keras.components.data.example_shard import python_values
from perceiver_keras.components.describe_examples import Describe, DescribeExecutor, shards_of
from tests import tiny_task as tiny

pytestmark = pytest.mark.tfx
SIZES = {"train": (4, 3, 5), "test": (2,)}
OUTPUTS = ("described", "fingerprints")


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """An Examples artifact whose folder has brackets in its name."""
    artifact = standard_artifacts.Examples()
    artifact.uri = str(tmp_path_factory.mktemp("run") / "with [brackets]")
    artifact.split_names = artifact_utils.encode_split_names(list(SIZES))
    for split, sizes in SIZES.items():
        folder = Path(artifact.uri, f"Split-{split}")
        folder.mkdir(parents=True)
        for number, size in enumerate(sizes):
            name = f"data_tfrecord-{number:05d}-of-{len(sizes):05d}.gz"
            with tf.io.TFRecordWriter(str(folder / name), "GZIP") as writer:
                for record in tiny.examples(size, seed=number):
                    writer.write(record)
    return artifact


def run(folder: Path, examples, beam_args=()):
    outputs = {}
    for name in OUTPUTS:
        outputs[name] = standard_artifacts.Examples()
        outputs[name].uri = str(folder / "Describe" / name / "1")
        os.makedirs(outputs[name].uri)
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=list(beam_args), tmp_dir=str(folder / "tmp"), unique_id="1"
    )
    component = Describe(
        examples=channel_utils.as_channel([examples]),
        task="image_classification",
        labels_json=json.dumps(["red", "green", "blue"]),
    )
    DescribeExecutor(context).Do(
        {"examples": [examples]},
        {name: [artifact] for name, artifact in outputs.items()},
        component.exec_properties,
    )
    return outputs


def contents(artifact) -> dict[str, bytes]:
    root = Path(artifact.uri)
    files = [path for path in root.rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def values(artifact, split: str) -> list[dict]:
    paths = sorted(glob.glob(f"{glob.escape(artifact.uri)}/Split-{split}/*"))
    records = tf.data.TFRecordDataset(paths, "GZIP").as_numpy_iterator()
    return [python_values(tf.train.Example.FromString(record)) for record in records]


@pytest.fixture(scope="module")
def done(examples, tmp_path_factory):
    return run(tmp_path_factory.mktemp("done"), examples)


def test_both_artifacts_have_the_splits_files_and_order_of_the_examples(examples, done):
    for name in OUTPUTS:
        assert set(contents(done[name])) == set(contents(examples))
        assert sorted(os.listdir(done[name].uri)) == ["Split-test", "Split-train"]
        assert done[name].split_names == examples.split_names
        for split, sizes in SIZES.items():
            found = values(done[name], split)
            assert [row[INDEX] for row in found] == [[place] for place in range(sum(sizes))]
    colours = [row["label"][0].decode() for row in values(done["described"], "train")]
    assert colours == [("red", "green", "blue")[n % 3] for size in (4, 3, 5) for n in range(size)]


def test_another_run_leaves_the_same_bytes_even_if_bundles_run_twice(examples, done, tmp_path):
    """A runner may run a bundle twice; here it runs each one twice."""
    again = run(tmp_path, examples, ("--direct_runner_bundle_repeat=2",))
    for name in OUTPUTS:
        assert contents(again[name]) == contents(done[name])


def test_tfx_reads_what_is_described(done, tmp_path):
    for artifact in done.values():
        payload = examples_utils.get_payload_format(artifact)
        assert payload == example_gen_pb2.FORMAT_TF_EXAMPLE
    tfxio = tfxio_utils.get_tfxio_factory_from_artifact([done["described"]], ["test"])(
        f"{glob.escape(done['described'].uri)}/Split-test/*"
    )
    out = str(tmp_path / "statistics")
    with beam.Pipeline() as pipeline:
        _ = (
            pipeline
            | tfxio.BeamSource()
            | tfdv.GenerateStatistics(tfdv.StatsOptions())
            | tfdv.WriteStatisticsToBinaryFile(out)
        )
    (data,) = tfdv.load_stats_binary(out).datasets
    assert data.num_examples == 2
    found = {feature.path.step[0]: feature for feature in data.features}
    assert found["image/height"].num_stats.mean == 4
    assert {bucket.label for bucket in found["label"].string_stats.rank_histogram.buckets} == {
        "red",
        "green",
    }


def test_files_are_counted_in_the_order_of_their_names(examples):
    assert [
        (shard.number, os.path.basename(shard.path)[:19]) for shard in shards_of(examples, "train")
    ] == [
        (0, "data_tfrecord-00000"),
        (1, "data_tfrecord-00001"),
        (2, "data_tfrecord-00002"),
    ]
