"""TfdsExampleGen: byte for byte, repeatable, corrupt records set aside, and readable by TFX's own components."""

from __future__ import annotations

import glob
import json
import os
from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from tfx.components import SchemaGen, StatisticsGen
from tfx.dsl.components.base import base_beam_executor
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline
from tfx.types import artifact_utils, standard_artifacts

from perceiver_keras.components.tfds_example_gen import TfdsExampleGen, TfdsExampleGenExecutor
from perceiver_keras.data.store import source
from perceiver_keras.errors import PerceiverError, UsageError

pytestmark = pytest.mark.tfx
SPLITS = {"train": "train[:300]", "validation": "validation", "test": "train[300:310]+test[:50%]"}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> str:
    """The digits, with the training split in five shards."""
    folder = str(tmp_path_factory.mktemp("data"))
    source.open_builder("perceiver_digits", folder)  # registers it
    builder = tfds.builder("perceiver_digits", data_dir=folder + "/sharded")
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(num_shards=5), file_format="tfrecord"
    )
    return folder + "/sharded"


def _run(folder: Path, beam_args=(), **options):
    """The artifact, written by the executor as TFX calls it."""
    component = TfdsExampleGen(**({"dataset": "perceiver_digits", "splits": SPLITS} | options))
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder / "TfdsExampleGen" / "examples" / "1")
    os.makedirs(artifact.uri)
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=list(beam_args), tmp_dir=str(folder / "tmp"), unique_id="1"
    )
    TfdsExampleGenExecutor(context).Do({}, {"examples": [artifact]}, component.exec_properties)
    return artifact


def _files(artifact, split: str) -> list[str]:
    return sorted(glob.glob(os.path.join(artifact.uri, f"Split-{split}", "*")))


def _records(artifact, split: str) -> list[bytes]:
    return list(tf.data.TFRecordDataset(_files(artifact, split), "GZIP").as_numpy_iterator())


def _flip(path: str, place: int) -> None:
    content = bytearray(Path(path).read_bytes())
    content[place] ^= 1
    Path(path).write_bytes(content)


def _copy(data_dir: str, to: Path) -> str:
    builder = source.open_builder("perceiver_digits", data_dir)
    folder = to / "perceiver_digits" / "1.0.0"
    folder.mkdir(parents=True)
    for path in Path(builder.data_dir).iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return str(to)


def test_records_are_the_builders_own_in_its_order(data_dir, tmp_path):
    artifact = _run(tmp_path, data_dir=data_dir, limits={"validation": 100})
    builder = source.open_builder("perceiver_digits", data_dir)
    for name, expression in SPLITS.items():
        expected = list(source.serialized_examples(builder, expression))
        assert _records(artifact, name) == (expected[:100] if name == "validation" else expected)
    assert [os.path.basename(path) for path in _files(artifact, "train")] == [
        "data_tfrecord-00000-of-00002.gz",
        "data_tfrecord-00001-of-00002.gz",
    ]
    assert artifact_utils.decode_split_names(artifact.split_names) == list(SPLITS)
    counts = {name: artifact.get_int_custom_property(f"num_examples_{name}") for name in SPLITS}
    assert counts == {"train": 300, "validation": 100, "test": 144}
    assert os.listdir(os.path.join(artifact.uri, "dead_letter")) == []
    assert artifact.span == 0


def test_the_artifact_records_the_span(data_dir, tmp_path):
    assert _run(tmp_path, data_dir=data_dir, splits={"test": "test[:5]"}, span=7).span == 7


def test_repeated_bundles_and_runs_leave_the_same_bytes(data_dir, tmp_path):
    """A runner may run a bundle twice; here it runs each one twice."""
    one = _run(tmp_path / "a", data_dir=data_dir)
    two = _run(tmp_path / "b", ("--direct_runner_bundle_repeat=2",), data_dir=data_dir)
    for name in SPLITS:
        assert len(_files(one, name)) == len(_files(two, name))
        for path, other in zip(_files(one, name), _files(two, name), strict=True):
            assert Path(path).read_bytes() == Path(other).read_bytes()
        counted = two.get_int_custom_property(f"num_examples_{name}")
        assert counted == one.get_int_custom_property(f"num_examples_{name}")


def test_features_can_be_chosen(data_dir, tmp_path):
    artifact = _run(tmp_path, data_dir=data_dir, splits={"eval": "test[:5]"}, features=["label"])
    examples = [tf.train.Example.FromString(record) for record in _records(artifact, "eval")]
    assert [list(example.features.feature) for example in examples] == [["label"]] * 5
    with pytest.raises(UsageError, match="no feature 'lable'. Did you mean 'label'"):
        _run(tmp_path / "b", data_dir=data_dir, features=["lable"])


