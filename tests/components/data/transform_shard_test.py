"""A file through Transform's graph, against the function that the graph was made of, applied to each example."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform import impl_helper
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils

from perceiver_keras.components.data.describe_shard import Shard, read
from perceiver_keras.components.data.transform_shard import TransformShard
from perceiver_keras.data.store.records import write_records

FEATURES = {
    "number": tf.io.FixedLenFeature([], tf.int64),
    "pair": tf.io.FixedLenFeature([2], tf.float32),
    "words": tf.io.VarLenFeature(tf.string),
}


def example(number: int, pair: tuple[float, float], words: list[str]) -> bytes:
    made = tf.train.Example()
    made.features.feature["number"].int64_list.value.append(number)
    made.features.feature["pair"].float_list.value.extend(pair)
    made.features.feature["words"].bytes_list.value.extend(word.encode() for word in words)
    return made.SerializeToString(deterministic=True)


def make_graph(folder) -> str:
    def preprocessing_fn(inputs):
        doubled = 2 * inputs["number"] + 1
        return {"number": doubled, "pair": inputs["pair"][:, ::-1], "words": inputs["words"]}

    schema = schema_utils.schema_from_feature_spec(FEATURES)
    path = str(folder / "graph")
    metadata_io.write_metadata(
        dataset_metadata.DatasetMetadata(schema), f"{path}/{tft.TFTransformOutput.RAW_METADATA_DIR}"
    )
    impl_helper.analyze_in_place(
        preprocessing_fn,
        force_tf_compat_v1=False,
        feature_specs=FEATURES,
        type_specs=impl_helper.get_type_specs_from_feature_specs(FEATURES),
        transform_output_path=path,
    )
    return path


def test_each_example_is_transformed_in_its_place_and_a_second_time_to_the_same_bytes(tmp_path):
    """More examples than go through the graph together; some without words, one with many."""
    rows = [(n, (n / 2, -n), [f"w{i}" for i in range(n % 5)]) for n in range(70)]
    path = str(tmp_path / "examples" / "Split-train" / "data_tfrecord-00002-of-00003.gz")
    write_records((example(*row) for row in rows), path)
    shard, made = Shard("train", 2, path), tmp_path / "made"
    do_fn = TransformShard(make_graph(tmp_path), str(made))
    do_fn.setup()
    assert list(do_fn.process(shard)) == [("train", 70)]
    target = made / "Split-train" / "data_tfrecord-00002-of-00003.gz"
    assert list(read(str(target))) == [example(2 * n + 1, pair[::-1], w) for n, pair, w in rows]
    before = list(read(str(target)))
    assert list(do_fn.process(shard)) == [("train", 70)]
    assert list(read(str(target))) == before
    assert [p.name for p in made.rglob("*") if p.is_file()] == [target.name]
