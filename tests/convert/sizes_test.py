"""Sizes read from files, against the settings with which the other code made those files."""

from __future__ import annotations

import dataclasses

import pytest

from perceiver_keras.config import DecodeConfig, EncodeConfig, PerceiverConfig, ProcessConfig
from perceiver_keras.config_tree import merge
from perceiver_keras.convert import huggingface, sizes
from perceiver_keras.errors import PerceiverError
from tests.convert.trees import DEEPMIND, HUGGINGFACE
from tests.parity.fixtures import Fixture


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preset(PerceiverConfig):
    """What `sizes` reads of the tasks' configurations, with the released values."""

    encode: EncodeConfig = EncodeConfig(num_latents=1, latent_dim=1)
    process: ProcessConfig = ProcessConfig(num_self_attention_layers=1, num_self_attention_heads=1)
    decode: DecodeConfig = DecodeConfig()
    image_size: tuple[int, ...] = (224, 224)
    channels: int = 3
    patch_size: int = 3
    image_patch: int = 4
    num_frames: int = 16
    audio_samples: int = 30720
    samples_per_patch: int = 16


def at(values: dict, path: str):
    for key in path.split("."):
        values = values[key]
    return values


# The official code's setting -> where a model's configuration has it.
LANGUAGE = {"d_model": "channels", "seq": "length", "qk": "process.qk_dim"}
VIDEO = {
    "classes": "num_classes", "spp": "samples_per_patch", "ib": "image_bands",
    "ab": "audio_bands", "dd": "decode.output_dim", "lc": "label_query_dim",
}  # fmt: skip
OWN = {
    "language_mlm_bytes": LANGUAGE,
    "imagenet_learned_position_encoding": {
        "classes": "num_classes", "size": "image_size", "pc": "position.channels",
    },
    "imagenet_fourier_position_encoding": {"classes": "num_classes", "bands": "position.num_bands"},
    "imagenet_conv_preprocessing": {"classes": "num_classes", "bands": "position.num_bands"},
    "optical_flow": {"bands": "position.num_bands"},
    "video_autoencoding": VIDEO,
}  # fmt: skip
EVERY = {
    "n": "encode.num_latents",
    "d": "encode.latent_dim",
    "layers": "process.num_self_attention_layers",
}


@pytest.mark.parametrize("task", DEEPMIND)
def test_a_pickle_tells_the_sizes_it_was_made_with(task):
    fixture = Fixture("deepmind", task)
    values = sizes.model_values(fixture.checkpoint(), Preset())
    found = {key: at(values, path) for key, path in (EVERY | OWN[task]).items()}
    assert found == {key: fixture.settings[key] for key in found}
    assert values["activation"] == "gelu_tanh"


@pytest.mark.parametrize("task", HUGGINGFACE)
def test_the_ports_configuration_comes_back(task):
    """From its file to a configuration of ours, and from that to the port's."""
    fixture = Fixture("huggingface", task)
    checkpoint = fixture.checkpoint()
    values = sizes.model_values(checkpoint, Preset())
    known = {field.name for field in dataclasses.fields(Preset)}
    config = merge(Preset(), {key: value for key, value in values.items() if key in known})
    found = sizes.port_config(checkpoint, config)
    # Dropout is set by who trains, not by the file.
    ours = {"architectures", "attention_probs_dropout_prob"}
    told = [key for key in fixture.settings if key in found.keys() - ours]
    assert len(told) >= 7
    assert {key: found[key] for key in told} == {key: fixture.settings[key] for key in told}


def test_labels_come_back_from_the_ports_configuration():
    checkpoint = Fixture("huggingface", "imagenet_fourier_position_encoding").checkpoint()
    names = [f"class {i}" for i in range(10)]
    config = sizes.port_config(checkpoint, Preset(), names)
    assert huggingface.settings_of(config)["labels"] == names
    assert [config["label2id"][name] for name in names] == list(range(10))
    unnamed = sizes.port_config(checkpoint, Preset())
    assert huggingface.settings_of(unnamed)["labels"] is None


# === Positions ===

FOURIER = Fixture("deepmind", "imagenet_fourier_position_encoding").checkpoint()
CHANNELS = {2 * (2 * bands + 1): bands for bands in range(1, 200)}  # x and y: d(2K+1) channels


def test_bands_follow_from_the_channels_of_the_positions():
    for channels in range(700):
        changed = dataclasses.replace(FOURIER, sizes=FOURIER.sizes | {"input_dim": 3 + channels})
        if channels in CHANNELS:
            position = sizes.model_values(changed, Preset())["position"]
            assert position["num_bands"] == CHANNELS[channels]
        else:
            with pytest.raises(PerceiverError, match=f"{channels} channels are left for the"):
                sizes.model_values(changed, Preset())


LEARNED = Fixture("deepmind", "imagenet_learned_position_encoding").checkpoint()


@pytest.mark.parametrize(
    "places, preset, expected",
    [(256, (224, 224), [16, 16]), (200, (10, 20), [10, 20]), (50176, (224, 224), [224, 224])],
)
def test_learned_positions_tell_the_size_of_the_image(places, preset, expected):
    changed = dataclasses.replace(LEARNED, sizes=LEARNED.sizes | {"places": places})
    assert sizes.model_values(changed, Preset(image_size=preset))["image_size"] == expected


def test_learned_positions_that_are_not_a_square_need_a_size():
    changed = dataclasses.replace(LEARNED, sizes=LEARNED.sizes | {"places": 200})
    with pytest.raises(PerceiverError, match="200 learned positions, which is not a square number"):
        sizes.model_values(changed, Preset())
