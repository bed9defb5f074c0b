"""The user's own videos, and the settings that fit them."""

from __future__ import annotations

from typing import Any

from perceiver_keras.config_tree import Whole
from perceiver_keras.data.own import catalogue, videos
from perceiver_keras.data.own.found import Found
from perceiver_keras.data.store import source
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.contract.own_data import OwnData
from perceiver_keras.tasks.multimodal_autoencoding.presets import MultimodalAutoencodingConfig
from perceiver_keras.tasks.shared.labels import trivial_accuracy


def options(config: MultimodalAutoencodingConfig) -> dict[str, Any]:
    return {"frames": config.model.num_frames}


def settings(found: Any, config: MultimodalAutoencodingConfig) -> dict[str, Any]:
    """Classes (one for videos without), and thresholds: what one colour, silence and the commonest class reach.

    There is none for what any guess gets right and no model can beat: the sound of silent videos, and a single class.

    Raises:
      UsageError: it is a data set of TFDS's catalogue, whose videos are not stored as frames and WAV.
    """
    if not isinstance(found, Found):
        raise UsageError(
            f"--data {found.dataset}: TFDS's videos are not stored with sound; write them as files, and name their "
            "folder."
        )
    measured = found.measured
    thresholds = {"video_psnr": round(measured["video_psnr"], 1)}
    if measured["sound"]:
        thresholds["audio_psnr"] = round(measured["audio_psnr"], 1)
    if len(found.labels) > 1:
        thresholds["accuracy"] = trivial_accuracy(found)
    return {
        "model": {"num_classes": len(found.labels)},
        "evaluate": {"thresholds": Whole(thresholds)},
    }


def settings_of(config: MultimodalAutoencodingConfig) -> dict[str, Any]:
    """What a TFDS data set determines: its classes, the frames of its clips with their sound, and its splits.

    Raises:
      UsageError: TFDS has no data set of that name.
    """
    builder = catalogue.opened(config.data)
    if builder is None or "frames" not in builder.info.features:
        return {}
    tree: dict[str, Any] = {"data": catalogue.missing_splits(config.data, builder), "model": {}}
    if labels := source.label_names(builder):
        tree["model"]["num_classes"] = len(labels)
    frames, model = builder.info.features["frames"].shape[0], config.model
    if frames and frames != model.num_frames:
        samples = model.audio_samples * frames // model.num_frames
        tree["model"] |= {"num_frames": frames, "audio_samples": samples}
    return tree


OWN_DATA = OwnData(look=videos.look, settings=settings, options=options)
