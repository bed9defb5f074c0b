"""Turns the sizes of a file's tensors into a model's configuration, and into the port's `config.json`.

What the tensors don't determine (heads, how often a block is repeated, the image size with Fourier
positions) comes from the file's own configuration if it has one, else from the preset.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from perceiver_keras.config import PerceiverConfig
from perceiver_keras.config_tree import to_dict
from perceiver_keras.convert.checkpoint import Checkpoint
from perceiver_keras.convert.huggingface import PORT_ACTIVATION
from perceiver_keras.errors import PerceiverError

Values = dict[str, Any]

_ARITHMETIC = {"deepmind": "official", "huggingface": "port"}  # of Fourier positions


def model_values(checkpoint: Checkpoint, preset: PerceiverConfig) -> Values:
    """The part of a model's configuration that the file determines, as a tree to `merge` over the preset's."""
    s, given = checkpoint.sizes, checkpoint.settings
    values: Values = {
        "activation": checkpoint.activation,
        "encode": {
            "num_latents": s["num_latents"],
            "latent_dim": s["latent_dim"],
            **_attention(s, "encode", default_qk=s["input_dim"], mlp_dim=s["latent_dim"]),
        },
        "process": {
            "num_self_attention_layers": checkpoint.num_layers,
            **_attention(s, "process", default_qk=s["latent_dim"], mlp_dim=s["latent_dim"]),
        },
        "decode": _attention(s, "decode", default_qk=s["latent_dim"], mlp_dim=s["query_dim"]),
    }
    for stage, key in (
        ("process", "num_blocks"),
        ("process", "num_self_attention_heads"),
        ("encode", "num_cross_attention_heads"),  # the port's decoders have a fixed number
        ("encode", "use_query_residual"),
    ):
        if key in given:
            values[stage][key] = given[key]
    if checkpoint.source == "huggingface" and checkpoint.model.startswith("imagenet"):
        # The port always has it; the official model with learned positions does not.
        values["decode"]["use_query_residual"] = True
    for key, value in _OWN[checkpoint.model](checkpoint, to_dict(preset)).items():
        values[key] = values.get(key, {}) | value if isinstance(value, dict) else value
    return values


def _attention(s: Mapping[str, int], stage: str, default_qk: int, mlp_dim: int) -> Values:
    """qk_dim and v_dim, None where they equal the layers' defaults, and the MLP's widening factor."""
    qk, v, hidden = (s[f"{stage}.{part}"] for part in ("qk_dim", "v_dim", "hidden"))
    return {
        "qk_dim": None if qk == default_qk else qk,
        "v_dim": None if v == qk else v,
        "widening_factor": hidden // mlp_dim,
    }


# === What is specific to each model ===


def _classifier(checkpoint: Checkpoint, preset: Values) -> Values:
    s = checkpoint.sizes
    return {"num_classes": s["output_dim"], "query_dim": s["query_dim"]}


def _imagenet_learned(checkpoint: Checkpoint, preset: Values) -> Values:
    s = checkpoint.sizes
    side = math.isqrt(s["places"])
    height, width = preset["image_size"]
    if height * width != s["places"]:
        height = width = side
        if side * side != s["places"]:
            raise PerceiverError(
                f"{checkpoint.path} has {s['places']} learned positions, which is not a square number; give "
                "the image size as image_size=(height, width)."
            )
    return _classifier(checkpoint, preset) | {
        "image_size": [height, width],
        "channels": s["channels"],
        "stem": {"kind": "Conv1x1Stem", "channels": s["stem"]},
        "position": {
            "kind": "LearnedPosition",
            "channels": s["position"],
            "project_dim": s["projection"],
        },
    }


def _imagenet_fourier(checkpoint: Checkpoint, preset: Values) -> Values:
    channels = checkpoint.sizes["input_dim"] - preset["channels"]
    return _classifier(checkpoint, preset) | {
        "stem": {"kind": "PixelStem"},
        "position": _bands(checkpoint, channels, (224, 224)),
    }


def _imagenet_conv(checkpoint: Checkpoint, preset: Values) -> Values:
    s = checkpoint.sizes
    padding = "port" if checkpoint.source == "huggingface" else "same"
    return _classifier(checkpoint, preset) | {
        "channels": s["channels"],
        "stem": {"kind": "ConvStem", "channels": s["stem"], "padding": padding},
        "position": _bands(checkpoint, s["input_dim"] - s["stem"], (56, 56)),
    }


def _language_mlm_bytes(checkpoint: Checkpoint, preset: Values) -> Values:
    s = checkpoint.sizes
    return {
        "vocabulary": s["vocabulary"],
        "length": s["length"],
        "channels": s["input_dim"],
        "query_dim": s["query_dim"],
        "mask_queries": checkpoint.source == "deepmind",
    }


def _optical_flow(checkpoint: Checkpoint, preset: Values) -> Values:
    s = checkpoint.sizes
    trained = checkpoint.settings.get("train_size", preset["image_size"])
    position = _bands(checkpoint, s["input_dim"] - s["stem"], trained)
    return {
        "image_size": trained,
        "channels": s["patch"] // (2 * preset["patch_size"] ** 2),
        "stem": {"kind": "PatchStem", "linear_channels": s["stem"]},
        "position": position | {"max_resolution": trained},
    }


def _video_autoencoding(checkpoint: Checkpoint, preset: Values) -> Values:
    s, given = checkpoint.sizes, checkpoint.settings
    pixels = s["image.output_dim"] * preset["image_patch"] ** 2
    samples = s["audio.output_dim"]
    values = {
        "channels": s["image.output_dim"],
        "image_bands": _bands(checkpoint, s["input_dim"] - s["image.padding"] - pixels, (0, 0, 0))[
            "num_bands"
        ],
        "samples_per_patch": samples,
        "audio_bands": _bands(checkpoint, s["input_dim"] - s["audio.padding"] - samples, (0,))[
            "num_bands"
        ],
        "position_arithmetic": _ARITHMETIC[checkpoint.source],
        "num_classes": s["label.output_dim"],
        "label_query_dim": s["label.query_dim"],
        "input_padding": min(s[f"{name}.padding"] for name in ("audio", "image", "label")),
        "query_padding": min(s[f"{name}.query_padding"] for name in ("audio", "image", "label")),
        "decode": {"output_dim": s["output_dim"]},
    }
    if "num_frames" in given:
        side = given["image_size"] * preset["image_patch"]  # the port's size is in patches
        values |= {
            "num_frames": given["num_frames"],
            "image_size": [side, side],
            "audio_samples": given["num_frames"] * given["audio_samples_per_frame"],
        }
    return values


def _bands(checkpoint: Checkpoint, channels: int, resolution: Sequence[int]) -> Values:
    """Fourier positions with d(2K+1) channels have K bands; the port's resolution is fixed, the official one is
    the grid's (docs/architecture.md, Positions)."""
    dims = len(resolution)
    bands, left = divmod(channels - dims, 2 * dims)
    if left or bands < 1:
        raise PerceiverError(
            f"{checkpoint.path}: {channels} channels are left for the positions, which is not "
            f"{dims}·(2·bands+1) for any number of bands; is it a different kind of model?"
        )
    fixed = list(resolution) if checkpoint.source == "huggingface" else None
    return {
        "kind": "FourierPosition",
        "num_bands": bands,
        "max_resolution": fixed,
        "arithmetic": _ARITHMETIC[checkpoint.source],
    }


