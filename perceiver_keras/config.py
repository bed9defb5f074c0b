"""Typed, frozen settings: the stages of the model, the data, the training and the gate.

A configuration is a tree of frozen dataclasses. It travels as JSON (`to_json`, `from_json`), is changed by
dotted overrides (`override(config, "train.steps=500")`), and refuses unknown keys and wrong types in words.
Names follow the paper: `num_latents` N, `latent_dim` D, input channels C, query channels Q.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, Union

from perceiver_keras.errors import UsageError, nearest

frozen = functools.partial(dataclass, frozen=True, kw_only=True)
Config = TypeVar("Config")


# === Positions (SPEC: Positions) ===


@frozen()
class LearnedPosition:
    """A learned array [index, channels], truncated normal with the given standard deviation."""

    channels: int
    init_scale: float = 0.02
    project_dim: int | None = None  # channels of a Linear after it, where the official code has one


@frozen()
class FourierPosition:
    """Sines and cosines of a linear grid in [-1, 1]: d(2K+1) channels for d dimensions and K bands."""

    num_bands: int
    max_resolution: tuple[int, ...] | None = None  # None: the size of the grid itself
    concat_pos: bool = True
    sine_only: bool = False
    arithmetic: Literal["exact", "official", "port"] = "exact"  # roundings: see layers/fourier.py
    project_dim: int | None = None


Position = LearnedPosition | FourierPosition


# === What turns a picture into [B, M, C] (SPEC: Preprocess) ===


@frozen()
class PixelStem:
    """Raw pixels, strided by `spatial_downsample`."""

    spatial_downsample: int = 1


@frozen()
class Conv1x1Stem:
    """A Linear on every pixel, with a stride."""

    channels: int
    spatial_downsample: int = 1


@frozen()
class ConvStem:
    """7x7 convolutions with batch norm, ReLU and max-pooling; each layer shrinks the sides by four."""

    channels: int = 64
    num_layers: int = 1
    padding: Literal["same", "port"] = "same"  # the PyTorch port pads evenly, and pools without


@frozen()
class PatchStem:
    """Space-to-depth over (temporal, spatial, spatial) patches, then an optional Linear."""

    spatial_downsample: int = 1
    temporal_downsample: int = 1
    linear_channels: int | None = None


Stem = PixelStem | Conv1x1Stem | ConvStem | PatchStem


# === The stages of the model ===


@frozen()
class EncodeConfig:
    """Cross-attention of the input array into N latents of D channels (paper, section 3.1)."""

    num_latents: int
    latent_dim: int
    num_cross_attention_heads: int = 1
    qk_dim: int | None = None  # None: as `shape_for_attention` says
    v_dim: int | None = None  # None: as qk_dim
    widening_factor: int = 1
    use_query_residual: bool = True
    shape_for_attention: Literal["kv", "q"] = "kv"
    dropout: float = 0.0  # after attention's output and in the MLP
    attention_dropout: float = 0.0  # on the attention weights
    latent_init_scale: float = 0.02


@frozen()
class ProcessConfig:
    """Self-attention among the latents; the layers of one block are shared by all `num_blocks` blocks."""

    num_self_attention_layers: int
    num_self_attention_heads: int
    num_blocks: int = 1
    qk_dim: int | None = None
    v_dim: int | None = None
    widening_factor: int = 1
    dropout: float = 0.0
    attention_dropout: float = 0.0


@frozen()
class DecodeConfig:
    """Cross-attention of queries into the latents, then a Linear to the output channels."""

    num_cross_attention_heads: int = 1
    qk_dim: int | None = None
    v_dim: int | None = None
    widening_factor: int = 1
    use_query_residual: bool = False
    shape_for_attention: Literal["kv", "q"] = "kv"
    output_dim: int | None = None  # None: no final Linear
    zero_init: bool = False  # the output head of flow starts at zero
    dropout: float = 0.0
    attention_dropout: float = 0.0


@frozen()
class PerceiverConfig:
    """Encode, process, decode; every task's model configuration extends this."""

    encode: EncodeConfig
    process: ProcessConfig
    decode: DecodeConfig
    activation: Literal["gelu_tanh", "gelu"] = "gelu_tanh"  # official; "gelu": the port's exact one
    attention_memory_mb: int = 256  # logits larger than this are computed in chunks


# === Around the model ===


