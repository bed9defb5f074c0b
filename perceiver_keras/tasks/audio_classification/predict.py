"""Sound files or videos in; what is heard in them out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.data import audio
from perceiver_keras.data.video.clips import Clip, NoPictures, is_video
from perceiver_keras.errors import PerceiverError
from perceiver_keras.tasks.audio_classification.presets import (
    AudioClassificationConfig,
    RawSound,
)
from perceiver_keras.tasks.contract.asking import Asking, Verdicts
from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.contract.requests import Request, expand, read
from perceiver_keras.tasks.shared import clips
from perceiver_keras.tasks.shared.inputs import numbered
from perceiver_keras.tasks.shared.labels import class_names, top_labels
from perceiver_keras.tasks.shared.recordings import is_sound, to_wav


def requests(names: Sequence[str]) -> Iterator[Request]:
    """One request per file: the bytes of a sound, or a video as a `Clip`, of which `pack` may take only the sound."""
    for name in expand(names):
        try:
            if is_video(name):
                yield Request(name, _heard(name))
            else:
                given = read(name)
                yield given if given.error else _with_wav(given)
        except PerceiverError as error:
            yield Request(name, None, str(error))


def _heard(name: str) -> Clip | bytes:
    """A video with sound as a `Clip`; what has no pictures in spite of its name as a WAV.

    Raises:
      PerceiverError: it has no sound, or can't be read.
    """
    try:
        clip = clips.to_clip(name)
    except NoPictures:
        return audio.as_wav(name)
    if not clip.sound:
        raise PerceiverError("it has no sound, so there is nothing to hear")
    return clip


def _with_wav(given: Request) -> Request:
    # By its path, if there is one: a warning names it.
    regular = given.name != "-" and os.path.isfile(given.name)
    return given._replace(content=audio.as_wav(given.name if regular else given.content))


def pack(contents: Sequence[Any]) -> dict[str, np.ndarray]:
    """Sounds (bytes, paths) or clips as `serving_default` takes them; `frames_bytes` only if all have frames.

    Raises:
      PerceiverError: no sound, or one that can't be read; a `Clip` without sound may be among clips with frames only.
    """
    if all(isinstance(content, Clip) and content.frames for content in contents):
        return clips.pack(contents)
    names = numbered("sound", len(contents))
    sounds = [
        one.sound if isinstance(one, Clip) else to_wav(one, name=name)
        for one, name in zip(contents, names, strict=True)
    ]
    if not all(sounds):
        raise PerceiverError("A clip without sound was given, so there is nothing to hear.")
    return {"audio_bytes": np.array(sounds, dtype=object)}


def picture(contents: Sequence[Any], outputs: Sequence[Any], answers: Sequence[Any]) -> Any:
    from perceiver_keras.show import sounds

    heard = [one.sound if isinstance(one, Clip) else one for one in contents]
    return sounds.answers([_mel_of(wav) for wav in heard], answers)


def _mel_of(wav: bytes) -> np.ndarray:
    samples = audio.decode_whole(tf.constant(wav), 16_000)
    return audio.log_mel(samples, 16_000, bins=64, window=512, hop=256).numpy()


def report(
    model: keras.Model,
    inputs: Mapping[str, tf.Tensor],
    targets: tf.Tensor,
    config: AudioClassificationConfig,
    labels: Labels | None,
) -> dict[str, Any]:
    """Spectrograms with their true and predicted labels, and the scores of each class."""
    from perceiver_keras.show import sounds

    names = class_names(labels, config.model.num_classes)
    scores = tf.nn.sigmoid(model(inputs, training=False)).numpy()
    truth = np.asarray(targets) > 0.5
    return {
        "Sounds": sounds.right_and_wrong(_spectrograms(inputs, config), truth, scores, names),
        "Scores of each class": sounds.scores_by_class(truth, scores, names),
    }


def verdicts(
    model: keras.Model,
    inputs: Mapping[str, tf.Tensor],
    targets: tf.Tensor,
    config: AudioClassificationConfig,
) -> Verdicts:
    """A sound is shown by its spectrogram, low notes at the bottom."""
    heard = _spectrograms(inputs, config)
    return Verdicts(
        truth=np.asarray(targets) > 0.5,
        probabilities=tf.nn.sigmoid(model.predict_on_batch(inputs)).numpy(),
        example=lambda row: heard[row].T[::-1, :, None],
    )


def _spectrograms(inputs: Mapping[str, tf.Tensor], config: AudioClassificationConfig) -> np.ndarray:
    """The spectrograms [B, T, F] of a batch."""
    heard = np.asarray(inputs["audio"])
    if isinstance(config.model.sound, RawSound):
        heard = audio.log_mel(heard[..., 0], config.model.sample_rate, bins=64, window=512, hop=256)
    return np.reshape(heard, [*np.shape(heard)[:3]])


ASKING = Asking(
    requests=requests,
    pack=pack,
    content=lambda value: value if isinstance(value, Clip) or is_sound(value) else None,
    spare=("frames_bytes",),
    answers=top_labels,
    picture=picture,
    report=report,
    verdicts=verdicts,
)
