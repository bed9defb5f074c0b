"""Autoencoding of clips: frames, sound and label to the same again (paper, section 4.3): the seven stages.

The model and its inputs and outputs are in `multimodal_model.py`. Targets are as the inputs, the label a number.
In training an example is judged at some of its pixels and patches of sound alone (paper, App. I).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.data import audio, image, video
from perceiver_keras.errors import UsageError
from perceiver_keras.metrics import ColumnRatio
from perceiver_keras.tasks import clips
from perceiver_keras.tasks.multimodal_model import (
    MultimodalAutoencoder,
    MultimodalAutoencodingConfig,
)
from perceiver_keras.tasks.multimodal_presets import PRESETS
from perceiver_keras.tasks.task import Labels, Task
from perceiver_keras.tasks.top_labels import top_labels

# === Data: one stored example -> (clip, clip) ===


def feature_spec(config: MultimodalAutoencodingConfig) -> dict[str, Any]:
    return {
        "frames": tf.io.FixedLenFeature([config.model.num_frames], tf.string),
        "audio": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.int64),
    }


def check(features: Mapping[str, Any], config: MultimodalAutoencodingConfig) -> str | None:
    """Why a stored example can't be used, or None."""
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


def check_dataset(labels: Labels | None, config: MultimodalAutoencodingConfig) -> None:
    classes = config.model.num_classes
    if labels is not None and len(labels) != classes:
        raise UsageError(
            f"Data set {config.data.dataset!r} has {len(labels)} classes but model.num_classes is {classes}; "
            f"add --set model.num_classes={len(labels)}."
        )


def sample_rate(config: MultimodalAutoencodingConfig) -> int:
    """Samples a second: the model's clip is as long to the ear as to the eye."""
    return config.model.audio_samples * video.FRAMES_PER_SECOND // config.model.num_frames


def prepare(
    features: Mapping[str, tf.Tensor],
    config: MultimodalAutoencodingConfig,
    training: bool,
    seed: tf.Tensor,
) -> tuple[dict[str, Any], dict[str, tf.Tensor] | None]:
    """Decodes a clip; in training also draws the points, with replacement, that are asked for."""
    m, label = config.model, features.get("label")
    frames = video.decode_frames(features["frames"], m.image_size)
    sound = audio.decode_wav(features["audio"], m.audio_samples, sample_rate(config))
    inputs = to_input(frames, sound, config)
    if label is None:  # to be served: the label is hidden from the model there
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
    """int32 [count] indices below `size`; for None, all."""
    if count is None:
        return tf.range(size)
    own = tf.random.experimental.stateless_fold_in(seed, stream, alg="philox")
    return tf.random.stateless_uniform([count], own, maxval=size, dtype=tf.int32, alg="philox")


def to_input(
    frames: tf.Tensor, sound: tf.Tensor, config: MultimodalAutoencodingConfig
) -> dict[str, tf.Tensor]:
    """One clip as the model takes it, its label unknown."""
    label = tf.zeros([config.model.num_classes], tf.float32)
    return {"image": frames, "audio": sound[:, None], "label": label}


# === Loss and metrics ===


@keras.saving.register_keras_serializable(package="perceiver_keras")
class ClipLoss(keras.losses.Loss):
    """Mean absolute errors of pixels and samples and the label's cross-entropy, weighed (paper, App. I).

    Call: targets and outputs {"image" [B, ..., C], "audio" [B, S], "label": integers [B], logits [B, classes]}
    -> float32 [B].
    """

    def __init__(
        self,
        image_weight: float,
        audio_weight: float,
        label_weight: float,
        name: str = "clip_loss",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.weights = {"image": image_weight, "audio": audio_weight, "label": label_weight}

    def call(self, y_true: Mapping[str, tf.Tensor], y_pred: Mapping[str, tf.Tensor]) -> tf.Tensor:
        labels = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=tf.cast(y_true["label"], tf.int64), logits=y_pred["label"]
        )
        errors = {"label": labels} | {
            name: tf.reduce_mean(tf.abs(_rows(y_true[name]) - _rows(y_pred[name])), axis=1)
            for name in ("image", "audio")
        }
        return tf.add_n([self.weights[name] * errors[name] for name in errors])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {f"{k}_weight": w for k, w in self.weights.items()}