@frozen()
class DataConfig:
    """Where examples come from and how they are batched."""

    dataset: str  # a TFDS name, `name/config:version`
    data_dir: str | None = None  # None: TFDS's own default
    train_split: str = "train"
    validation_split: str = "validation"
    test_split: str = "test"
    max_examples: int | None = None  # at most this many of each split
    batch_size: int = 64
    shuffle_buffer: int = 10_000  # encoded examples, never decoded tensors
    documents_per_example: int = 1  # stored examples that training joins into one, for texts
    max_corrupt_share: float = 0.0  # more corrupt records than this share stop the run


@frozen()
class TrainConfig:
    """Optimisation. Steps are optimizer steps; `learning_rate` is the peak after warm-up."""

    steps: int
    learning_rate: float
    init: str | None = None  # weights to start from, or "local": see warm_start.py
    warmup_steps: int = 0
    schedule: Literal["cosine", "constant", "constant_then_cosine"] = "cosine"
    optimizer: Literal["lamb", "adamw"] = "lamb"
    weight_decay: float = 0.0  # not on biases, norms
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-6
    clip_norm: float | None = None  # global norm
    ema_decay: float = 0.0  # 0: no moving average of the weights
    gradient_accumulation: int = 1
    label_smoothing: float = 0.0
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    jit_compile: Literal["auto", "on", "off"] = "auto"  # auto: XLA on GPU and TPU
    strategy: Literal["auto", "none", "mirrored", "multi_worker", "tpu"] = "auto"
    deterministic: bool = False  # TensorFlow's op determinism: the same bits every time, slower
    seed: int = 0
    log_every: int = 50
    evaluate_every: int = 500
    checkpoint_every: int = 500
    keep_checkpoints: int = 3
    search: dict[str, tuple[float, ...]] = field(default_factory=dict)  # pipeline/search.py


@frozen()
class EvaluateConfig:
    """The gate: a model is blessed at or above every threshold and not worse than the last blessed one."""

    thresholds: dict[str, float] = field(default_factory=dict)  # metric -> least value
    allowed_drop: float = 0.0  # against the last blessed model
    batch_size: int = 64


@frozen()
class TaskConfig:
    """All of one run. Each task narrows `model` (and `data` where it needs more) to its own type."""

    data: DataConfig
    model: PerceiverConfig
    train: TrainConfig
    evaluate: EvaluateConfig


# === JSON both ways ===


def to_dict(config: Any) -> dict[str, Any]:
    """Plain containers. A field that may hold one of several classes carries its class name as `kind`."""
    hints = typing.get_type_hints(type(config))
    result = {}
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        if dataclasses.is_dataclass(value):
            tagged = len(_dataclass_choices(hints[f.name])) > 1
            value = ({"kind": type(value).__name__} if tagged else {}) | to_dict(value)
        elif isinstance(value, tuple):
            value = list(value)
        elif isinstance(value, Mapping):
            value = dict(value)
        result[f.name] = value
    return result


def from_dict(cls: type[Config], values: Mapping[str, Any], *, path: str = "") -> Config:
    """The inverse of `to_dict`; raises `UsageError` on an unknown or missing key or a wrong type."""
    if not isinstance(values, Mapping):
        raise UsageError(f"{path or 'config'}: expected an object with keys, got {values!r}.")
    hints = typing.get_type_hints(cls)
    for key in values:
        _check_key(key, hints, path)
    arguments = {
        key: _coerce(value, hints[key], f"{path}.{key}" if path else key)
        for key, value in values.items()
    }
    required = {
        f.name
        for f in dataclasses.fields(cls)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    if missing := sorted(required - arguments.keys()):
        raise UsageError(f"{path or cls.__name__}: missing {', '.join(missing)}.")
    return cls(**arguments)


def tagged(config: Any) -> dict[str, Any]:
    """`to_dict` of one of several possible classes, with its name as `kind`."""
    return {"kind": type(config).__name__} | to_dict(config)


def untagged(hint: Any, value: Any, path: str) -> Any:
    """The inverse of `tagged` for a union of dataclasses; a dataclass of the union passes through."""
    return _coerce(value, hint, path)


def to_json(config: Any) -> str:
    return json.dumps(to_dict(config), indent=2, sort_keys=True)


def from_json(cls: type[Config], text: str) -> Config:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"The configuration is not valid JSON: {error}.") from None
    return from_dict(cls, values)


# === Overrides ===


