"""The classifier: answers for people, and positions that tell a picture from its mirror image."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from perceiver_keras.errors import UsageError
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


def test_pictures_of_every_kind_one_or_several(model, tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (8, 8), np.uint8)
    (tmp_path / "IMG1.PNG").write_bytes(png(pixels))
    answer = model.classify(png(pixels), top=3)
    one_of_each = [tmp_path / "IMG1.PNG", str(tmp_path / "IMG1.PNG"), Image.fromarray(pixels)]
    for one in [*one_of_each, pixels, pixels[..., None], pixels / 255]:
        assert model.classify(one, top=3) == answer
    together = model.classify(np.stack([pixels] * 2)[..., None], top=3)
    assert [[e["label"] for e in one] for one in together] == [[e["label"] for e in answer]] * 2
    assert len(model.classify((one for one in one_of_each), top=3)) == 3
    assert model.classify([]) == model.answer([]) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (b"x", "the picture: not a PNG, JPEG"),
        ([b"x"], "the picture: not a PNG, JPEG"),
        ([np.zeros((8, 8)), 3], r"picture 2: expected a path.*got 3 \(int\)"),
        (None, "a list of these; got None"),
        (np.zeros((1, 8, 8), np.uint8), "channels first"),
        (np.full((8, 8), np.nan), "got nan"),
        ("none.png", "none.png: No such file"),
    ],
)
def test_what_is_not_a_picture_is_said(model, wrong, words):
    with pytest.raises(UsageError, match=words):
        model.classify(wrong)


def test_a_picture_and_its_mirror_image_are_not_the_same(model):
    """Attention sees a set: without positions the four patches of 2x2 equal pixels would be interchangeable."""
    blocks = np.kron(np.random.default_rng(0).uniform(-1, 1, (1, 4, 4)), np.ones((1, 2, 2)))
    picture = blocks[..., None].astype(np.float32)
    logits, mirrored = model(picture).numpy(), model(picture[:, :, ::-1]).numpy()
    assert logits.shape == (1, 10) and np.abs(logits - mirrored).max() > 1e-3
