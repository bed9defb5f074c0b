"""What TFX calls, on texts: the words that Transform counts, and the vocabulary that the Trainer learns from them."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from pydoc_data.topics import topics
from types import SimpleNamespace

import pytest
import tensorflow as tf
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils
from tfx.components.tuner import executor
from tfx.types import standard_artifacts
from tfx.types.standard_artifacts import TransformGraph as TransformGraphArtifact

from perceiver_keras.components.model.transform_graph import word_counts
from perceiver_keras.config_tree import override, to_dict
from perceiver_keras.data.text import sentencepiece
from perceiver_keras.errors import UsageError
from perceiver_keras.pipeline import user_module
from perceiver_keras.pipeline.search import best_of
from perceiver_keras.tasks import registry

pytestmark = [pytest.mark.tfx]

TASK = registry.get("language_mlm")
CONFIG = override(TASK.preset("tiny_sentencepiece").config, "model.vocabulary=306")
TEXTS = [
    *(topics[name].encode() for name in ("assert", "in", "lists", "numbers", "strings")),
    b"two  spaces and a tab\there \r\nanother line\n\n   \n",
    "\xe9t\xe9 \u65e5\u672c\u8a9e \u2581 \u65e5\u672c".encode(),
    b"\xff is no UTF-8, \xe9 neither",
    b"",
]


def analysed(config, folder: Path) -> str:
    """Transform's output for `TEXTS`, as TFX's component makes it with `preprocessing_fn`."""
    custom = {"task": TASK.name, "preset": "tiny_sentencepiece", "config": to_dict(config)}
    spec = TASK.examples.spec(config)
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    with tft_beam.Context(temp_dir=str(folder / "scratch")):
        (_, made), transform = (
            [{"text": text} for text in TEXTS],
            metadata,
        ) | tft_beam.AnalyzeAndTransformDataset(
            lambda inputs: user_module.preprocessing_fn(inputs, custom)
        )
        transform | tft_beam.WriteTransformFn(str(folder / "graph"))
    assert [feature.name for feature in made.schema.feature] == ["text"]
    metadata_io.write_metadata(metadata, str(folder / "graph" / "metadata"))
    return str(folder / "graph")


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return analysed(CONFIG, tmp_path_factory.mktemp("words"))


def test_transform_counts_every_word_of_every_text(graph):
    expected = Counter()
    for text in TEXTS:
        for line in re.split(r"[\r\n]", text.decode("utf-8", "replace").replace("\t", " ")):
            expected.update(word.encode() for word in re.split("(?= )", line) if word)
    assert expected[b" "] > 10 and expected["\ufffd".encode()] == 1
    assert word_counts(graph) == expected


def test_the_trainers_vocabulary_is_that_of_training_without_a_pipeline(graph, tmp_path):
    def learned(config):
        found = user_module._learned(TASK, config, arguments)
        return Path(found.data.sentencepiece), found

    arguments = SimpleNamespace(
        transform_graph_path=graph, custom_config={"state_dir": str(tmp_path / "state")}
    )
    path, config = learned(CONFIG)
    assert path.is_relative_to(tmp_path / "state")
    assert path.read_bytes() == sentencepiece.train(sentencepiece.counted(TEXTS), 306)
    assert TASK.examples.vocabulary.resources(config)[0].vocabulary == 306
    assert override(config, "data.sentencepiece=train") == CONFIG
    before = path.stat().st_mtime_ns
    assert learned(CONFIG) == (path, config) and path.stat().st_mtime_ns == before
    arguments.custom_config["vocabulary_dir"] = str(tmp_path / "words")
    assert learned(CONFIG)[0].is_relative_to(tmp_path / "words")  # TrivialGuess has it from there
    del arguments.custom_config["vocabulary_dir"]
    assert learned(override(CONFIG, "model.vocabulary=206"))[0] != path  # as a search may try
    with pytest.raises(UsageError, match="vocabulary of 90000 ids"):
        learned(override(CONFIG, "model.vocabulary=90000"))


def test_tfx_s_own_tuner_takes_our_search(graph, tmp_path):
    """The component's executor: what it passes to `tuner_fn`, and what it writes for the Trainer."""
    config = override(
        CONFIG,
        *("train.steps=2", "train.warmup_steps=1", "model.process.num_self_attention_layers=1"),
        *("data.batch_size=2", 'train.search={"train.learning_rate": [1e-5, 1e-2]}'),
    )
    features = [{"text": tf.train.Feature(bytes_list=tf.train.BytesList(value=[t]))} for t in TEXTS]
    for split in ("train", "validation"):
        (tmp_path / f"Split-{split}").mkdir()
        path = str(tmp_path / f"Split-{split}" / "examples.gz")
        with tf.io.TFRecordWriter(path, "GZIP") as file:
            for feature in features:
                example = tf.train.Example(features=tf.train.Features(feature=feature))
                file.write(example.SerializeToString())

    def artifact(kind, folder):
        found = kind()
        found.uri = str(folder)
        return [found]

    examples = artifact(standard_artifacts.Examples, tmp_path)
    examples[0].split_names = '["train", "validation"]'
    outputs = {
        "best_hyperparameters": artifact(standard_artifacts.HyperParameters, tmp_path / "best"),
        "tuner_results": artifact(standard_artifacts.TunerResults, tmp_path / "results"),
    }
    custom = {
        "task": TASK.name,
        "preset": "tiny_sentencepiece",
        "config": to_dict(config),
        "labels": None,
        "state_dir": str(tmp_path / "state"),
    }
    context = executor.Executor.Context(tmp_dir=str(tmp_path / "tmp"), unique_id="1")
    executor.Executor(context).Do(
        {"examples": examples, "transform_graph": artifact(TransformGraphArtifact, graph)},
        outputs,
        {
            "tuner_fn": "perceiver_keras.pipeline.user_module.tuner_fn",
            "train_args": '{"splits": ["train"]}',
            "eval_args": '{"splits": ["validation"]}',
            "custom_config": json.dumps(custom),
        },
    )
    best = json.loads((tmp_path / "best" / "best_hyperparameters.txt").read_text())
    (results,) = (tmp_path / "results").iterdir()
    tried = {row["train.learning_rate"]: row["score"] for row in json.loads(results.read_text())}
    assert set(tried) == {1e-5, 1e-2}
    assert tried[best["values"]["train.learning_rate"]] == max(tried.values())
    assert best_of(config, best).train.learning_rate == best["values"]["train.learning_rate"]


def test_nothing_is_counted_where_no_vocabulary_is_wanted(tmp_path):
    config = TASK.preset("tiny").config
    uri = analysed(config, tmp_path)
    assert word_counts(uri) is None
    arguments = SimpleNamespace(
        transform_graph_path=uri, custom_config={"state_dir": str(tmp_path)}
    )
    assert user_module._learned(TASK, config, arguments) is config
