"""The user's own sounds, alone or with frames, and the settings that fit them."""

from __future__ import annotations

from typing import Any

from perceiver_keras.config_tree import Whole
from perceiver_keras.data.own import sounds
from perceiver_keras.data.own.found import Found
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.audio_classification.presets import AudioClassificationConfig, MelSound
from perceiver_keras.tasks.contract.own_data import OwnData

FASTEST = 16_000  # samples per second that a small model hears
HOP_SECONDS = 0.016
MOST_FRAMES = 256  # of the small model's spectrogram


def options(config: AudioClassificationConfig) -> dict[str, Any]:
    film = config.model.film
    return {"frames": film and (config.data.stored_frames or film.num_frames)}


def settings(found: Any, config: AudioClassificationConfig) -> dict[str, Any]:
    """Classes, labels per sound, and a threshold; for a small model that only hears also rate, length and windows.

    Raises:
      UsageError: it is a data set of TFDS's catalogue, whose sounds are not stored as WAV.
    """
    if not isinstance(found, Found):
        raise UsageError(
            f"--data {found.dataset}: TFDS's sounds are stored as samples, not as WAV; write them as files, and name "
            "their folder."
        )
    tree: dict[str, Any] = {
        "data": {"max_labels": found.measured["most_labels"]},
        "model": {"num_classes": len(found.labels)},
        "evaluate": {"thresholds": Whole({"mean_average_precision": sounds.prevalence(found)})},
    }
    sound = config.model.sound
    if config.model.film is not None or not isinstance(sound, MelSound):
        return tree
    rate = min(found.measured["rate"], FASTEST)
    hop = 1 << round(HOP_SECONDS * rate - 1).bit_length()
    samples = round(found.measured["window"] * rate)
    while samples / hop > MOST_FRAMES:
        hop *= 2
    block = hop * sound.patch
    tree["model"] |= {
        "sample_rate": rate,
        "num_samples": max(1, -(-samples // block)) * block,
        "sound": {"kind": "MelSound", "hop": hop, "window": 2 * hop},
    }
    return tree


OWN_DATA = OwnData(look=sounds.look, settings=settings, options=options)
