"""The paper's table of models, built at a small size."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from perceiver_keras.tasks.optical_flow.model import OpticalFlow
from perceiver_keras.tasks.optical_flow.presets import PRESETS


def test_every_preset_of_the_paper_s_table_builds_at_a_small_size():
    """(elements, queries, decoded channels) of the seven rows of Tab. 16, at 16x24 pixels."""
    expected = {
        "optical_flow": (384, 384, 2, 54),
        "optical_flow_apart": (768, 384, 2, 27),
        "optical_flow_pixels": (384, 384, 2, 6),
        "optical_flow_pixels_apart": (768, 384, 2, 3),
        "optical_flow_conv": (24, 24, 146, 6),
        "optical_flow_conv_apart": (48, 24, 146, 3),
        "optical_flow_conv_small": (24, 24, 146, 6),
    }
    presets = {name: preset.config for name, preset in PRESETS.items() if name != "tiny"}
    assert presets.keys() == expected.keys()
    frames = tf.constant(np.random.default_rng(0).uniform(-1, 1, (1, 2, 16, 24, 3)), tf.float32)
    for name, config in presets.items():
        model_config = dataclasses.replace(
            config.model,
            image_size=(16, 24),
            encode=dataclasses.replace(config.model.encode, num_latents=3, latent_dim=16),
            process=dataclasses.replace(
                config.model.process, num_self_attention_layers=1, num_self_attention_heads=2
            ),
        )
        model = OpticalFlow(model_config)
        assert model(frames).shape == (1, 16, 24, 2)
        array = model.preprocess(frames)
        stem = model.preprocess.stem
        kernel = stem.linear.kernel if hasattr(stem, "linear") else stem.convolutions[0].kernel
        assert (
            array.shape[1],
            model.query(array).shape[1],
            model.decode.config.output_dim,
            kernel.shape[-2],
        ) == expected[name]
        assert (config.train.optimizer, config.train.schedule) == ("lamb", "cosine")
    layers = presets["optical_flow_conv_small"].model
    assert (layers.encode.num_latents, layers.process.num_self_attention_layers) == (1024, 16)
