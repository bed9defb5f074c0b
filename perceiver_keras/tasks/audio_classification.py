"""Sounds to what is in them, several labels at once (paper, App. C: AudioSet): the seven stages.

The model and its inputs and outputs are in `audio_model.py`. Targets are float32 [B, classes], 1 for what is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras import config as c
from perceiver_keras.data import audio, image, video
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.metrics import BinnedAveragePrecision
from perceiver_keras.tasks import clips
from perceiver_keras.tasks.audio_model import (
    AudioClassificationConfig,
    AudioClassifier,
    AudioClassifierConfig,
    AudioData,
    Film,
    MelSound,
    RawSound,
    input_spec,
    to_input,
)
from perceiver_keras.tasks.requests import Request, expand, read
from perceiver_keras.tasks.task import Labels, Preset, Task
from perceiver_keras.tasks.top_labels import top_labels

# === Data: one stored example -> (sound, labels) ===


def feature_spec(config: AudioClassificationConfig) -> dict[str, Any]:
    spec = {
        "audio": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([config.data.max_labels], tf.int64),
    }
    if config.model.film is not None:
        spec["frames"] = tf.io.FixedLenFeature([_stored_frames(config)], tf.string)
    return spec


def _stored_frames(config: AudioClassificationConfig) -> int:
    return config.data.stored_frames or config.model.film.num_frames


def check(features: Mapping[str, Any], config: AudioClassificationConfig) -> str | None:
    """Why a stored example can't be used, or None."""
    for name in feature_spec(config):
        if not features.get(name):
            return f"feature {name!r} is missing or empty"
    for label in features["label"]:
        if not -1 <= label < config.model.num_classes:
            return f"label {label} is not in -1 to {config.model.num_classes - 1}"
    for number, frame in enumerate(features.get("frames", ()) if config.model.film else ()):
        if reason := image.check_image(frame):
            return f"frame {number}: {reason}"
    reason = audio.check_wav(features["audio"][0])
    return reason and f"audio: {reason}"


def check_dataset(labels: Labels | None, config: AudioClassificationConfig) -> None:
    classes = config.model.num_classes
    if labels is not None and len(labels) != classes:
        raise UsageError(
            f"Data set {config.data.dataset!r} has {len(labels)} classes but model.num_classes is {classes}; "
            f"add --set model.num_classes={len(labels)}."
        )


def prepare(
    features: Mapping[str, tf.Tensor],
    config: AudioClassificationConfig,
    training: bool,
    seed: tf.Tensor,
) -> tuple[dict[str, tf.Tensor], tf.Tensor | None]:
    """The model's part of the stored sound: a random one in training, else the middle one."""
    m, frames = config.model, None
    if m.film is None:
        samples = audio.decode_wav(features["audio"], m.num_samples, m.sample_rate)
    else:
        stored = _stored_frames(config)
        spare = stored - m.film.num_frames + 1
        start = tf.constant((spare - 1) // 2)
        if training and spare > 1:
            start = tf.random.stateless_uniform(
                [], seed, maxval=spare, dtype=tf.int32, alg="philox"
            )
        frames = features["frames"][start : start + m.film.num_frames]
        frames = tf.ensure_shape(frames, [m.film.num_frames])
        each = _samples_per_frame(m)
        samples = audio.decode_wav(features["audio"], stored * each, m.sample_rate)
        samples = samples[start * each : start * each + m.num_samples]
        samples = tf.ensure_shape(samples, [m.num_samples])
    label = features.get("label")
    if label is not None:  # one-hot of -1 is zeros
        label = tf.reduce_max(tf.one_hot(label, m.num_classes), axis=0)
    return to_input(samples, frames, m), label


def _samples_per_frame(config: AudioClassifierConfig) -> int:
    return config.sample_rate // video.FRAMES_PER_SECOND


# === Loss and metrics ===


def loss(config: AudioClassificationConfig) -> keras.losses.Loss:
    smoothing = config.train.label_smoothing
    return keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing)


def metrics(config: AudioClassificationConfig) -> list[keras.metrics.Metric]:
    return [BinnedAveragePrecision(config.model.num_classes)]


def figures(
    logits: tf.Tensor, targets: tf.Tensor, config: AudioClassificationConfig
) -> dict[str, tf.Tensor]:
    return {"columns": tf.concat([logits, targets], axis=-1)}


def figure_metrics(config: AudioClassificationConfig) -> list[keras.metrics.Metric]:
    return [BinnedAveragePrecision(config.model.num_classes, columns=True)]


