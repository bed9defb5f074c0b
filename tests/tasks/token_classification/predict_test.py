"""Texts and files as requests, and runs of tags as entities with Hugging Face's keys."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.token_classification import predict
from tests.tasks.token_classification.small import CONFIG, small_model


def test_entities_have_hugging_face_s_keys():
    names = np.array([[b"name", b"name", b"name", b"", b"number", b"number", b""]], object)
    scores = np.array([[0.5, 0.7, 0.9, 1.0, 0.25, 0.75, 0.0]], np.float32)
    outputs = {"text": np.array(["aé 12".encode()], object), "entity": names, "score": scores}
    assert predict.answers(outputs, None, 5) == [
        [
            {"entity": "name", "score": 0.7, "index": 1, "word": "aé", "start": 0, "end": 2},
            {"entity": "number", "score": 0.5, "index": 2, "word": "12", "start": 3, "end": 5},
        ]
    ]


def test_requests_are_texts_and_files(tmp_path):
    (tmp_path / "a.py").write_bytes(b"x = 1\ny = 2\n")
    found = list(predict.requests(["import re", str(tmp_path / "a.py")]))
    assert [request.content for request in found] == [b"import re", b"x = 1\ny = 2\n"]
    with pytest.raises(UsageError, match="Name a text"):
        next(predict.requests([]))


def outputs(content: bytes, tags: list[bytes], scores: list[float]) -> dict:
    return {
        "text": np.array([content], object),
        "entity": np.array([tags], object),
        "score": np.array([scores], np.float32),
    }


def test_a_character_of_several_bytes_has_one_tag():
    """The bytes of the e with an accent disagree: the surer one counts, and no character is cut."""
    tags = [b"a", b"a", b"b", b"b"]
    (found,) = predict.answers(outputs("x\u00e9y".encode(), tags, [0.5, 0.3, 0.6, 0.5]), None, 5)
    assert [(e["entity"], e["word"], e["start"], e["end"]) for e in found] == [
        ("a", "x", 0, 1),
        ("b", "\u00e9y", 1, 3),
    ]
    assert [e["score"] for e in found] == [0.5, pytest.approx((0.3 + 0.6 + 0.5) / 3, abs=1e-6)]


CHARACTERS = st.text("aé日🙂\ufffd").map(str.encode)


@given(
    st.one_of(CHARACTERS, st.binary(), st.tuples(CHARACTERS, st.binary()).map(b"".join)), st.data()
)
def test_offsets_are_of_the_text_s_own_characters(content, data):
    size = len(content)
    tags = data.draw(st.lists(st.sampled_from([b"", b"a", b"b"]), min_size=size, max_size=size))
    (found,) = predict.answers(outputs(content, tags, [0.5] * size), None, 5)
    text = content.decode("utf-8", "replace")
    assert all(text[e["start"] : e["end"]] == e["word"] != "" for e in found)
    places = [place for e in found for place in (e["start"], e["end"])]
    assert places == sorted(places) and all(0 <= place <= len(text) for place in places)
    assert predict.characters(content)[1][-1:] == [size][: len(text)]


def test_a_line_names_entities_with_their_words():
    entity = {"entity": "name", "word": "x", "score": 0.575}
    assert predict.line([entity, entity]) == "name 'x' 57.5%  name 'x' 57.5%"
    assert predict.line([]) == "no entity"


def test_a_verdict_is_a_tag_of_a_byte_and_shows_the_text_around_it():
    content = np.frombuffer(b"if x: 12", np.uint8).astype(np.int32) + 6
    inputs = {"ids": tf.constant([content, content]), "mask": tf.ones([2, 8], tf.bool)}
    targets = np.full([2, 8], -1, np.int32)
    targets[0, :4] = 0, 1, 2, 0  # the rest is not asked
    targets[1] = 1
    said = predict.verdicts(small_model(), inputs, tf.constant(targets), CONFIG)
    logits = small_model()(inputs).numpy()
    np.testing.assert_array_equal(said.truth, [0, 1, 2, 0, *[1] * 8])
    np.testing.assert_array_equal(
        said.probabilities.argmax(-1), [*logits[0, :4].argmax(-1), *logits[1].argmax(-1)]
    )
    assert list(said.names) == list(CONFIG.model.tags)
    assert said.example(1) == "i[f] x" and said.example(4 + 7) == "if x: 1[2]"
