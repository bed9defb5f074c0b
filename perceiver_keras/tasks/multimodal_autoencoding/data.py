"""From a stored clip to (inputs, targets), which are the same clip.

In training the loss reads only some pixels and patches of sound of each example (paper, App. I).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from perceiver_keras.autograph import unconverted
from perceiver_keras.data import audio, image
from perceiver_keras.data.described.kinds import Kind
from perceiver_keras.data.seeds import fold_in
from perceiver_keras.data.video.clips import FRAMES_PER_SECOND, decode_frames
from perceiver_keras.tasks.contract.examples import Examples
from perceiver_keras.tasks.multimodal_autoencoding.own_data import OWN_DATA, settings_of
from perceiver_keras.tasks.multimodal_autoencoding.presets import MultimodalAutoencodingConfig
from perceiver_keras.tasks.shared.labels import check_num_classes


def spec(config: MultimodalAutoencodingConfig) -> dict[str, Any]:
    return {
        "frames": tf.io.FixedLenFeature([config.model.num_frames], tf.string),
        "audio": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.int64),
    }


def check(features: Mapping[str, Any], config: MultimodalAutoencodingConfig) -> str | None:
    """Why a stored example can't be used; None if it can."""
    for name in ("frames", "audio", "label"):
        if not features.get(name):
            return f"feature {name!r} is missing or empty"
    frames, label = features["frames"], features["label"][0]
    if len(frames) != config.model.num_frames:
        return f"{len(frames)} frames; the model takes {config.model.num_frames}"
    if not 0 <= label < config.model.num_classes:
        return f"label {label} is not in 0 to {config.model.num_classes - 1}"
    for number, frame in enumerate(frames):
        if reason := image.check_image(frame):
            return f"frame {number}: {reason}"
    reason = audio.check_wav(features["audio"][0])
    return reason and f"audio: {reason}"


def sample_rate(config: MultimodalAutoencodingConfig) -> int:
    """Samples per second, so that the sound lasts as long as the frames."""
    return config.model.audio_samples * FRAMES_PER_SECOND // config.model.num_frames


@unconverted
def prepare(
    features: Mapping[str, tf.Tensor],
    config: MultimodalAutoencodingConfig,
    training: bool,
    seed: tf.Tensor,
) -> tuple[dict[str, Any], dict[str, tf.Tensor] | None]:
    """Decodes a clip; in training also draws the points to reconstruct, with replacement."""
    m, label = config.model, features.get("label")
    frames = decode_frames(features["frames"], m.image_size)
    sound = audio.decode_wav(features["audio"], m.audio_samples, sample_rate(config))
    inputs = to_input(frames, sound, config)
    if label is None:  # serving, where the label is hidden from the model
        return inputs, None
    inputs["label"] = tf.one_hot(label, m.num_classes)
    targets = {"image": frames, "audio": sound, "label": label}
    pixels = tf.reshape(frames, [-1, m.channels])
    patches = tf.reshape(sound, [-1, m.samples_per_patch])
    wanted = {"image": config.data.image_points, "audio": config.data.audio_points}
    if training and any(wanted.values()):
        points = {}
        for stream, (name, whole) in enumerate((("image", pixels), ("audio", patches))):
            points[name] = _draw(wanted[name], whole.shape[0], seed, stream)
            targets[name] = tf.gather(whole, points[name])
        inputs["points"] = points
        targets["audio"] = tf.reshape(targets["audio"], [-1])
    return inputs, targets


def _draw(count: int | None, size: int, seed: tf.Tensor, stream: int) -> tf.Tensor:
    """int32 [count] indices below `size`; if `count` is None, all of them in order."""
    if count is None:
        return tf.range(size)
    own = fold_in(seed, stream)
    return tf.random.stateless_uniform([count], own, maxval=size, dtype=tf.int32, alg="philox")


def to_input(
    frames: tf.Tensor, sound: tf.Tensor, config: MultimodalAutoencodingConfig
) -> dict[str, tf.Tensor]:
    """Frames [T, H, W, 3] and samples [S] as the inputs of one example, the label unknown."""
    label = tf.zeros([config.model.num_classes], tf.float32)
    return {"image": frames, "audio": sound[:, None], "label": label}


def kinds(config: MultimodalAutoencodingConfig) -> dict[str, Kind]:
    return {"frames": "pictures", "audio": "sound", "label": "label"}


EXAMPLES = Examples(
    spec=spec,
    label_key="label",
    check=check,
    check_dataset=check_num_classes,
    prepare=prepare,
    kinds=kinds,
    own_data=OWN_DATA,
    settings_of=settings_of,
)
