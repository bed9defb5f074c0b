"""The table of names: no name twice, layouts that mean the same, sizes that give the released models."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import signal

from perceiver_keras.convert import names

RNG = np.random.default_rng(5)
LAYOUTS = {
    "vector": (names.VECTOR, (4,)),
    "array": (names.ARRAY, (3, 4)),
    "kernel": (names.KERNEL, (3, 4)),
    "convolution": (names.CONVOLUTION, (7, 5, 3, 4)),
    "pointwise": (names.POINTWISE, (3, 4)),
    "batch_norm": (names.BATCH_NORM, (4,)),
}


def test_every_released_model_names_each_weight_once():
    for model, entry in names.RELEASED.items():
        rows = entry.rows(num_layers=3)
        for side in ("ours", "deepmind", "huggingface"):
            found = [getattr(row, side) for row in rows]
            assert len(set(found)) == len(found), (model, side)


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_are_undone_by_their_inverse(name):
    layout, shape = LAYOUTS[name]
    ours = RNG.normal(size=shape)
    for source in ("deepmind", "huggingface"):
        theirs = getattr(layout, f"to_{source}")(ours)
        assert theirs.ndim == getattr(layout, f"{source}_rank")
        np.testing.assert_array_equal(getattr(layout, f"from_{source}")(theirs), ours)


# What each layout means, by the formula that the other code computes with it.


def test_the_ports_linear_multiplies_by_the_transposed_weight():
    x, kernel = RNG.normal(size=(2, 3)), RNG.normal(size=(3, 4))
    weight = names.KERNEL.to_huggingface(kernel)  # [out, in]
    np.testing.assert_allclose(np.einsum("bi,oi->bo", x, weight), x @ kernel)


def test_the_ports_convolution_correlates_one_plane_per_pair_of_channels():
    kernel, picture = RNG.normal(size=(3, 2, 2, 4)), RNG.normal(size=(6, 5, 2))
    weight = names.CONVOLUTION.to_huggingface(kernel)  # [out, in, h, w]
    for out in range(4):
        port = sum(signal.correlate2d(picture[..., i], weight[out, i], "valid") for i in range(2))
        windows = np.lib.stride_tricks.sliding_window_view(picture, (3, 2), axis=(0, 1))
        np.testing.assert_allclose(port, np.einsum("yxihw,hwi->yx", windows, kernel[..., out]))


def test_a_pointwise_convolution_is_a_linear_layer():
    kernel, picture = RNG.normal(size=(2, 4)), RNG.normal(size=(6, 5, 2))
    haiku = names.POINTWISE.to_deepmind(kernel)  # [1, 1, in, out]
    port = names.POINTWISE.to_huggingface(kernel)  # [out, in, 1, 1]
    assert haiku.shape == (1, 1, 2, 4) and port.shape == (4, 2, 1, 1)
    np.testing.assert_allclose(np.einsum("yxi,hwio->yxo", picture, haiku), picture @ kernel)
    np.testing.assert_allclose(np.einsum("yxi,oihw->yxo", picture, port), picture @ kernel)


def test_haikus_batch_norm_broadcasts_over_pictures():
    scale, pictures = RNG.normal(size=4), RNG.normal(size=(2, 6, 5, 4))
    haiku = names.BATCH_NORM.to_deepmind(scale)
    assert haiku.shape == (1, 1, 1, 4)
    np.testing.assert_array_equal(pictures * haiku, pictures * scale)


# === The released models ===

IMAGENET = {
    "num_latents": 512, "latent_dim": 1024, "encode.hidden": 1024,
    "process.qk_dim": 1024, "process.v_dim": 1024, "process.hidden": 1024,
    "query_dim": 1024, "decode.qk_dim": 1024, "decode.v_dim": 1024, "decode.hidden": 1024,
    "output_dim": 1000, "channels": 3,
}  # fmt: skip
SMALL = {
    "latent_dim": 512, "encode.hidden": 512,
    "process.qk_dim": 512, "process.v_dim": 512, "process.hidden": 512,
    "decode.qk_dim": 512, "decode.v_dim": 512,
}  # fmt: skip


def both(stage: str, size: int) -> dict[str, int]:
    """Queries and keys as wide as the values."""
    return {f"{stage}.qk_dim": size, f"{stage}.v_dim": size}


# The sizes of the released models (docs/architecture.md, Released settings), the self-attention layers
# per block, and the number of parameters in the released files.
RELEASED = {
    "language_mlm_bytes": (
        {
            "vocabulary": 262, "length": 2048, "input_dim": 768, "query_dim": 768,
            "num_latents": 256, "latent_dim": 1280,
            "encode.qk_dim": 256, "encode.v_dim": 1280, "encode.hidden": 1280,
            "process.qk_dim": 256, "process.v_dim": 1280, "process.hidden": 1280,
            "decode.qk_dim": 256, "decode.v_dim": 768, "decode.hidden": 768,
        },
        26,
        201_108_230,
    ),
    "imagenet_learned_position_encoding": (
        IMAGENET | both("encode", 512)
        | {"input_dim": 512, "stem": 256, "places": 224 * 224, "position": 256, "projection": 256},
        6,
        62_255_848,
    ),
    "imagenet_fourier_position_encoding": (
        IMAGENET | both("encode", 261) | {"input_dim": 261},
        6,
        48_440_627,
    ),
    "imagenet_conv_preprocessing": (
        IMAGENET | both("encode", 322) | {"input_dim": 322, "stem": 64},
        6,
        48_646_522,
    ),
    "optical_flow": (
        SMALL | both("encode", 322)
        | {"num_latents": 2048, "input_dim": 322, "patch": 54, "stem": 64}
        | {"query_dim": 322, "decode.hidden": 322, "output_dim": 2},
        24,
        41_057_134,
    ),
    "video_autoencoding": (
        SMALL | both("encode", 704)
        | {"num_latents": 784, "input_dim": 704, "output_dim": 512}
        | {"audio.padding": 303, "image.padding": 461, "label.padding": 4}
        | {"audio.query_padding": 641, "image.query_padding": 831, "label.query_padding": 2}
        | {"label.query_dim": 1024, "query_dim": 1026, "decode.hidden": 1026}
        | {"audio.output_dim": 16, "image.output_dim": 3, "label.output_dim": 700},
        8,
        19_858_855,
    ),
}  # fmt: skip


@pytest.mark.parametrize("model", RELEASED)
def test_the_released_sizes_give_the_released_number_of_parameters(model):
    sizes, num_layers, expected = RELEASED[model]
    rows = names.RELEASED[model].rows(num_layers)
    shapes = {row.ours: [sizes.get(n, n) for n in row.shape] for row in rows if not row.state}
    assert sum(math.prod(shape) for shape in shapes.values()) == expected
