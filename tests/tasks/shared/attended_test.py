"""Maps of attention: the model's own, averaged in NumPy, at the places where the input is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from perceiver_keras.config_tree import override
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.image_classification.serve import decoded
from perceiver_keras.tasks.optical_flow.serve import decode_pairs
from perceiver_keras.tasks.shared import attended

HAVING = [name for name in registry.names() if registry.get(name).serving.attended]
TEXT = "ab [MASK]é".encode()


def picture(height: int, width: int, channels: int = 3) -> bytes:
    pixels = np.random.default_rng(height).integers(0, 256, [height, width, channels], np.uint8)
    return tf.io.encode_png(pixels).numpy()


def raw_of(name: str, config: Any) -> dict[str, Any]:
    """Two examples, as `serving_default` takes them."""
    if name == "image_classification":
        return {"image_bytes": [picture(8, 8, 1), picture(30, 20, 1)]}
    if name == "optical_flow":
        size = config.model.image_size
        return {f"frame{i}_bytes": [picture(*size)] * 2 for i in (1, 2)}
    return {"text": [TEXT, b"longer than it " * 100]}


def bytes_of(text: bytes, length: int, masks: bool) -> tuple[np.ndarray, np.ndarray]:
    """The released vocabulary (6 special ids, then the bytes), of our own."""
    mask_id = 3
    parts = text.split(b"[MASK]") if masks else [text]
    ids = [byte + 6 for byte in parts[0]]
    for part in parts[1:]:
        ids += [mask_id, *(byte + 6 for byte in part)]
    ids = ids[:length]
    row = np.zeros([length], np.int32)
    row[: len(ids)] = ids
    return row, np.arange(length) < len(ids)


def own_maps(name: str, model: Any, config: Any, raw: dict[str, Any]) -> np.ndarray:
    """The encoder's weights [B, heads, N, M] of the whole model, for the same inputs."""
    if name == "image_classification":
        inputs: Any = decoded(raw, config)
    elif name == "optical_flow":
        inputs = decode_pairs(raw["frame1_bytes"], raw["frame2_bytes"], config.model.channels)
    else:
        rows = [bytes_of(t, config.model.length, name == "language_mlm") for t in raw["text"]]
        ids, mask = (np.stack(parts) for parts in zip(*rows, strict=True))
        inputs = {"ids": tf.constant(ids), "mask": tf.constant(mask)}
    _, maps = model(inputs, training=False, return_attention=True)
    return maps["encode"].numpy()


@pytest.mark.parametrize("name", HAVING)
def test_it_is_the_model_s_own_attention_and_all_of_it(name: str) -> None:
    tf.keras.utils.set_random_seed(3)
    task = registry.get(name)
    config = task.preset("tiny").config
    model = task.build(config)
    raw = raw_of(name, config)
    expected = own_maps(name, model, config, raw).mean(axis=(1, 2), dtype=np.float64)
    found = task.serving.attended(model, raw, config)["attention"].numpy()
    np.testing.assert_allclose(found.reshape(2, -1), expected, atol=1e-6)
    np.testing.assert_allclose(found.reshape(2, -1).sum(1), 1, atol=1e-5)
    assert np.ptp(found[0]) > 1e-6, "it says something"

    # Latents that ask for nothing attend to all that is there, equally.
    model.encode.latents.assign(tf.zeros_like(model.encode.latents))
    even = task.serving.attended(model, raw, config)["attention"].numpy()
    if "text" in raw:
        there = len(TEXT) - (5 if name == "language_mlm" else 0)  # a mask is one
        np.testing.assert_allclose(even[0, :there], 1 / there, rtol=1e-4)
        assert (even[0, there:] == 0).all()
    else:
        np.testing.assert_allclose(even, 1 / even[0].size, rtol=1e-4)


def test_frames_of_another_size_are_scaled_to_the_model_s() -> None:
    task = registry.get("optical_flow")
    config = task.preset("tiny").config
    model = task.build(config)
    height, width = config.model.image_size
    small = np.random.default_rng(0).integers(0, 256, [height, width, 3], np.uint8)
    large = np.asarray(Image.fromarray(small).resize([2 * width, 2 * height], Image.NEAREST))
    maps = [
        task.serving.attended(
            model, {f"frame{i}_bytes": [tf.io.encode_png(one).numpy()] for i in (1, 2)}, config
        )["attention"].numpy()
        for one in (small, large)
    ]
    assert maps[0].shape == maps[1].shape == (1, *maps[0].shape[1:])
    np.testing.assert_allclose(*maps, atol=0.2 * maps[0].max())


def test_places_are_a_grid_in_the_picture_s_proportions() -> None:
    shares = tf.reshape(tf.range(24.0), [1, 24])
    assert attended.places(shares, 16, 24).shape == [1, 4, 6]
    assert attended.places(shares, 12, 16, frames=2).shape == [1, 2, 3, 4]
    np.testing.assert_array_equal(attended.places(shares, 4, 6)[0, 1], np.arange(6, 12))


def test_pieces_are_no_places_of_a_text() -> None:
    config = registry.get("language_mlm").preset("tiny").config
    attended.bytes_only(config)
    with pytest.raises(UsageError, match="models that read bytes"):
        attended.bytes_only(override(config, "data.sentencepiece=train"))
