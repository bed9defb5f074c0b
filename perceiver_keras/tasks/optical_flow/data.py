"""From a stored pair of frames to (frames, truth).

Frames are float32 [2, H, W, C] in [-1, 1]. Truth is float32 [H, W, 4]: the true flow in pixels, x first, then valid and
occluded (0 or 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from perceiver_keras.autograph import unconverted
from perceiver_keras.data import image
from perceiver_keras.data.described.kinds import Kind
from perceiver_keras.data.flow import augment
from perceiver_keras.data.seeds import fold_in
from perceiver_keras.data.store.batches import EPOCH, SEEN
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.contract.examples import Examples, Labels
from perceiver_keras.tasks.optical_flow.own_data import OWN_DATA, settings_of
from perceiver_keras.tasks.optical_flow.presets import OpticalFlowConfig
from perceiver_keras.tasks.shared.pictures import check_channels


def spec(config: OpticalFlowConfig) -> dict[str, Any]:
    """Encoded pictures, and the flow's bytes: little-endian float32 [H, W, 2].

    `valid` and `occluded` may be missing, but only in a pair without flow.
    """
    must, may = (tf.io.FixedLenFeature([], tf.string, default_value=d) for d in (None, ""))
    return {"frame1": must, "frame2": must, "flow": must, "valid": may, "occluded": may}


def check(features: Mapping[str, Any], config: OpticalFlowConfig) -> str | None:
    """Why a stored pair can't be used, or None."""
    found = {name: (features.get(name) or [b""])[0] for name in spec(config)}
    for name, content in found.items():
        if not content:
            return f"feature {name!r} is missing or empty"
    sizes = {}
    for name in ("frame1", "frame2", "valid", "occluded"):
        if reason := image.check_image(found[name]):
            return f"feature {name!r}: {reason}"
        sizes[name] = image.image_size(found[name])
    height, width = sizes["frame1"]
    for name, size in sizes.items():
        if size != (height, width):
            return f"feature {name!r} has {size[0]}x{size[1]} pixels, but frame1 {height}x{width}"
    if len(found["flow"]) != 8 * height * width:
        return (
            f"feature 'flow' has {len(found['flow'])} bytes; {height}x{width} pixels of two float32 "
            f"are {8 * height * width}"
        )
    if not np.isfinite(np.frombuffer(found["flow"], "<f4")).all():
        return "feature 'flow' has values that are not finite; unknown flow must be 0 and not valid"
    return None


def check_dataset(labels: Labels | None, config: OpticalFlowConfig) -> None:
    if labels is not None:
        raise UsageError(
            f"Data set {config.data.dataset!r} has classes, not pairs of frames with flow."
        )
    check_channels(config)


@unconverted
def prepare(
    features: Mapping[str, tf.Tensor], config: OpticalFlowConfig, training: bool, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Decode, augment or crop, scale: frames [2, H, W, C] and truth [H, W, 4], float32.

    In training, a piece of the model's size is taken from anywhere in the frames; otherwise from the middle.
    """
    size, data = config.model.image_size, config.data
    channels = config.model.channels
    frames = [image.decode_image(features[name], channels) for name in ("frame1", "frame2")]
    frames = tf.cast(tf.stack(frames), tf.float32) / 255.0
    shape = tf.shape(frames)[1:3]
    truth = decode_truth(features, shape)
    if not training:
        frames, truth = augment.apply_map(frames, truth, augment.centre_crop(shape, size), size)
    else:
        progress = run_progress(features, config)
        is_plain = progress >= 1.0 - data.plain
        if data.plain:
            # Every second epoch, so that each pair is fed both ways; a hash of its flow determines which way first.
            parity = tf.strings.to_hash_bucket_fast(features["flow"], 2)
            epoch = tf.cast(features.get(EPOCH, 0), tf.int64)
            turned = is_plain & ((epoch + parity) % 2 == 1)
            frames, truth = tf.cond(
                turned, lambda: augment.reverse(frames, truth), lambda: (frames, truth)
            )
        frames, truth = _crop_or_augment(frames, truth, config, progress, is_plain, seed)
    return 2.0 * frames - 1.0, truth if "flow" in features else None


def _crop_or_augment(
    frames: tf.Tensor,
    truth: tf.Tensor,
    config: OpticalFlowConfig,
    progress: tf.Tensor,
    is_plain: tf.Tensor,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    size, data = config.model.image_size, config.data

    def crop() -> tuple[tf.Tensor, tf.Tensor]:
        place = augment.random_crop(tf.shape(truth)[:2], size, fold_in(seed, 2))
        return augment.apply_map(frames, truth, place, size)

    def augmented() -> tuple[tf.Tensor, tf.Tensor]:
        strength = tf.clip_by_value(progress / max(data.growing, 1e-6), 0.0, 1.0)
        return augment.augment(frames, truth, size, data.augmentation, strength, seed)

    if data.augmentation is None:
        return crop()
    return tf.cond(is_plain, crop, augmented) if data.plain else augmented()


MASKS = ("valid", "occluded")


def decode_truth(features: Mapping[str, tf.Tensor], shape: tf.Tensor) -> tf.Tensor:
    """Flow, valid and occluded of a stored pair, float32 [H, W, 4]; zeros where there is no flow."""
    if "flow" not in features:
        return tf.zeros([shape[0], shape[1], 4])
    flow = tf.reshape(tf.io.decode_raw(features["flow"], tf.float32), [shape[0], shape[1], 2])
    masks = [tf.cast(image.decode_image(features[m], 1) > 127, tf.float32) for m in MASKS]
    return tf.concat([flow, *masks], axis=-1)


def run_progress(features: Mapping[str, tf.Tensor], config: OpticalFlowConfig) -> tf.Tensor:
    """Which share of the run lies before this example, float32 []; 0 where its place in the run is unknown."""
    train = config.train
    examples = train.steps * train.gradient_accumulation * config.data.batch_size
    seen = tf.cast(features.get(SEEN, tf.constant(0, tf.int64)), tf.float64)
    return tf.cast(seen / examples, tf.float32)


def kinds(config: OpticalFlowConfig) -> dict[str, Kind]:
    masks: dict[str, Kind] = {name: "mask" for name in MASKS}
    return {"frame1": "picture", "frame2": "picture", "flow": "flow", **masks}


EXAMPLES = Examples(
    spec=spec,
    label_key="flow",
    check=check,
    check_dataset=check_dataset,
    prepare=prepare,
    kinds=kinds,
    own_data=OWN_DATA,
    settings_of=settings_of,
)
