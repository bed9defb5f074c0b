"""Texts and files as requests, and runs of tags as entities with Hugging Face's keys."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.token_classification import predict


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
