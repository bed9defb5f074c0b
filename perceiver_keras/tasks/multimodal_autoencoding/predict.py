"""Videos and folders of images in; reconstructions and labels out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.data import audio
from perceiver_keras.data.video.clips import FRAMES_PER_SECOND, Clip, decode_frames, to_mp4
from perceiver_keras.tasks.contract.asking import Asking, Verdicts
from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.multimodal_autoencoding.presets import MultimodalAutoencodingConfig
from perceiver_keras.tasks.shared import clips
from perceiver_keras.tasks.shared.labels import class_names, top_labels


def video_of(outputs: Mapping[str, np.ndarray]) -> bytes:
    """The reconstruction of one clip, {"video": [T, H, W, 3], "audio": [S]}, as an MP4 with sound."""
    frames, sound = np.asarray(outputs["video"]), np.asarray(outputs["audio"])
    return to_mp4(frames, sound, len(sound) * FRAMES_PER_SECOND // len(frames))


def sound_of(outputs: Mapping[str, np.ndarray]) -> bytes:
    """The reconstructed sound of one clip as a WAV."""
    frames, sound = np.asarray(outputs["video"]), np.asarray(outputs["audio"])
    return audio.encode_wav(sound, len(sound) * FRAMES_PER_SECOND // len(frames))


def picture(
    contents: Sequence[Clip], outputs: Sequence[Mapping[str, np.ndarray]], answers: Sequence[Any]
) -> Any:
    """Frames of each clip above their reconstructions, and both sounds."""
    from perceiver_keras.show import clips as drawn

    rows = []
    for clip, numbers, answer in zip(contents, outputs, answers, strict=True):
        frames, sound = np.asarray(numbers["video"]), np.asarray(numbers["audio"])
        given = decode_frames(tf.constant(clip.frames[: len(frames)]), frames.shape[1:3])
        heard = np.zeros(len(sound), np.float32)
        if clip.sound:
            rate = len(sound) * FRAMES_PER_SECOND // len(frames)
            heard = audio.decode_wav(tf.constant(clip.sound), len(sound), rate).numpy()
        title = "  ".join(f"{entry['label']} {entry['score']:.0%}" for entry in answer[:3])
        rows.append(drawn.Row(given.numpy(), frames, heard, sound, title))
    return drawn.reconstructions(rows)


def report(
    model: keras.Model,
    inputs: Mapping[str, tf.Tensor],
    targets: Mapping[str, tf.Tensor],
    config: MultimodalAutoencodingConfig,
    labels: Labels | None,
) -> dict[str, Any]:
    """Some clips with their reconstructions, and which labels are confused."""
    from perceiver_keras.show import classification
    from perceiver_keras.show import clips as drawn

    names = class_names(labels, config.model.num_classes)
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


def verdicts(
    model: keras.Model,
    inputs: Mapping[str, tf.Tensor],
    targets: Mapping[str, tf.Tensor],
    config: MultimodalAutoencodingConfig,
) -> Verdicts:
    """A clip is shown by its middle frame."""
    clips_of = np.asarray(targets["image"])
    probabilities = np.asarray(model.predict_on_batch(inputs)["label"])
    return Verdicts(
        truth=np.asarray(targets["label"]),
        probabilities=probabilities,
        example=lambda row: clips_of[row][clips_of.shape[1] // 2],
    )


ASKING = Asking(
    requests=clips.requests,
    pack=clips.pack,
    content=lambda value: value if clips.is_clip(value) else None,
    answers=top_labels,
    picture=picture,
    formats={".mp4": video_of, ".wav": sound_of},
    report=report,
    verdicts=verdicts,
)