def baseline(dataset: tf.data.Dataset, config: AudioClassificationConfig) -> dict[str, float]:
    """The mean over classes of a class's share: what scores that say nothing come to."""
    truths = np.concatenate([targets.numpy() for _, targets in dataset])
    shares = truths.mean(0)
    return {"mean_average_precision": float(shares[shares > 0].mean()) if shares.any() else 0.0}


# === Serve ===


def serving_spec(config: AudioClassificationConfig) -> dict[str, tf.TensorSpec]:
    spec = {"audio_bytes": tf.TensorSpec([None], tf.string)}
    if config.model.film is not None:
        spec["frames_bytes"] = tf.TensorSpec([None, None], tf.string)
    return spec


def serve(
    model: keras.Model,
    raw: Mapping[str, Any],
    config: AudioClassificationConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    """A WAV each, string [B], and encoded frames [B, T] for a model that sees -> `probabilities` [B, classes].

    What is longer than the model's sound is heard in windows, evenly spaced, and their probabilities averaged.
    """
    m = config.model
    wavs = tf.convert_to_tensor(raw["audio_bytes"])
    inputs = (wavs,)
    if m.film is not None:
        inputs += (tf.convert_to_tensor(raw["frames_bytes"]),)

    def one(parts: tuple[tf.Tensor, ...]) -> tf.Tensor:
        prepared = tf.map_fn(
            lambda window: to_input(window[0], window[1] if m.film else None, m),
            _windows(parts[0], parts[1] if m.film else None, config),
            fn_output_signature=input_spec(m),
        )
        return tf.reduce_mean(tf.nn.sigmoid(model(prepared, training=False)), axis=0)

    spec = tf.TensorSpec([m.num_classes], tf.float32)
    return {"probabilities": tf.map_fn(one, inputs, fn_output_signature=spec)}


def _windows(
    wav: tf.Tensor, frames: tf.Tensor | None, config: AudioClassificationConfig
) -> tuple[tf.Tensor, ...]:
    """A whole sound as (samples [n, S],) or with its frames (samples [n, S], encoded frames [n, T])."""
    m = config.model
    each = _samples_per_frame(m) if frames is not None else 1
    size = m.num_samples // each  # of a window, in frames or samples
    if frames is None:
        samples = audio.decode_whole(wav, m.sample_rate)
        total = tf.shape(samples)[0]
    else:
        total = tf.shape(frames)[0]
        samples = audio.decode_wav(wav, total * each, m.sample_rate)
    longer = tf.maximum((total + size - 1) // size, config.data.windows)
    count = tf.where(total > size, longer, 1)
    spare = tf.cast(tf.maximum(total - size, 0), tf.float32)
    starts = tf.cast(tf.round(tf.linspace(0.0, spare, count)), tf.int32)
    samples = tf.pad(samples, [[0, tf.maximum(m.num_samples - tf.shape(samples)[0], 0)]])
    places = starts[:, None] * each + tf.range(m.num_samples)[None]
    windows = (tf.gather(samples, places),)
    if frames is not None:
        places = tf.minimum(starts[:, None] + tf.range(size)[None], total - 1)
        windows += (tf.gather(frames, places),)
    return windows


def respond(
    logits: tf.Tensor, config: AudioClassificationConfig, labels: Labels | None
) -> dict[str, tf.Tensor]:
    return {"probabilities": tf.nn.sigmoid(logits)}


def requests(names: Sequence[str]) -> Iterator[Request]:
    """Files of sound; a film is asked about whole, for a model that sees, and by its sound for one that doesn't."""
    for name in expand(names):
        try:
            if video.is_film(name):
                yield Request(name, clips.to_clip(name))
            else:
                given = read(name)
                yield given if given.error else _with_wav(given)
        except PerceiverError as error:
            yield Request(name, None, str(error))


def _with_wav(given: Request) -> Request:
    return given._replace(content=audio.as_wav(given.content))


def as_inputs(contents: Sequence[Any]) -> dict[str, np.ndarray]:
    """Sounds (bytes, paths) or clips as `serving_default` takes them; `frames_bytes` where all have frames."""
    if all(isinstance(content, video.Clip) and content.frames for content in contents):
        return clips.as_inputs(contents)
    sounds = [c.sound if isinstance(c, video.Clip) else audio.as_wav(c) for c in contents]
    return {"audio_bytes": np.array(sounds, dtype=object)}


# === Show ===


def picture(contents: Sequence[Any], outputs: Sequence[Any], answers: Sequence[Any]) -> Any:
    from perceiver_keras.show import sounds

    heard = [c.sound if isinstance(c, video.Clip) else c for c in contents]
    return sounds.answers([_mel_of(wav) for wav in heard], answers)


def _mel_of(wav: bytes) -> np.ndarray:
    samples = audio.decode_whole(tf.constant(wav), 16_000)
    return audio.log_mel(samples, 16_000, bins=64, window=512, hop=256).numpy()


def show(
    model: keras.Model,
    inputs: Mapping[str, tf.Tensor],
    targets: tf.Tensor,
    config: AudioClassificationConfig,
    labels: Labels | None,
) -> dict[str, Any]:
    """Sounds with what is in them and what is said to be, and the average precision of each class."""
    from perceiver_keras.show import sounds

    names = labels or [str(i) for i in range(config.model.num_classes)]
    scores = tf.nn.sigmoid(model(inputs, training=False)).numpy()
    truth = np.asarray(targets) > 0.5
    heard = np.asarray(inputs["audio"])
    if isinstance(config.model.sound, RawSound):
        heard = audio.log_mel(heard[..., 0], config.model.sample_rate, bins=64, window=512, hop=256)
    return {
        "Sounds": sounds.right_and_wrong(
            np.reshape(heard, [*np.shape(heard)[:3]]), truth, scores, names
        ),
        "Scores of each class": sounds.scores_by_class(truth, scores, names),
    }


# === Presets ===

TINY = AudioClassificationConfig(
    data=AudioData(dataset="perceiver_sounds", max_labels=3, shuffle_buffer=2400),
    model=AudioClassifierConfig(
        num_samples=5120,
        sample_rate=8000,
        sound=MelSound(bins=32, window=256, hop=128, patch=4, bands=8),
        num_classes=8,
        query_dim=64,
        encode=c.EncodeConfig(
            num_latents=16, latent_dim=64, num_cross_attention_heads=4, qk_dim=64, v_dim=64
        ),
        process=c.ProcessConfig(num_self_attention_layers=3, num_self_attention_heads=4),
        decode=c.DecodeConfig(),
    ),
    train=c.TrainConfig(
        steps=500,
        learning_rate=4e-3,
        warmup_steps=100,
        clip_norm=10.0,
        weight_decay=0.01,
        ema_decay=0.99,
        evaluate_every=250,
    ),
    evaluate=c.EvaluateConfig(thresholds={"mean_average_precision": 0.9}, batch_size=200),
)


def _audioset(
    sound: RawSound | MelSound, latent_dim: int, least: float
) -> AudioClassificationConfig:
    return AudioClassificationConfig(
        data=AudioData(
            dataset="audioset_folder", max_labels=16, stored_frames=250, windows=16, batch_size=512
        ),
        model=AudioClassifierConfig(
            num_samples=61_440,
            sample_rate=48_000,
            sound=sound,
            film=Film(num_frames=32, image_size=(224, 224), bands=16),
            num_classes=527,
            query_dim=1024,
            # As wide as the latents: so the parameters are the paper's 25.0M and 88.2M.
            encode=c.EncodeConfig(num_latents=512, latent_dim=latent_dim, shape_for_attention="q"),
            process=c.ProcessConfig(num_self_attention_layers=12, num_self_attention_heads=8),
            decode=c.DecodeConfig(),
        ),
        train=c.TrainConfig(
            steps=400_000,
            learning_rate=1e-3,
            clip_norm=10.0,
            weight_decay=0.1,
            schedule="constant_then_cosine",
            precision="mixed_bfloat16",
            evaluate_every=5000,
            checkpoint_every=1000,
        ),
        evaluate=c.EvaluateConfig(thresholds={"mean_average_precision": least}, batch_size=64),
    )


_OURS = "heads, bands, decoder's query, batch and optimizer are ours"
PRESETS = {
    "tiny": Preset(config=TINY, source="ours: mixtures of synthetic sounds, heard only"),
    "audioset_raw": Preset(
        config=_audioset(RawSound(samples_per_patch=128, bands=64), 512, 0.35),
        source=f"paper Tab. 5 and 10, raw audio + video: 43.3 mAP; {_OURS}",
    ),
    "audioset_mel": Preset(
        config=_audioset(MelSound(bins=80, window=2048, hop=1024, bands=64), 1024, 0.35),
        source=f"paper Tab. 5 and 10, mel + video: 44.9 mAP; {_OURS}, "
        "and that the 4,800 elements are 60 windows of 80 bins",
    ),
}

TASK = Task(
    name="audio_classification",
    summary="Sounds to all that is in them: AudioSet.",
    model_class=AudioClassifier,
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
    requests=requests,
    read=as_inputs,
    answer=top_labels,
    picture=picture,
    baseline=baseline,
    show=show,
)