def override(config: Config, *assignments: str) -> Config:
    """A copy of `config` with dotted assignments applied, e.g. `override(c, "train.steps=500")`.

    Values are JSON where they parse as JSON, plain strings otherwise.
    """
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise UsageError(
                f"{assignment!r} is not an override; write it as key=value, e.g. train.steps=500."
            )
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        config = _replace(config, key.strip().split("."), value, "")
    return config


def merge(config: Config, values: Mapping[str, Any]) -> Config:
    """A copy of `config` with a (partial) tree of values, as `--config FILE` gives it, laid over it."""
    return from_dict(type(config), _merge_trees(to_dict(config), values))


def _merge_trees(old: dict[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
        both = isinstance(value, Mapping) and isinstance(old.get(key), Mapping)
        same_kind = both and value.get("kind", old[key].get("kind")) == old[key].get("kind")
        merged[key] = _merge_trees(old[key], value) if same_kind else value
    return merged


def _replace(config: Any, keys: list[str], value: Any, path: str) -> Any:
    key, *rest = keys
    here = f"{path}.{key}" if path else key
    if isinstance(config, Mapping):
        return {**config, key: _replace(config[key], rest, value, here) if rest else value}
    if not dataclasses.is_dataclass(config):
        raise UsageError(f"{path} has no keys below it, so {here} can't be set.")
    hints = typing.get_type_hints(type(config))
    _check_key(key, hints, path)
    old = getattr(config, key)
    new = _replace(old, rest, value, here) if rest else value
    return dataclasses.replace(config, **{key: _coerce(new, hints[key], here)})


def _check_key(key: str, known: Mapping[str, Any], path: str) -> None:
    if key not in known:
        where = f"{path}.{key}" if path else key
        raise UsageError(f"Unknown configuration key {where!r}.{nearest(key, known)}")


def _dataclass_choices(hint: Any) -> list[type]:
    if dataclasses.is_dataclass(hint):
        return [hint]
    if typing.get_origin(hint) in (Union, types.UnionType):
        return [choice for choice in typing.get_args(hint) if dataclasses.is_dataclass(choice)]
    return []


def _coerce(value: Any, hint: Any, path: str) -> Any:
    """`value` as the annotated type, or a `UsageError` that names the field, the value and the type."""
    if typing.get_origin(hint) in (Union, types.UnionType):
        return _coerce_union(value, hint, path)
    if dataclasses.is_dataclass(hint):
        return value if isinstance(value, hint) else from_dict(hint, value, path=path)
    if typing.get_origin(hint) is Literal:
        if value in typing.get_args(hint):
            return value
        raise UsageError(
            f"{path}: {value!r} is not allowed.{nearest(str(value), map(str, typing.get_args(hint)))}"
        )
    if typing.get_origin(hint) is tuple and isinstance(value, (list, tuple)):
        item = typing.get_args(hint)[0]
        return tuple(_coerce(v, item, f"{path}[{i}]") for i, v in enumerate(value))
    if typing.get_origin(hint) is dict and isinstance(value, Mapping):
        item = typing.get_args(hint)[1]
        return {str(k): _coerce(v, item, f"{path}.{k}") for k, v in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is hint:  # not isinstance: true is no int
        return value
    raise UsageError(f"{path}: expected {_spell(hint)}, got {value!r}.")


def _coerce_union(value: Any, hint: Any, path: str) -> Any:
    choices = typing.get_args(hint)
    if value is None and type(None) in choices:
        return None
    classes = {choice.__name__: choice for choice in _dataclass_choices(hint)}
    if isinstance(value, Mapping) and classes:
        kind = value.get("kind", next(iter(classes)) if len(classes) == 1 else None)
        if kind not in classes:
            raise UsageError(f"{path}.kind: {kind!r} is unknown.{nearest(str(kind), classes)}")
        return from_dict(classes[kind], {k: v for k, v in value.items() if k != "kind"}, path=path)
    if type(value) in classes.values():
        return value
    for choice in choices:
        if choice is not type(None) and not dataclasses.is_dataclass(choice):
            try:
                return _coerce(value, choice, path)
            except UsageError:
                continue
    raise UsageError(f"{path}: expected {_spell(hint)}, got {value!r}.")


def _spell(hint: Any) -> str:
    if typing.get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_spell(choice) for choice in typing.get_args(hint))
    if hint is type(None):
        return "null"
    return getattr(hint, "__name__", str(hint)) if typing.get_origin(hint) is None else str(hint)
