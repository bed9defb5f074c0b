"""Typed, frozen settings: the stages of the model, the data, training, and the gate.

A configuration is a tree of frozen dataclasses; `config_tree.py` converts it to JSON and back and applies dotted
overrides. Names follow the paper: `num_latents` N, `latent_dim` D, input channels C, query channels Q.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Literal

frozen = functools.partial(dataclass, frozen=True, kw_only=True)


# === Positions (docs/architecture.md, Positions) ===


@frozen()
class LearnedPosition:
    """A learned array [index, channels], truncated normal with the given standard deviation."""

    channels: int
    init_scale: float = 0.02
    # Channels of a Linear that follows, where the official code has one.
    project_dim: int | None = None


@frozen()
class FourierPosition:
    """Sines and cosines of a linear grid in [-1, 1]: d(2K+1) channels for d dimensions and K bands."""

    num_bands: int
    max_resolution: tuple[int, ...] | None = None  # None: the size of the grid itself
    concat_pos: bool = True
    sine_only: bool = False
    arithmetic: Literal["exact", "official", "port"] = "exact"  # of rounding: see layers/fourier.py
    project_dim: int | None = None


Position = LearnedPosition | FourierPosition


# === Stems: from a picture to [B, M, C] (docs/architecture.md, Preprocess) ===


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
    padding: Literal["same", "port"] = "same"  # "port": symmetric, and no padding in the pooling


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
    """Cross-attention from N latents of D channels to the input array (paper, section 3.1)."""

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
    """Self-attention among the latents; all `num_blocks` blocks share the layers of one block."""

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
    """Cross-attention from the queries to the latents, then a Linear to the output channels."""

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
    """Encode, process and decode; the model configuration of every task extends this class."""

    encode: EncodeConfig
    process: ProcessConfig
    decode: DecodeConfig
    # The official form; "gelu": the port's exact form.
    activation: Literal["gelu_tanh", "gelu"] = "gelu_tanh"
    attention_memory_mb: int = 256  # logits that need more are computed in chunks


# === Around the model ===


@frozen()
class DataConfig:
    """Where the examples come from, and how they are batched."""

    dataset: str  # a TFDS name, `name/config:version`
    data_dir: str | None = None  # None: see `source.data_folder`
    train_split: str = "train"
    validation_split: str = "validation"
    test_split: str = "test"
    max_examples: int | None = None  # at most this many per split
    batch_size: int = 64
    shuffle_buffer: int = 10_000  # encoded examples, never decoded tensors
    documents_per_example: int = 1  # how many stored examples training joins into one, for texts
    max_corrupt_share: float = 0.0  # the run stops if the share of corrupt records is larger


@frozen()
class TrainConfig:
    """Optimisation. Steps are optimizer steps; `learning_rate` is the peak after warm-up."""

    steps: int
    learning_rate: float
    init: str | None = None  # weights to start from, or "local": see training/warm_start.py
    warmup_steps: int = 0
    schedule: Literal["cosine", "constant", "constant_then_cosine"] = "cosine"
    optimizer: Literal["lamb", "adamw"] = "lamb"
    weight_decay: float = 0.0  # not applied to biases and norms
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-6
    clip_norm: float | None = None  # of the gradients' global norm
    ema_decay: float = 0.0  # 0: no moving average of the weights
    gradient_accumulation: int = 1
    label_smoothing: float = 0.0
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    jit_compile: Literal["auto", "on", "off"] = "auto"  # auto: XLA on GPU and TPU
    strategy: Literal["auto", "none", "mirrored", "multi_worker", "tpu"] = "auto"
    deterministic: bool = False  # TensorFlow's op determinism: the same bits every time, but slower
    seed: int = 0
    log_every: int = 50
    evaluate_every: int = 500
    checkpoint_every: int = 500
    keep_checkpoints: int = 3
    search: dict[str, tuple[float, ...]] = field(default_factory=dict)  # see pipeline/search.py


@frozen()
class EvaluateConfig:
    """The gate: a model is blessed if it reaches every threshold and is not worse than the last blessed model."""

    thresholds: dict[str, float] = field(default_factory=dict)  # metric -> limit
    allowed_drop: float = 0.0  # compared with the last blessed model
    batch_size: int = 64


@frozen()
class TaskConfig:
    """All settings of a run. Each task narrows `model`, and other fields where it needs more, to its own type."""

    data: DataConfig
    model: PerceiverConfig
    train: TrainConfig
    evaluate: EvaluateConfig
