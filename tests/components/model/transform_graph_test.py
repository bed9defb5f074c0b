"""Transform's graph on features as a task's spec parses them; its words for the Trainer, and not for the export."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils

from perceiver_keras.components.model.transform_graph import (
    TransformGraph,
    count_words,
    word_counts,
)

TEXTS = [b"one two", b"two  three", b"two"]
LONGEST = 10
# As SchemaGen infers it: a scalar is a list of one, and a feature that some example lacks is sparse.
INFERRED = {
    "text": tf.io.FixedLenFeature([1], tf.string),
    "size": tf.io.FixedLenFeature([1], tf.float32),
    "point": tf.io.VarLenFeature(tf.int64),
}


@pytest.fixture(scope="module")
def graph(tmp_path_factory) -> str:
    """Transform's output: `size` is brought to a maximum of 1 over all examples, and `point` made dense."""

    folder = tmp_path_factory.mktemp("graph")

    def preprocessing_fn(inputs):
        count_words(tf.strings.split(tf.reshape(inputs["text"], [-1])).flat_values)
        return {
            "text": inputs["text"],
            "size": inputs["size"] / tft.max(inputs["size"]),
            "point": tf.reshape(tf.sparse.to_dense(inputs["point"]), [-1, 2]),
        }

    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(INFERRED))
    rows = [{"text": [t], "size": [float(len(t))], "point": [1, 2]} for t in TEXTS]
    with tft_beam.Context(temp_dir=str(folder / "scratch")):
        _, transform = (rows, metadata) | tft_beam.AnalyzeAndTransformDataset(preprocessing_fn)
        transform | tft_beam.WriteTransformFn(str(folder / "graph"))
    metadata_io.write_metadata(metadata, str(folder / "graph" / "metadata"))
    return str(folder / "graph")


def test_features_come_as_the_tasks_spec_has_them_whatever_was_inferred(graph) -> None:
    module = TransformGraph(graph)
    made = module(
        {
            "text": tf.constant([b"a", b"b"]),
            "size": tf.constant([2.0, 6.0]) * LONGEST,
            "point": tf.constant([[3, 4], [5, 6]], tf.int64),
        }
    )
    np.testing.assert_allclose(tf.reshape(made["size"], [-1]), [2.0, 6.0])
    np.testing.assert_array_equal(made["point"], [[3, 4], [5, 6]])
    assert tf.reshape(made["text"], [-1]).numpy().tolist() == [b"a", b"b"]


def test_words_are_counted_over_all_examples(graph) -> None:
    assert word_counts(graph) == Counter(word for text in TEXTS for word in text.split())


def test_an_export_leaves_the_words_behind(graph, tmp_path: Path) -> None:
    module = tf.Module()
    module.transform = TransformGraph(graph)
    serve = tf.function(
        lambda text, size, point: module.transform({"text": text, "size": size, "point": point})
    )
    serve = serve.get_concrete_function(
        tf.TensorSpec([None], tf.string, "text"),
        tf.TensorSpec([None], tf.float32, "size"),
        tf.TensorSpec([None, 2], tf.int64, "point"),
    )
    tf.saved_model.save(module, str(tmp_path / "export"), signatures=serve)
    assert [path.name for path in Path(graph).rglob("words")] == ["words"]
    assert [path.name for path in tmp_path.rglob("*") if path.name == "words"] == []
    found = tf.saved_model.load(str(tmp_path / "export")).signatures["serving_default"]
    answer = found(
        text=tf.constant([b"as it is"]),
        size=tf.constant([8.0]) * LONGEST,
        point=tf.constant([[7, 8]], tf.int64),
    )
    assert answer["text"].numpy().ravel().tolist() == [b"as it is"]
    assert answer["size"].numpy().ravel().tolist() == [8.0]