_OWN = {
    "language_mlm_bytes": _language_mlm_bytes,
    "optical_flow": _optical_flow,
    "video_autoencoding": _video_autoencoding,
    "imagenet_learned_position_encoding": _imagenet_learned,
    "imagenet_fourier_position_encoding": _imagenet_fourier,
    "imagenet_conv_preprocessing": _imagenet_conv,
}


# === The port's config.json ===

_ARCHITECTURES = {
    "language_mlm_bytes": "PerceiverForMaskedLM",
    "imagenet_learned_position_encoding": "PerceiverForImageClassificationLearned",
    "imagenet_fourier_position_encoding": "PerceiverForImageClassificationFourier",
    "imagenet_conv_preprocessing": "PerceiverForImageClassificationConvProcessing",
    "optical_flow": "PerceiverForOpticalFlow",
    "video_autoencoding": "PerceiverForMultimodalAutoencoding",
}


def port_config(
    checkpoint: Checkpoint, config: PerceiverConfig, labels: Sequence[str] | None = None
) -> Values:
    """The arguments of the port's `PerceiverConfig` that make it compute what the model computes.

    `labels` are the class names, if they are known.
    """
    s = checkpoint.sizes
    encode, process = config.encode, config.process
    own = _PORT[checkpoint.model](s, config)
    if "num_labels" in own:
        names = labels or [f"LABEL_{i}" for i in range(own["num_labels"])]
        own["id2label"] = {str(i): name for i, name in enumerate(names)}
        own["label2id"] = {name: i for i, name in enumerate(names)}
    return {
        "architectures": [_ARCHITECTURES[checkpoint.model]],
        "model_type": "perceiver",
        "num_latents": encode.num_latents,
        "d_latents": encode.latent_dim,
        "num_blocks": process.num_blocks,
        "num_self_attends_per_block": process.num_self_attention_layers,
        "num_self_attention_heads": process.num_self_attention_heads,
        "num_cross_attention_heads": encode.num_cross_attention_heads,
        "qk_channels": encode.qk_dim,
        "v_channels": encode.v_dim,
        "cross_attention_shape_for_attention": encode.shape_for_attention,
        "self_attention_widening_factor": process.widening_factor,
        "cross_attention_widening_factor": encode.widening_factor,
        "hidden_act": PORT_ACTIVATION[config.activation],
        "attention_probs_dropout_prob": process.attention_dropout,
        "use_query_residual": encode.use_query_residual,
    } | own


def _port_classifier(s: Mapping[str, int], config: PerceiverConfig) -> Values:
    return {"num_labels": s["output_dim"]}


def _port_learned(s: Mapping[str, int], config: PerceiverConfig) -> Values:
    return _port_classifier(s, config) | {"image_size": math.isqrt(s["places"])}


def _port_language(s: Mapping[str, int], config: PerceiverConfig) -> Values:
    return {
        "d_model": s["input_dim"],
        "vocab_size": s["vocabulary"],
        "max_position_embeddings": s["length"],
    }


def _port_flow(s: Mapping[str, int], config: PerceiverConfig) -> Values:
    return {"train_size": list(config.image_size)}


def _port_video(s: Mapping[str, int], config: PerceiverConfig) -> Values:
    return {
        "num_labels": s["label.output_dim"],
        "num_frames": config.num_frames,
        "audio_samples_per_frame": config.audio_samples // config.num_frames,
        "samples_per_patch": config.samples_per_patch,
        "image_size": config.image_size[0] // config.image_patch,
        "output_shape": [1, config.num_frames, *config.image_size],
        "output_num_channels": s["output_dim"],
        "_label_trainable_num_channels": s["label.query_dim"],
    }


_PORT = {
    "language_mlm_bytes": _port_language,
    "optical_flow": _port_flow,
    "video_autoencoding": _port_video,
    "imagenet_learned_position_encoding": _port_learned,
    "imagenet_fourier_position_encoding": _port_classifier,
    "imagenet_conv_preprocessing": _port_classifier,
}