@pytest.fixture
def broken(data_dir, tmp_path) -> str:
    """Validation with a flipped byte in record 0's data, and a record that is not a picture."""
    folder = _copy(data_dir, tmp_path / "broken")
    builder = source.open_builder("perceiver_digits", folder)
    shards = source.builder_records(builder, "validation").shards
    _flip(shards[0].path, 40)
    records = list(source.serialized_examples(builder, "validation[100:]"))
    last = shards[-1]
    bad = tf.train.Example.FromString(records[-1])
    bad.features.feature["image"].bytes_list.value[0] = b"no picture"
    kept = records[-last.take : -2] + [b"\xff\xff no example", bad.SerializeToString()]
    with tf.io.TFRecordWriter(last.path) as writer:
        for record in kept:
            writer.write(record)
    return folder


def test_corrupt_records_are_set_aside_with_their_reasons(broken, tmp_path):
    artifact = _run(
        tmp_path,
        data_dir=broken,
        splits={"validation": "validation"},
        task="image_classification",
        max_corrupt_share=0.05,
    )
    assert len(_records(artifact, "validation")) == 176
    assert artifact.get_int_custom_property("num_examples_validation") == 176
    assert artifact.get_int_custom_property("num_corrupt_validation") == 3
    letters = os.path.join(artifact.uri, "dead_letter")
    assert os.listdir(letters) == ["validation.jsonl"]
    with open(os.path.join(letters, "validation.jsonl")) as file:
        found = [json.loads(line) for line in file]
    assert [set(entry) for entry in found] == [{"file", "index", "reason"}] * 3
    assert found[0]["index"] == 0 and "checksum" in found[0]["reason"]
    assert "not a tf.train.Example" in found[1]["reason"]
    assert "not a PNG" in found[2]["reason"] and found[2]["index"] == found[1]["index"] + 1
    assert all(os.path.exists(entry["file"]) for entry in found)


def test_too_many_stop_the_run_and_the_reasons_outlive_it(broken, tmp_path):
    with pytest.raises(PerceiverError, match="3 of 179 records of split 'validation'") as caught:
        _run(
            tmp_path,
            data_dir=broken,
            splits={"validation": "validation"},
            task="image_classification",
            max_corrupt_share=0.01,
        )
    kept = str(tmp_path / "TfdsExampleGen" / "dead_letter" / "1" / "validation.jsonl")
    assert kept in str(caught.value)  # outside the artifact, which TFX removes
    with open(kept) as file:
        assert len(file.readlines()) == 3


def test_a_file_that_is_cut_off_is_named(data_dir, tmp_path):
    folder = _copy(data_dir, tmp_path / "cut")
    builder = source.open_builder("perceiver_digits", folder)
    shard = source.builder_records(builder, "test").shards[2]
    os.truncate(shard.path, os.path.getsize(shard.path) // 2)
    with pytest.raises(PerceiverError, match="test.tfrecord-00002-of-00005"):
        _run(tmp_path, data_dir=folder, splits={"test": "test"}, max_corrupt_share=0.5)


def test_sets_not_stored_as_tfrecord_are_serialized_anew(tmp_path):
    """`mock_data` replaces a data set of the catalogue; nothing of it is on disk."""
    with tfds.testing.mock_data(num_examples=7):
        builder = tfds.builder("mnist")
        expected = list(source.serialized_examples(builder, "train"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(source, "open_builder", lambda dataset, data_dir, **_: builder)
            artifact = _run(
                tmp_path,
                dataset="mnist",
                splits={"train": "train", "test": "test"},
                limits={"test": 4},
                task="image_classification",
            )
    assert _records(artifact, "train") == expected
    assert _records(artifact, "test") == expected[:4]


def test_tfx_reads_what_it_wrote_and_caches_by_fingerprint(data_dir, tmp_path):
    """LocalDagRunner with StatisticsGen and SchemaGen; twice, then with another fingerprint."""

    def run(fingerprint: str) -> list[str]:
        generate = TfdsExampleGen(
            dataset="perceiver_digits",
            data_dir=data_dir,
            splits={"train": "train[:50]", "test": "test[:20]"},
            task="image_classification",
            fingerprint=fingerprint,
        )
        statistics = StatisticsGen(examples=generate.outputs["examples"])
        schema = SchemaGen(statistics=statistics.outputs["statistics"], infer_feature_shape=True)
        LocalDagRunner().run(
            Pipeline(
                pipeline_name="examples",
                pipeline_root=str(tmp_path / "artifacts"),
                metadata_connection_config=(
                    metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite"))
                ),
                components=[generate, statistics, schema],
                enable_cache=True,
            )
        )
        return sorted(glob.glob(str(tmp_path / "artifacts/TfdsExampleGen/examples/*")))

    assert len(run("one")) == 1
    assert len(run("one")) == 1
    assert len(run("two")) == 2
    (path, *_) = glob.glob(str(tmp_path / "artifacts/SchemaGen/schema/*/schema.pbtxt"))
    schema = Path(path).read_text()
    assert 'name: "image"' in schema and 'name: "label"' in schema