def loss(config: MultimodalAutoencodingConfig) -> keras.losses.Loss:
    t = config.train
    return ClipLoss(t.image_weight, t.audio_weight, t.label_weight)


COLUMNS = ("video_psnr", "audio_psnr", "accuracy", "clips")


def columns(targets: Mapping[str, tf.Tensor], outputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """float32 [B, 4]: PSNR of video and audio in dB (peak 1), whether the label is right, and 1."""
    right = tf.equal(tf.argmax(outputs["label"], axis=-1), tf.cast(targets["label"], tf.int64))
    right = tf.cast(right, tf.float32)
    video_psnr, audio_psnr = (
        _psnr(_rows(targets[name]), _rows(outputs[name])) for name in ("image", "audio")
    )
    return tf.stack([video_psnr, audio_psnr, right, tf.ones_like(right)], axis=-1)


def _psnr(target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """[B, n] twice -> [B]: -10 log10 of the mean squared error, 100 at most."""
    error = tf.reduce_mean(tf.math.squared_difference(target, output), axis=1)
    return -10.0 / math.log(10.0) * tf.math.log(tf.maximum(error, 1e-10))


def _rows(array: tf.Tensor) -> tf.Tensor:
    return tf.reshape(tf.cast(array, tf.float32), [tf.shape(array)[0], -1])


def metrics(config: MultimodalAutoencodingConfig) -> list[keras.metrics.Metric]:
    return [ColumnRatio(i, 3, name, columns) for i, name in enumerate(COLUMNS[:3])]


def figures(
    outputs: Mapping[str, tf.Tensor],
    targets: Mapping[str, tf.Tensor],
    config: MultimodalAutoencodingConfig,
) -> dict[str, tf.Tensor]:
    return {"columns": columns(targets, outputs)}


def figure_metrics(config: MultimodalAutoencodingConfig) -> list[keras.metrics.Metric]:
    return [ColumnRatio(i, 3, name) for i, name in enumerate(COLUMNS[:3])]


def baseline(dataset: tf.data.Dataset, config: MultimodalAutoencodingConfig) -> dict[str, float]:
    """Always the mean picture of these clips, silence, and their commonest label."""
    m = config.model
    total = np.zeros([m.num_frames, *m.image_size, m.channels])
    counts = np.zeros(m.num_classes, np.int64)
    for _, targets in dataset:
        total += targets["image"].numpy().sum(0)
        counts += np.bincount(targets["label"].numpy(), minlength=m.num_classes)
    mean = (total / max(counts.sum(), 1)).astype(np.float32)
    chosen = metrics(config)
    for _, targets in dataset:
        size = len(targets["label"])
        guess = {
            "image": tf.repeat(mean[None], size, axis=0),
            "audio": tf.zeros_like(targets["audio"]),
            "label": tf.one_hot([int(counts.argmax())] * size, m.num_classes),
        }
        for metric in chosen:
            metric.update_state(targets, guess)
    return {metric.name: float(metric.result()) for metric in chosen}


# === Serve ===


def serving_spec(config: MultimodalAutoencodingConfig) -> dict[str, tf.TensorSpec]:
    return {
        "frames_bytes": tf.TensorSpec([None, None], tf.string),
        "audio_bytes": tf.TensorSpec([None], tf.string),
    }


def serve(
    model: keras.Model,
    raw: Mapping[str, Any],
    config: MultimodalAutoencodingConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    """Encoded frames [B, T], a WAV each [B] -> `video` [B, T, H, W, 3], `audio` [B, S], `probabilities` [B, classes].

    Frames are 25 a second, sound of any rate. A clip longer than the model's is taken window by window, one
    after the other in memory; the last one is filled up with its last frame and silence, and cut again.
    """
    m = config.model
    encoded, wavs = (tf.convert_to_tensor(raw[name]) for name in ("frames_bytes", "audio_bytes"))
    batch, frames = tf.shape(encoded)[0], tf.shape(encoded)[1]
    windows = (frames + m.num_frames - 1) // m.num_frames
    order = tf.minimum(tf.range(windows * m.num_frames), frames - 1)
    encoded = tf.reshape(tf.gather(encoded, order, axis=1), [batch, windows, m.num_frames])
    sound = tf.map_fn(
        lambda wav: audio.decode_wav(wav, windows * m.audio_samples, sample_rate(config)),
        wavs,
        fn_output_signature=tf.TensorSpec([None], tf.float32),
    )
    sound = tf.reshape(sound, [batch, windows, m.audio_samples])

    def one(window: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        inputs = tf.map_fn(
            lambda clip: to_input(video.decode_frames(clip[0], m.image_size), clip[1], config),
            window,
            fn_output_signature=_input_spec(config),
        )
        return respond(model(inputs, training=False), config, labels)

    outputs = tf.map_fn(
        one,
        (tf.transpose(encoded, [1, 0, 2]), tf.transpose(sound, [1, 0, 2])),
        parallel_iterations=1,
        fn_output_signature={
            "video": tf.TensorSpec([None, m.num_frames, *m.image_size, m.channels]),
            "audio": tf.TensorSpec([None, m.audio_samples]),
            "probabilities": tf.TensorSpec([None, m.num_classes]),
        },
    )
    clip = tf.transpose(outputs["video"], [1, 0, 2, 3, 4, 5])
    clip = tf.reshape(clip, [batch, -1, *m.image_size, m.channels])
    sound = tf.reshape(tf.transpose(outputs["audio"], [1, 0, 2]), [batch, -1])
    return {
        "video": clip[:, :frames],
        "audio": sound[:, : frames * (m.audio_samples // m.num_frames)],
        "probabilities": tf.reduce_mean(outputs["probabilities"], axis=0),
    }


def _input_spec(config: MultimodalAutoencodingConfig) -> dict[str, tf.TensorSpec]:
    m = config.model
    return {
        "image": tf.TensorSpec([m.num_frames, *m.image_size, m.channels]),
        "audio": tf.TensorSpec([m.audio_samples, 1]),
        "label": tf.TensorSpec([m.num_classes]),
    }


def respond(
    outputs: Mapping[str, tf.Tensor], config: MultimodalAutoencodingConfig, labels: Labels | None
) -> dict[str, tf.Tensor]:
    return {
        "video": outputs["image"],
        "audio": outputs["audio"],
        "probabilities": tf.nn.softmax(outputs["label"]),
    }


# === Show ===


def show(
    model: keras.Model,
    inputs: Mapping[str, tf.Tensor],
    targets: Mapping[str, tf.Tensor],
    config: MultimodalAutoencodingConfig,
    labels: Labels | None,
) -> dict[str, Any]:
    """Some clips beside their reconstructions, and which labels are taken for which."""
    from perceiver_keras.show import classification
    from perceiver_keras.show import clips as drawn

    names = labels or [str(i) for i in range(config.model.num_classes)]
    outputs = {name: value.numpy() for name, value in model(inputs, training=False).items()}
    truth = np.asarray(targets["label"])
    rows = [
        drawn.Row(
            *(np.asarray(targets["image"][i]), outputs["image"][i]),
            *(np.asarray(targets["audio"][i]), outputs["audio"][i]),
            f"{names[truth[i]]}, said to be {names[outputs['label'][i].argmax()]}",
        )
        for i in range(min(4, len(truth)))
    ]
    return {
        "Clips and their reconstructions": drawn.reconstructions(rows),
        "Confusion matrix": classification.confusion_matrix(truth, outputs["label"], names),
    }


TASK = Task(
    name="multimodal_autoencoding",
    summary="Video, sound and label, and back.",
    model_class=MultimodalAutoencoder,
    presets=PRESETS,
    feature_spec=feature_spec,
    label_key="label",
    check=check,
    check_dataset=check_dataset,
    prepare=prepare,
    loss=loss,
    metrics=metrics,
    figures=figures,
    figure_metrics=figure_metrics,
    prediction_key="columns",
    serving_spec=serving_spec,
    serve=serve,
    respond=respond,
    requests=clips.requests,
    read=clips.as_inputs,
    answer=top_labels,
    picture=clips.picture,
    formats={".mp4": clips.film_of, ".wav": clips.sound_of},
    baseline=baseline,
    show=show,
)
