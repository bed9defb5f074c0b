"""Token classification's own: crops, tags, windows, entities with Hugging Face's keys, and errors."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config_tree import override
from perceiver_keras.data.text.byte_tokenizer import OFFSET
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import token_classification as tokens

CONFIG = override(
    tokens.PRESETS["tiny"].config,
    *("model.channels=8", "model.query_dim=8", "model.length=8"),
    *("model.encode.num_latents=4", "model.encode.latent_dim=16", "model.encode.qk_dim=8"),
    *("model.encode.v_dim=8", "model.process.num_self_attention_layers=1"),
    *("model.decode.qk_dim=8", "model.decode.v_dim=8"),
)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    model = tokens.TokenClassifier(CONFIG.model).build_all()
    model.task_config = CONFIG
    return model


def prepared(text, tags, training=False, seed=(0, 0)):
    features = {"text": tf.constant(text), "tags": tf.constant(tags)}
    inputs, targets = tokens.prepare(features, CONFIG, training, tf.constant(seed))
    shown = bytes((inputs["ids"].numpy()[inputs["mask"].numpy()] - OFFSET).tolist())
    return shown, targets.numpy().tolist()


def test_tags_go_with_their_bytes():
    assert prepared(b"ab=1", b"2263") == (b"ab=1", [2, 2, 6, 3, -1, -1, -1, -1])
    assert prepared(b"", b"") == (b"", [-1] * 8)
    text = bytes(range(65, 85))
    tags = bytes(ord("0") + i % 7 for i in range(20))
    seen = set()
    for seed in range(30):
        crop, targets = prepared(text, tags, True, (seed, 1))
        start = text.index(crop)
        assert targets == [tag - ord("0") for tag in tags[start : start + 8]]
        seen.add(start)
    assert min(seen) == 0
    assert max(seen) == 12
    assert prepared(text, tags)[0] == text[:8]


def test_long_texts_are_read_in_windows(model):
    short, long = b"x = 1", b"x = 1 + y # and so on"
    together = ask(model, short, long, b"")
    assert together["entity"].shape == (3, 24)
    for start in range(0, len(long), 8):
        alone = ask(model, long[start : start + 8])
        np.testing.assert_allclose(
            together["score"][1, start : start + 8], alone["score"][0], rtol=1e-5
        )
    assert list(together["text"]) == [short, long, b""]
    assert not together["score"][0, len(short) :].any()
    assert set(together["entity"][2]) == {b""}


def ask(model, *texts):
    outputs = tokens.serve(model, tokens.read(texts), CONFIG, None)
    return {key: value.numpy() for key, value in outputs.items()}


def test_entities_have_hugging_face_s_keys():
    names = np.array([[b"name", b"name", b"name", b"", b"number", b"number", b""]], object)
    scores = np.array([[0.5, 0.7, 0.9, 1.0, 0.25, 0.75, 0.0]], np.float32)
    outputs = {"text": np.array(["aé 12".encode()], object), "entity": names, "score": scores}
    assert tokens.answer(outputs, None, 5) == [
        [
            {"entity": "name", "score": 0.7, "index": 1, "word": "aé", "start": 0, "end": 2},
            {"entity": "number", "score": 0.5, "index": 2, "word": "12", "start": 3, "end": 5},
        ]
    ]


def test_any_bytes_are_tagged(model):
    (found,) = model.tag([b"\xff\x00[MASK]"])
    assert all(entity["entity"] in CONFIG.model.tags for entity in found)
    assert model.tag(["a b"]) == model.answer([b"a b"])


def test_figures_count_bytes():
    targets = tf.constant([[1, 0, 2, -1], [3, 3, 0, 0]])
    best = np.array([[1, 1, 2, 5], [3, 0, 0, 0]])
    logits = tf.constant(5.0 * np.eye(7)[best], tf.float32)
    found = {metric.name: metric for metric in tokens.metrics(CONFIG)}
    for metric in found.values():
        metric.update_state(targets, logits)
    assert float(found["accuracy"].result()) == pytest.approx(5 / 7)
    assert float(found["entity_accuracy"].result()) == pytest.approx(3 / 4)
    expected = tokens.loss(CONFIG)(targets, logits)
    assert float(found["cross_entropy"].result()) == pytest.approx(float(expected), rel=1e-5)
    trivial = tokens.baseline(tf.data.Dataset.from_tensors(({}, targets)), CONFIG)
    assert trivial["accuracy"] == pytest.approx(3 / 7)
    assert trivial["entity_accuracy"] == 0


def test_corrupt_examples_and_settings_are_refused_with_a_reason():
    assert tokens.check({"text": [b"ab"], "tags": [b"16"]}, CONFIG) is None
    assert "1 tags for 2 bytes" in tokens.check({"text": [b"ab"], "tags": [b"1"]}, CONFIG)
    assert "tags [9] are not in 0 to 6" in tokens.check({"text": [b"a"], "tags": [b"9"]}, CONFIG)
    with pytest.raises(UsageError, match="2 to 10 names"):
        tokens.check_dataset(None, override(CONFIG, 'model.tags=["a"]'))


def test_requests_are_texts_and_files(tmp_path):
    (tmp_path / "a.py").write_bytes(b"x = 1\ny = 2\n")
    found = list(tokens.requests(["import re", str(tmp_path / "a.py")]))
    assert [request.content for request in found] == [b"import re", b"x = 1\ny = 2\n"]
    with pytest.raises(UsageError, match="Name a text"):
        next(tokens.requests([]))
