"""Records to the slices that they belong to."""

from __future__ import annotations

import pytest
import tensorflow as tf

from perceiver_keras.components.model.slices import Cutter, Slicing
from perceiver_keras.errors import UsageError

KINDS = {"image": "picture", "text": "text", "label": "label", "labels": "labels"}


def record(**features) -> bytes:
    made = {}
    for name, values in features.items():
        made[name] = tf.train.Feature(
            **(
                {"bytes_list": tf.train.BytesList(value=values)}
                if isinstance(values[0], bytes)
                else {"int64_list": tf.train.Int64List(value=values)}
            )
        )
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()


@pytest.mark.parametrize(
    "slices, expected",
    [
        ([], []),
        (["label"], [("label", "dog")]),
        (["text/words:2,3"], [("text/words", "3..")]),
        (["labels"], [("labels", "cat"), ("labels", "bird")]),
        (["label", "text/script"], [("label", "dog"), ("text/script", "Latin")]),
    ],
)
def test_an_example_is_cut_by_names_and_measures(slices, expected) -> None:
    cut = Cutter(Slicing(slices=slices, kinds=KINDS, names=["cat", "dog", "bird"]))
    found = cut(record(text=[b"one two three"], label=[1], labels=[0, 2, -1]))
    assert found == expected


def test_without_names_labels_are_numbers_and_what_is_missing_has_no_slice() -> None:
    cut = Cutter(Slicing(slices=["label", "text/words:2"], kinds=KINDS))
    assert cut(record(label=[12])) == [("label", "12")]


def test_only_what_a_slice_needs_is_decoded() -> None:
    cut = Cutter(Slicing(slices=["label"], kinds=KINDS))
    assert cut(record(image=[b"no picture"], label=[0])) == [("label", "0")]


def test_json_and_back_is_equal_and_a_wrong_slice_is_refused() -> None:
    slicing = Slicing(slices=["label"], kinds=KINDS, names=["a"])
    assert Slicing.from_json(slicing.to_json()) == slicing
    with pytest.raises(UsageError, match="names nothing"):
        Cutter(Slicing(slices=["colour"], kinds=KINDS))


def test_tags_are_cut_by_their_names_and_json_is_as_it_was_without_any() -> None:
    slicing = Slicing(slices=["tags"], kinds={"tags": "tags"}, parts={"tags": ["space", "word"]})
    assert Cutter(slicing)(record(tags=[b"0110"])) == [("tags", "word")]
    assert Slicing.from_json(slicing.to_json()) == slicing
    assert "parts" not in Slicing(slices=["label"], kinds=KINDS).to_json()
