"""TrivialGuess on real data: digits, and texts whose vocabulary Transform's words make."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils
from tfx.types import artifact_utils, standard_artifacts

from perceiver_keras.components.model.transform_graph import count_words
from perceiver_keras.components.trivial_guess import Guess, TrivialGuess, read
from perceiver_keras.config_tree import override, to_json
from perceiver_keras.data.store import source
from perceiver_keras.data.store.records import write_records
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import registry

pytestmark = pytest.mark.tfx

DIGITS = registry.get("image_classification")
CONFIG = DIGITS.preset("tiny").config
COUNT = 60


def artifact(kind, folder: Path):
    made = kind()
    made.uri = str(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return made


def stored(records: list[bytes], folder: Path):
    examples = artifact(standard_artifacts.Examples, folder)
    examples.split_names = artifact_utils.encode_split_names(["test"])
    (folder / "Split-test").mkdir()
    write_records(records, str(folder / "Split-test" / "data_tfrecord-00000-of-00001.gz"))
    return examples


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The first test examples, and how often their commonest class occurs."""
    builder = source.open_builder(CONFIG.data.dataset)
    records = source.take(source.builder_records(builder, "test"), COUNT)
    labels = [
        tf.train.Example.FromString(r).features.feature["label"].int64_list.value[0]
        for r in records
    ]
    share = max(Counter(labels).values()) / COUNT
    return stored(records, tmp_path_factory.mktemp("examples")), share


def guess_of(examples, folder: Path, *, task=DIGITS, config=CONFIG, thresholds=None, **more):
    guess = artifact(Guess, folder / "guess")
    TrivialGuess.test_call(
        examples=examples,
        guess=guess,
        task=task.name,
        config_json=to_json(config),
        thresholds_json=json.dumps(thresholds or {"accuracy": 0.97}),
        state_dir=str(folder / "state"),
        **more,
    )
    return read(guess.uri)


def test_the_commonest_class_of_the_test_split(digits, tmp_path):
    examples, share = digits
    found = guess_of(examples, tmp_path)
    assert found == {"metrics": {"accuracy": pytest.approx(share)}, "examples": COUNT}


def test_the_noted_number_of_examples_is_not_counted_again(digits, tmp_path):
    examples = standard_artifacts.Examples()
    examples.uri, examples.split_names = digits[0].uri, digits[0].split_names
    examples.set_int_custom_property("num_examples_test", 1234)
    assert guess_of(examples, tmp_path)["examples"] == 1234


def test_a_threshold_below_it_is_refused(digits, tmp_path):
    examples, share = digits
    with pytest.raises(UsageError) as told:
        guess_of(examples, tmp_path, thresholds={"accuracy": 0.05})
    assert f"accuracy is 0.05, but the trivial guess reaches {share:.4g} on the 60" in str(
        told.value
    )
    # Of a slice it says nothing, and a threshold at the guess itself is what own data set.
    guess_of(examples, tmp_path / "b", thresholds={"accuracy": share, "accuracy@label=3": 0.01})


def test_in_the_users_own_data_a_threshold_may_come_from_other_examples(digits, tmp_path):
    examples, share = digits
    own = override(CONFIG, "data.dataset=own_data/pictures-0123")
    few = override(CONFIG, "data.max_examples=60")
    for number, config in enumerate((own, few)):
        guess_of(examples, tmp_path / str(number), config=config, thresholds={"accuracy": 0.1})
        with pytest.raises(UsageError, match="any model would pass"):
            guess_of(
                examples, tmp_path / f"x{number}", config=config, thresholds={"accuracy": -1.0}
            )


def test_a_learned_vocabulary_is_the_trainers(tmp_path):
    """The guess is of pieces, which exist only once Transform has counted the words."""
    task = registry.get("language_mlm")
    config = override(task.preset("tiny_sentencepiece").config, "model.vocabulary=206")
    lines = "\n".join(topics[name] for name in ("assert", "in", "lists", "numbers")).splitlines()
    texts = [line.encode() for line in lines if len(line) > 20][:40]
    spec = task.examples.spec(config)
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))

    def preprocessing_fn(inputs):
        count_words(task.examples.vocabulary.words(inputs, config))
        return dict(inputs)

    with tft_beam.Context(temp_dir=str(tmp_path / "scratch")):
        rows = ([{"text": text} for text in texts], metadata)
        _, transform = rows | tft_beam.AnalyzeAndTransformDataset(preprocessing_fn)
        transform | tft_beam.WriteTransformFn(str(tmp_path / "graph"))
    metadata_io.write_metadata(metadata, str(tmp_path / "graph" / "metadata"))

    features = [
        {"text": tf.train.Feature(bytes_list=tf.train.BytesList(value=[text]))} for text in texts
    ]
    records = [
        tf.train.Example(features=tf.train.Features(feature=f)).SerializeToString()
        for f in features
    ]
    found = guess_of(
        stored(records, tmp_path / "examples"),
        tmp_path,
        task=task,
        config=config,
        thresholds={"accuracy": 0.9},
        transform_graph=artifact(standard_artifacts.TransformGraph, tmp_path / "graph"),
    )
    (path,) = Path(tmp_path / "state").rglob("*.model")  # where the Trainer finds it
    assert path.stat().st_size > 0 and found["examples"] == 40
    assert 0.0 < found["metrics"]["accuracy"] < 0.9
    assert np.isfinite(found["metrics"]["cross_entropy"])
