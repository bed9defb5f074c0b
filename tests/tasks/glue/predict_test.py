"""Requests as people write them, answers with Hugging Face's keys, and their pictures."""

from __future__ import annotations

import pytest

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.glue import predict
from tests.tasks.glue.small import ask, small_model


def test_requests_in_words(tmp_path):
    (tmp_path / "lines.txt").write_bytes(b"cola: One.\n\nRTE: two ||| three\n")
    given = ["sst-2: Fine: really.", str(tmp_path / "lines.txt"), "rte: only one", "colla: x", "x"]
    found = list(predict.requests(given))
    assert found[0].content == ("sst2", b"Fine: really.", b"")
    assert found[1].content == ("cola", b"One.", b"")
    assert found[2].content == ("rte", b"two", b"three")
    assert "takes two sentences" in found[3].error
    assert "Did you mean 'cola'" in found[4].error
    assert "no task is named" in found[5].error
    assert "is empty" in next(predict.requests(["cola: "])).error
    with pytest.raises(UsageError, match="TASK: sentence"):
        next(predict.requests([]))


def test_answers_have_hugging_face_s_keys():
    model = small_model()
    found = ask(model, ("mnli", "a", "b"), ("cola", "a", ""), ("stsb", "a", "b"), ("ax", "a", "b"))
    answers = predict.answers(found, None, 2)
    assert [len(answer) for answer in answers] == [2, 2, 2, 2]  # of the score: its two keys
    assert answers[0][0]["score"] >= answers[0][1]["score"]
    assert 0 < answers[2]["score"] < 5
    assert answers[1] == model.classify([("cola", "a")], top=2)[0]


def test_a_picture_shows_each_request_with_its_best_answer():
    contents = [("rte", b"One.", b"Two \xff"), ("stsb", "a", "b")]
    answers = [[{"label": "entailment", "score": 0.75}], {"label": "score", "score": 3.14}]
    drawn = [text.get_text() for text in predict.picture(contents, [], answers).axes[0].texts]
    assert drawn == ["rte", "One. | Two \ufffd", "entailment 75%", "stsb", "a | b", "3.1"]
