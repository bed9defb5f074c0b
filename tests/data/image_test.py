"""Pictures against PIL, SciPy and NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import ndimage

from perceiver_keras.data import image
from tests.data.picture_samples import COLOUR, FILES, exif, segment, with_segments


def test_resize_matches_pil_with_antialias():
    found = image.resize(COLOUR, [12, 10], "bicubic", antialias=True)
    expected = Image.fromarray(COLOUR).resize((10, 12), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(found, np.asarray(expected, np.float32), atol=3)
    assert found.dtype == tf.float32


def test_central_crop_takes_the_middle_seven_eighths():
    """224 of 256: a 512-row ramp, wider than high, loses 32 rows on either side."""
    ramp = np.broadcast_to(np.arange(512.0)[:, None, None], (512, 700, 1))
    found = image.central_crop(tf.constant(ramp, tf.float32), 224).numpy()
    assert found.shape == (224, 224, 1)
    # 448 rows from row 32; the centre of output row i lies at 32 + 2 i + 0.5.
    np.testing.assert_allclose(found[5:-5, 100, 0], 32.5 + 2 * np.arange(224)[5:-5], atol=1e-2)
    columns = np.broadcast_to(np.arange(700.0)[None, :, None], (512, 700, 1))
    found = image.central_crop(tf.constant(columns, tf.float32), 224).numpy()
    np.testing.assert_allclose(found[100, 5:-5, 0], 126.5 + 2 * np.arange(224)[5:-5], atol=1e-2)
    part = image.central_part(tf.constant(columns, tf.float32), 224)
    np.testing.assert_allclose(part, [32 / 512, 126 / 700, 480 / 512, 574 / 700], atol=1e-6)


def _seed(number: int) -> tf.Tensor:
    return tf.constant([number, 7], tf.int32)


def test_random_boxes_have_the_recipes_areas_and_shapes():
    areas, ratios, places = [], [], set()
    random_box = tf.function(lambda seed: image._random_box(tf.constant([90, 120, 3]), seed))
    for number in range(150):
        top, left, height, width = random_box(_seed(number)).numpy()
        assert 0 <= top <= 90 - height and 0 <= left <= 120 - width
        areas.append(height * width / (90 * 120))
        ratios.append(width / height)
        places.add((top, left))
    # Whole pixels round the limits a little.
    assert 0.07 < min(areas) < 0.2 and 0.8 < max(areas) <= 1.0
    assert 0.72 < min(ratios) < 0.85 and 1.2 < max(ratios) < 1.4
    assert len(places) > 100


def test_random_crop_flip_is_pure_and_flips_half():
    ramp = tf.constant(np.broadcast_to(np.arange(64.0)[None, :, None], (64, 64, 3)), tf.float32)
    crop = tf.function(lambda seed: image.random_crop_flip(ramp, 16, seed))
    flips = 0
    for number in range(80):
        first = crop(_seed(number))
        np.testing.assert_array_equal(first, crop(_seed(number)))
        flips += bool(first[8, 4, 0] > first[8, 12, 0])
    np.testing.assert_array_equal(first, image.random_crop_flip(ramp, 16, _seed(79)))
    assert 24 <= flips <= 56  # 40 +- 3.6 standard deviations


@pytest.mark.parametrize("name", ["jpeg colour", "png colour", "jpeg grey"])
def test_decoding_the_crop_alone_gives_the_same_picture(name):
    """But for a JPEG's coarser colour planes, interpolated otherwise at the edge of a crop."""
    encoded = FILES[name][0]
    for number in range(8):
        whole = image.random_crop_flip(image.decode_image(encoded, 3), 16, _seed(number))
        part = image.decode_random_crop_flip(tf.constant(encoded), 3, 16, _seed(number))
        assert part.shape == (16, 16, 3)
        assert np.mean(np.abs(whole - part)) < 1.5


def test_random_affine_is_scipy_s_with_the_drawn_turn_scale_and_move():
    picture = np.random.default_rng(0).uniform(0, 255, (9, 14, 2)).astype(np.float32)
    affine = tf.function(
        lambda seed: image.random_affine(tf.constant(picture), 20.0, 0.2, 3.0, seed)
    )
    for number in range(10):
        drawn = tf.random.stateless_uniform([5], _seed(number), -1.0, 1.0, alg="philox").numpy()
        turn = np.radians(20 * drawn[0])
        rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        scales = np.array([1 + 0.2 * drawn[1], 1 + 0.2 * drawn[2]])  # rows, columns
        # Output minus the moved centre, turned back and scaled back, plus the centre, is read.
        matrix = np.array(
            [
                [rotation[0, 0] / scales[0], rotation[0, 1] / scales[0]],
                [rotation[1, 0] / scales[1], rotation[1, 1] / scales[1]],
            ]
        )
        centre = np.array([4.0, 6.5])
        offset = centre - matrix @ (centre + 3 * drawn[3:5])
        found = affine(_seed(number)).numpy()
        for channel in range(2):
            expected = ndimage.affine_transform(
                picture[..., channel].astype(np.float64),
                matrix,
                offset,
                order=1,
                mode="grid-constant",
            )
            np.testing.assert_allclose(found[..., channel], expected, atol=0.02)


def test_random_affine_of_nothing_is_nothing():
    picture = np.arange(64, dtype=np.float32).reshape(8, 8, 1)
    np.testing.assert_allclose(image.random_affine(picture, 0, 0, 0, _seed(1)), picture, atol=1e-5)


def test_normalise_undone_gives_the_picture():
    found = image.normalise(tf.constant(COLOUR)).numpy()
    again = found * np.array(image.IMAGENET_STDDEV) + np.array(image.IMAGENET_MEAN)
    np.testing.assert_allclose(again, COLOUR, atol=1e-4)
    np.testing.assert_allclose(image.normalise([[[3.0]]], [1.0], [2.0]), [[[1.0]]])


def test_no_operation_keeps_a_state():
    """What has a state cannot be saved with an iterator, nor repeated."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.string), tf.TensorSpec([2], tf.int32)])
    def everything(encoded, seed):
        crop = image.decode_random_crop_flip(encoded, 3, 16, seed)
        return image.normalise(image.random_affine(crop, 10.0, 0.1, 2.0, seed))

    definition = everything.get_concrete_function().graph.as_graph_def()
    nodes = list(definition.node) + [n for f in definition.library.function for n in f.node_def]
    random = {node.op for node in nodes if "andom" in node.op or "Sample" in node.op}
    assert random and all(op.startswith("Stateless") for op in random), random


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_crop_is_drawn_in_the_picture_as_it_is_looked_at(orientation):
    encoded = with_segments(FILES["jpeg colour"][0], segment(exif(orientation)))
    for number in range(4):
        whole = image.random_crop_flip(image.decode_image(encoded, 3), 16, _seed(number))
        part = image.decode_random_crop_flip(tf.constant(encoded), 3, 16, _seed(number))
        assert np.mean(np.abs(whole - part)) < 1.5
