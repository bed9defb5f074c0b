"""The served graph against `predict_flow`: every size, in one trace."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from perceiver_keras.tasks import registry
from perceiver_keras.tasks.optical_flow import serve
from perceiver_keras.tasks.optical_flow.frames import pixels_of
from tests.tasks.optical_flow.small_model import SIZES, pixels, png, small_model


def test_the_served_graph_is_predict_flow_for_every_size_in_one_trace():
    model, traces = small_model(), []

    @tf.function
    def serving(frame1_bytes, frame2_bytes):
        traces.append(1)
        raw = {"frame1_bytes": frame1_bytes, "frame2_bytes": frame2_bytes}
        return serve.serve(model, raw, model.task_config, None)

    served = serving.get_concrete_function(**serve.spec(model.task_config))
    assert served.structured_outputs["flow"].shape.as_list() == [None, None, None, 2]
    for size in SIZES:
        first, second = [pixels(*size) for _ in range(2)], [pixels(*size) for _ in range(2)]
        flow = served(
            frame1_bytes=tf.constant([png(f) for f in first]),
            frame2_bytes=tf.constant([png(f) for f in second]),
        )["flow"]
        own = model.predict_flow(first, second)
        np.testing.assert_allclose(flow, own, rtol=1e-4, atol=1e-5 * np.abs(own).max())
    assert len(traces) == 1
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"the same size.*\[12 16 3\].*\[5 40 3\]"
    ):
        served(
            frame1_bytes=tf.constant([png(pixels(12, 16))]),
            frame2_bytes=tf.constant([png(pixels(5, 40))]),
        )
    with pytest.raises(tf.errors.InvalidArgumentError, match="The request has no frames"):
        served(frame1_bytes=tf.fill([0], ""), frame2_bytes=tf.fill([0], ""))


def test_pairs_are_decoded_in_order():
    frames = [pixels(3, 4) for _ in range(4)]
    encoded = [png(frame) for frame in frames]
    for channels in (3, 1):
        pairs = serve.decode_pairs(encoded[::2], encoded[1::2], channels).numpy()
        pixels_in = np.stack(frames).reshape(2, 2, 3, 4, 3)
        if channels == 1:
            pixels_in = np.rint(pixels_in @ [0.299, 0.587, 0.114])[..., None]
        # A grey level may round the other way.
        np.testing.assert_allclose(
            pairs, pixels_in / 127.5 - 1, atol=1e-6 if channels == 3 else 0.01
        )


def test_two_phone_photographs_of_one_scene_are_one_size():
    """One stored upright, the other lying and turned by its EXIF."""
    upright = np.add.outer(np.arange(0, 160, 10), np.arange(0, 72, 6)).astype(np.uint8)
    upright = Image.fromarray(np.stack([upright] * 3, -1))
    exif = Image.Exif()
    exif[0x0112] = 6
    contents = []
    for picture, turn in ((upright, b""), (upright.rotate(90, expand=True), exif.tobytes())):
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=100, exif=turn)
        contents.append(buffer.getvalue())
    frames = serve.decode_pairs(contents[:1], contents[1:], 3)
    assert frames.shape == (1, 2, 16, 12, 3)
    np.testing.assert_allclose(frames[0, 0], frames[0, 1], atol=0.05)
    np.testing.assert_allclose(frames[0, 1], pixels_of(contents[1]), atol=1e-6)


def test_frames_of_the_models_size_are_served_as_training_prepares_them():
    config = registry.get("optical_flow").preset("tiny").config
    height, width = config.model.image_size
    sizes = [(height, width), (height + 1, width), (height, 2 * width)]
    raw = {"frame1_bytes": tf.constant([png(pixels(*size)) for size in sizes])}
    assert serve.as_trained(raw, config).numpy().tolist() == [True, False, False]
