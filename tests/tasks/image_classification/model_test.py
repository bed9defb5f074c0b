"""The classifier: answers for people, and positions that tell a picture from its mirror image."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_keras.tasks.image_classification.model import ImageClassifier
from tests.tasks.image_classification.pictures import png


@pytest.fixture(scope="module")
def model():
    return ImageClassifier.from_preset("tiny")


def test_answers_are_sorted_and_have_hugging_face_s_keys(model):
    (answer,) = model.classify([png(np.zeros((8, 8), np.uint8))], top=3)
    assert [set(a) for a in answer] == [{"label", "score"}] * 3
    scores = [a["score"] for a in answer]
    assert scores == sorted(scores, reverse=True)


def test_a_picture_and_its_mirror_image_are_not_the_same(model):
    """Attention sees a set: without positions the four patches of 2x2 equal pixels would be interchangeable."""
    blocks = np.kron(np.random.default_rng(0).uniform(-1, 1, (1, 4, 4)), np.ones((1, 2, 2)))
    picture = blocks[..., None].astype(np.float32)
    logits, mirrored = model(picture).numpy(), model(picture[:, :, ::-1]).numpy()
    assert logits.shape == (1, 10) and np.abs(logits - mirrored).max() > 1e-3
