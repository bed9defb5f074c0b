"""Hugging Face's PyTorch port: a state dict in `.safetensors` or `.bin`, with `config.json` next to it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from perceiver_keras.convert.checkpoint import (
    Checkpoint,
    from_source,
    to_source,
)
from perceiver_keras.convert.kind import kind_of
from perceiver_keras.convert.safetensors_file import load_safetensors, save_safetensors
from perceiver_keras.convert.torch_bin import load_torch_bin
from perceiver_keras.errors import PerceiverError
from perceiver_keras.files import write_json

WEIGHTS = ("model.safetensors", "pytorch_model.bin")

# What the tensors don't determine: the name in config.json, which is ours too, and the port's default.
_DEFAULTS = {
    "num_blocks": 1,
    "num_self_attention_heads": 8,
    "num_cross_attention_heads": 8,
    "num_frames": 16,
    "audio_samples_per_frame": 1920,
    "image_size": 56,
}
_TRAIN_SIZE = [368, 496]
_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
}
PORT_ACTIVATION = {"gelu": "gelu", "gelu_tanh": "gelu_pytorch_tanh"}


def read_huggingface(path: str | os.PathLike[str]) -> Checkpoint:
    """The checkpoint in a repository's folder, or in its `.safetensors` or `.bin` alone.

    A `config.json` next to the weights determines the heads, blocks and activation.
    Raises `PerceiverError` for anything but tensors, or if they are not exactly those of one of
    the released models; the error lists every difference.
    """
    path = Path(path)
    file = _weights_in(path) if path.is_dir() else path
    kind = kind_of(file)
    if kind not in ("safetensors", "torch_bin"):
        raise PerceiverError(f"{file} is a {kind} file, not Hugging Face's .safetensors or .bin.")
    state = load_safetensors(file) if kind == "safetensors" else load_torch_bin(file)
    return from_state_dict(state, settings=read_settings(file.parent), path=str(file))


def from_state_dict(
    state: Mapping[str, np.ndarray],
    *,
    settings: Mapping[str, Any] | None = None,
    path: str = "state dict",
) -> Checkpoint:
    """The checkpoint made of a state dict, which is given under the port's names."""
    return from_source("huggingface", state, path, settings)


def to_state_dict(checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """The checkpoint under the port's names and in PyTorch's layout."""
    state = to_source(checkpoint, "huggingface")
    for name in list(state):
        if name.endswith(".running_mean"):  # PyTorch's batch norm also counts its batches
            counter = name.replace(".running_mean", ".num_batches_tracked")
            state.setdefault(counter, np.array(0, np.int64))
    return state


def write_huggingface(
    checkpoint: Checkpoint, path: str | os.PathLike[str], config: Mapping[str, Any]
) -> None:
    """Writes one file if `path` ends in .safetensors, else a folder with the weights and `config.json`.

    Args:
        config: the arguments of the port's configuration class (see `sizes.port_config`).
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        save_safetensors(to_state_dict(checkpoint), path, {"format": "pt"})
        return
    path.mkdir(parents=True, exist_ok=True)
    write_json(path / "config.json", dict(config))
    save_safetensors(to_state_dict(checkpoint), path / WEIGHTS[0], {"format": "pt"})


def read_settings(folder: Path) -> dict[str, Any]:
    """What `config.json` says about blocks, heads and the activation; {} without one."""
    file = folder / "config.json"
    if not file.is_file():
        return {}
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise PerceiverError(f"{file} is not JSON: {error}.") from None
    if isinstance(config, dict) and not config.keys() & {*_DEFAULTS, "model_type", "hidden_act"}:
        return {}  # another program's config.json, such as the one in our own preset folders
    return settings_of(config, str(file))


def settings_of(config: Any, path: str = "config.json") -> dict[str, Any]:
    """The settings in the port's configuration, which is given as the object in `config.json`."""
    if not isinstance(config, dict):
        raise PerceiverError(f"{path} is not an object.")
    settings: dict[str, Any] = {key: config.get(key, it) for key, it in _DEFAULTS.items()}
    for key, value in settings.items():
        if not _is_size(value):
            raise PerceiverError(f"{path}: {key} is {value!r}, not a positive whole number.")
    train_size = settings["train_size"] = config.get("train_size", _TRAIN_SIZE)
    if (
        not isinstance(train_size, list)
        or len(train_size) != 2
        or not all(map(_is_size, train_size))
    ):
        raise PerceiverError(f"{path}: train_size is {train_size!r}, not a height and a width.")
    residual = settings["use_query_residual"] = config.get("use_query_residual", True)
    if not isinstance(residual, bool):
        raise PerceiverError(f"{path}: use_query_residual is {residual!r}, not true or false.")
    name = config.get("hidden_act", "gelu")
    if not isinstance(name, str) or name not in _ACTIVATIONS:
        raise PerceiverError(
            f"{path}: hidden_act {name!r:.60} is not one of {', '.join(_ACTIVATIONS)}."
        )
    return settings | {"activation": _ACTIVATIONS[name], "labels": _labels(config.get("id2label"))}


def _labels(id2label: Any) -> list[str] | None:
    """The class names in order, or None if some are missing or all are the port's placeholders."""
    if not isinstance(id2label, dict) or len(id2label) > 1 << 20:
        return None
    names = [id2label.get(str(i)) for i in range(len(id2label))]
    if not all(isinstance(name, str) for name in names):
        return None
    return None if all(name == f"LABEL_{i}" for i, name in enumerate(names)) else names


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 < value < 1 << 20


def _weights_in(folder: Path) -> Path:
    for name in WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    raise PerceiverError(f"{folder} holds neither {WEIGHTS[0]} nor {WEIGHTS[1]}.")
