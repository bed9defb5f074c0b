"""Whole examples: keys by feature and measure, and nothing that is stored raises."""

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from perceiver_keras.data.described.decode import decode_example
from perceiver_keras.data.described.example import describe, measured
from perceiver_keras.data.described.kinds import Kind
from perceiver_keras.data.described.measures import measure_of
from perceiver_keras.data.wav_file import encode


def png(pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(file, "PNG")
    return file.getvalue()


KINDS: dict[str, Kind] = {
    "image": "picture",
    "frames": "pictures",
    "audio": "sound",
    "data/review": "text",
    "flow": "flow",
    "valid": "mask",
    "occluded": "mask",
    "entities": "entities",
    "mask": "mask",
    "pick": "choice",
    "label": "label",
    "also": "labels",
    "tags": "tags",
    "score": "number",
    "task": "category",
}
FEATURES = {
    "image": [png(np.full([3, 4], 9))],
    "frames": [png(np.full([3, 4], 9))] * 2,
    "audio": [encode(np.zeros(800), 8000)],
    "data/review": [b"two words"],
    "flow": [np.ones([3, 4, 2], "<f4").tobytes()],
    "valid": [png(np.full([3, 4], 255))],
    "occluded": [png(np.zeros([3, 4]))],
    "entities": [1.0, 2.0, 3.0, 4.0],
    "mask": [1, 0],
    "pick": [0, 1],
    "label": [1],
    "also": [0, -1],
    "tags": [b"011"],
    "score": [0.5],
    "task": [b"cola"],
    "unknown": [b"not looked at"],
}


def test_an_example_of_all_kinds():
    found = describe(FEATURES, KINDS, ["no", "yes"])
    assert found["image/height"] == 3 and found["image/mean"] == 9
    assert found["frames/frames"] == 2 and found["audio/level"] == -120
    assert found["data/review/words"] == 2 and found["flow/valid"] == 1
    assert found["flow/occluded"] == 0 and found["entities/column_1"] == 2
    assert (found["pick/outcome"], found["label"], found["also"]) == (b"won", b"yes", [b"no"])
    assert (found["tags"], found["score"], found["task"]) == ([b"1"], 0.5, b"cola")
    # The table knows all of it.
    assert [key for key in found if measure_of(key, KINDS) is None] == []
    lost = [key for key in found if key.endswith("/undecodable")]
    assert len(lost) == 5 and not any(found[key] for key in lost)
    assert {type(value) for value in found.values()} <= {int, float, bytes, list}


def test_arrays_are_taken_as_lists_are():
    arrays = {
        name: np.array(values, object if isinstance(values[0], bytes) else None)
        for name, values in FEATURES.items()
    }
    assert describe(arrays, KINDS) == describe(FEATURES, KINDS)
    assert measured(decode_example(FEATURES, KINDS)) == describe(FEATURES, KINDS)


def test_what_cannot_be_decoded_is_counted_and_has_no_other_measure():
    broken = FEATURES | {"image": [b"no picture"], "entities": [1.0, 2.0, 3.0], "pick": [1]}
    broken |= {"flow": [np.ones([3, 3, 2], "<f4").tobytes()]}
    found = describe(broken, KINDS)
    for feature in ("image", "entities", "flow", "pick"):
        assert {k: v for k, v in found.items() if k.split("/")[0] == feature} == {
            f"{feature}/undecodable": 1
        }


def test_missing_features_have_no_keys():
    assert describe({}, KINDS) == {}
    assert describe({"flow": FEATURES["flow"], "valid": [b""]}, KINDS).keys() == {
        "flow/undecodable",
        "flow/not_finite",
        *(f"flow/{name}" for name in ("median", "p95", "right", "down")),
    }


anything = st.one_of(
    st.lists(st.binary(max_size=40), max_size=3),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4),
    st.lists(st.floats(width=32), max_size=4),
)


@given(st.dictionaries(st.sampled_from(list(KINDS)), anything))
def test_nothing_that_is_stored_raises(features):
    for key in describe(features, KINDS):
        assert measure_of(key, KINDS) is not None, key


def test_tags_and_columns_have_the_names_of_their_feature():
    features = {"tags": [b"0110"], "entities": [1.0, 2.0], "mask": [1]}
    kinds = {"tags": "tags", "entities": "entities", "mask": "mask"}
    parts = {"tags": ["space", "word"], "entities": ["health", "armour"]}
    found = describe(features, kinds, parts=parts)
    assert found["tags"] == [b"word"]
    assert (found["entities/column_health"], found["entities/column_armour"]) == (1, 2)
