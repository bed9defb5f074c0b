"""The served graph against `predict_flow`: every size, in one trace."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.tasks.optical_flow import serve
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
