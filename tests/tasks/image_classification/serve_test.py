"""Raw pictures of any size and colour to named tensors."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from perceiver_keras.data.image import check_image
from perceiver_keras.errors import first_line
from perceiver_keras.saved_model import disallowed_ops
from perceiver_keras.tasks.image_classification import serve
from perceiver_keras.tasks.image_classification.model import ImageClassifier
from perceiver_keras.tasks.image_classification.predict import pack
from perceiver_keras.tasks.image_classification.presets import TINY
from tests.tasks.image_classification.pictures import png

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def model():
    return ImageClassifier.from_preset("tiny")


def test_serving_raw_pictures_equals_calling_the_model(model):
    pictures = [RNG.integers(0, 256, (8, 8)).astype(np.uint8) for _ in range(3)]
    raw = pack([png(p) for p in pictures])
    outputs = serve.serve(model, raw, TINY, [f"class {i}" for i in range(10)])
    logits = model(np.stack(pictures)[..., None].astype(np.float32) / 127.5 - 1).numpy()
    exact = np.exp(logits.astype(np.float64))
    exact /= exact.sum(-1, keepdims=True)
    np.testing.assert_allclose(outputs["probabilities"], exact, rtol=1e-5)
    expected = [f"class {i}".encode() for i in exact.argmax(-1)]
    assert list(outputs["label"].numpy()) == expected


def test_colour_and_other_sizes_are_brought_to_the_model_s(model):
    grey = RNG.integers(0, 256, (8, 8)).astype(np.uint8)
    twice = np.kron(grey, np.ones((2, 2), np.uint8))  # bilinear halving takes it back
    same = [png(picture) for picture in (grey, np.repeat(grey[..., None], 3, -1), twice)]
    outputs = serve.serve(model, pack([*same, png(np.zeros((31, 17, 3), np.uint8))]), TINY, None)
    first, colour, large, other = outputs["probabilities"].numpy()
    np.testing.assert_allclose(colour, first, atol=1e-6)
    np.testing.assert_allclose(large, first, atol=1e-6)
    assert other.sum() == pytest.approx(1, abs=1e-5)


def test_classes_without_names_are_their_numbers(model):
    outputs = serve.serve(model, pack([png(np.zeros((8, 8), np.uint8))]), TINY, None)
    assert int(outputs["label"][0].numpy()) == outputs["probabilities"][0].numpy().argmax()


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    """The served graph as a file, and loaded from it."""
    folder = str(tmp_path_factory.mktemp("export"))

    class Served(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def __call__(self, image_bytes):
            return serve.serve(model, {"image_bytes": image_bytes}, TINY, None)

    module = Served()
    module.model = model
    tf.saved_model.save(module, folder)
    return folder, tf.saved_model.load(folder)


def _saved(picture: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def test_an_export_reads_what_training_reads(exported):
    folder, served = exported
    assert disallowed_ops(folder) == set()
    smooth = np.add.outer(np.arange(0, 160, 10), np.arange(0, 72, 6)).astype(np.uint8)
    picture = Image.fromarray(np.stack([smooth, smooth // 2, 255 - smooth], -1))
    exif = Image.Exif()
    exif[0x0112] = 6
    palette = picture.quantize(64)
    phone = _saved(picture, "JPEG", quality=100, subsampling=0, exif=exif.tobytes())
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(phone))).convert("RGB")
    assert upright.size == picture.size[::-1]
    pairs = [
        (phone, _saved(upright, "PNG")),
        (_saved(palette, "BMP") + bytes(2), _saved(palette, "PNG")),
        (_saved(palette, "PNG") + bytes(500), _saved(palette, "PNG")),
        (
            _saved(palette, "GIF", save_all=True, append_images=[palette.rotate(90)]),
            _saved(palette, "PNG"),
        ),
    ]
    found = served(tf.constant([one for pair in pairs for one in pair]))["probabilities"].numpy()
    # TensorFlow and PIL decode a JPEG a little differently, the other formats alike.
    np.testing.assert_allclose(found[:1], found[1:2], atol=2e-2)
    np.testing.assert_allclose(found[2::2], found[3::2], atol=1e-5)


def test_an_export_says_why_it_can_not_read_a_picture(exported):
    picture = Image.fromarray(RNG.integers(0, 256, (9, 9, 3)).astype(np.uint8))
    rle = bytearray(_saved(picture, "BMP"))
    rle[30] = 1
    for content in (_saved(picture, "WEBP"), bytes(rle), _saved(picture, "PNG")[:-20], b""):
        with pytest.raises(tf.errors.InvalidArgumentError) as error:
            exported[1](tf.constant([content]))
        assert f"image cannot be decoded: {check_image(content)}" in first_line(error.value)
