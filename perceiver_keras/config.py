"""Typed, frozen settings: the stages of the model, the data, training, and the gate.

A configuration is a tree of frozen dataclasses; `config_tree.py` converts it to JSON and back and applies dotted
overrides. Names follow the paper: `num_latents` N, `latent_dim` D, input channels C, query channels Q.

The comment above a field, or at the end of its line, is its meaning in `perceiver config --describe` and
docs/settings.md; what stands in square brackets at its end is its unit.
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

    channels: int  # numbers per position [channels]
    init_scale: float = 0.02  # standard deviation before training [1]
    # Channels of a Linear that follows; null: none follows [channels]
    project_dim: int | None = None


@frozen()
class FourierPosition:
    """Sines and cosines of a linear grid in [-1, 1]: d(2K+1) channels for d dimensions and K bands."""

    num_bands: int  # K, frequencies per dimension [bands]
    # Size of the grid that sets the highest frequency; null: of the grid itself [elements]
    max_resolution: tuple[int, ...] | None = None
    concat_pos: bool = True  # whether the position itself is among the channels
    sine_only: bool = False  # leave the cosines out
    # How frequencies are rounded: exactly, as the official code does, or as the port does
    arithmetic: Literal["exact", "official", "port"] = "exact"
    # Channels of a Linear that follows; null: none follows [channels]
    project_dim: int | None = None


Position = LearnedPosition | FourierPosition


# === Stems: from a picture to [B, M, C] (docs/architecture.md, Preprocess) ===


@frozen()
class PixelStem:
    """Raw pixels, strided by `spatial_downsample`."""

    spatial_downsample: int = 1  # keep every n-th pixel of each side [pixels]


@frozen()
class Conv1x1Stem:
    """A Linear on every pixel, with a stride."""

    channels: int  # output of the Linear [channels]
    spatial_downsample: int = 1  # keep every n-th pixel of each side [pixels]


@frozen()
class ConvStem:
    """7x7 convolutions with batch norm, ReLU and max-pooling; each layer shrinks the sides by four."""

    channels: int = 64  # output of each convolution [channels]
    num_layers: int = 1  # convolutions, each with its pooling [layers]
    # Around the picture: as TensorFlow's "same", or the port's, symmetric and none in the pooling
    padding: Literal["same", "port"] = "same"


@frozen()
class PatchStem:
    """Space-to-depth over (temporal, spatial, spatial) patches, then an optional Linear."""

    spatial_downsample: int = 1  # side of a patch [pixels]
    temporal_downsample: int = 1  # length of a patch in time [frames]
    linear_channels: int | None = None  # output of the Linear; null: no Linear [channels]


Stem = PixelStem | Conv1x1Stem | ConvStem | PatchStem


# === The stages of the model ===


@frozen()
class EncodeConfig:
    """Cross-attention from N latents of D channels to the input array (paper, section 3.1)."""

    num_latents: int  # N, size of the latent array [latents]
    latent_dim: int  # D, numbers per latent [channels]
    num_cross_attention_heads: int = 1  # attention heads that read the input [heads]
    # Size of queries and keys, all heads together; null: as `shape_for_attention` says [channels]
    qk_dim: int | None = None
    v_dim: int | None = None  # size of values, all heads together; null: as qk_dim [channels]
    widening_factor: int = 1  # hidden layer of the MLP, as a multiple of its input [factor]
    use_query_residual: bool = True  # add the latents to what attention returns
    # Where `qk_dim` comes from if it is null: the input's channels ("kv") or the latents' ("q")
    shape_for_attention: Literal["kv", "q"] = "kv"
    dropout: float = 0.0  # dropout after attention and in the MLP [share]
    attention_dropout: float = 0.0  # dropout of the attention weights [share]
    latent_init_scale: float = 0.02  # standard deviation of the latents before training [1]


@frozen()
class ProcessConfig:
    """Self-attention among the latents; all `num_blocks` blocks share the layers of one block."""

    num_self_attention_layers: int  # self-attention layers of one block [layers]
    num_self_attention_heads: int  # attention heads of each layer [heads]
    num_blocks: int = 1  # how often the block is applied, with the same weights [blocks]
    # Size of queries and keys, all heads together; null: the latents' [channels]
    qk_dim: int | None = None
    v_dim: int | None = None  # size of values, all heads together; null: as qk_dim [channels]
    widening_factor: int = 1  # hidden layer of the MLP, as a multiple of its input [factor]
    dropout: float = 0.0  # dropout after attention and in the MLP [share]
    attention_dropout: float = 0.0  # dropout of the attention weights [share]


@frozen()
class DecodeConfig:
    """Cross-attention from the queries to the latents, then a Linear to the output channels."""

    num_cross_attention_heads: int = 1  # attention heads that read the latents [heads]
    # Size of queries and keys, all heads together; null: as `shape_for_attention` says [channels]
    qk_dim: int | None = None
    v_dim: int | None = None  # size of values, all heads together; null: as qk_dim [channels]
    widening_factor: int = 1  # hidden layer of the MLP, as a multiple of its input [factor]
    use_query_residual: bool = False  # add the queries to what attention returns
    # Where `qk_dim` comes from if it is null: the latents' channels ("kv") or the queries' ("q")
    shape_for_attention: Literal["kv", "q"] = "kv"
    output_dim: int | None = None  # E, output of the final Linear; null: no Linear [channels]
    zero_init: bool = False  # start the final Linear at zero, as flow's does
    dropout: float = 0.0  # dropout after attention and in the MLP [share]
    attention_dropout: float = 0.0  # dropout of the attention weights [share]


@frozen()
class TransformerConfig:
    """The Transformer of `backbone=transformer`; the defaults are the paper's BERT on bytes (Tab. 1 and 11)."""

    num_layers: int = 6  # layers of self-attention over all inputs [layers]
    width: int = 512  # channels of all layers, and of queries, keys and values [channels]
    num_heads: int = 8  # attention heads of each layer [heads]
    widening_factor: int = 4  # hidden layer of the MLP, as a multiple of the width [factor]
    dropout: float = 0.0  # dropout after attention and in the MLP [share]
    attention_dropout: float = 0.0  # dropout of the attention weights [share]


@frozen()
class PerceiverConfig:
    """Encode, process and decode; the model configuration of every task extends this class."""

    encode: EncodeConfig
    process: ProcessConfig
    decode: DecodeConfig
    # What is between inputs and outputs: latents, or for comparison self-attention over all inputs. With "transformer"
    # `encode` and `process` have no effect, and of `decode` only `output_dim` and `zero_init` have one.
    backbone: Literal["perceiver", "transformer"] = "perceiver"
    transformer: TransformerConfig = TransformerConfig()  # its sizes, if it is the backbone
    # GELU in the MLPs: as the official code approximates it, or the port's exact form
    activation: Literal["gelu_tanh", "gelu"] = "gelu_tanh"
    # Attention logits that need more are computed in chunks, with the same result [MiB]
    attention_memory_mb: int = 256


# === Around the model ===


@frozen()
class DataConfig:
    """Where the examples come from, and how they are batched."""

    dataset: str  # a TFDS name, `name/config:version`; several with weights, `a@0.7+b@0.3`
    # TFDS's folder; null: PERCEIVER_DATA_DIR, TFDS_DATA_DIR or ~/tensorflow_datasets
    data_dir: str | None = None
    # Of data that grows, which part this is: the number for {SPAN} in `data_dir`; null: the newest [1]
    span: int | None = None
    train_split: str = "train"  # TFDS expression of the split to train on
    validation_split: str = "validation"  # TFDS expression of the split for evaluation in training
    test_split: str = "test"  # TFDS expression of the split that the gate judges
    max_examples: int | None = None  # at most this many per split; null: all [examples]
    # Per training batch, over all devices; auto: what fits the free memory [examples]
    batch_size: int | Literal["auto"] = 64
    shuffle_buffer: int = 10_000  # how many encoded examples are drawn from at random [examples]
    documents_per_example: int = 1  # stored texts that training joins into one example [texts]
    # Training draws examples of all classes equally often: rare ones are repeated, common ones wait
    balance: Literal["none", "oversample"] = "none"
    # The run stops if a larger part of a split is corrupt; less is left out [share]
    max_corrupt_share: float = 0.0
    # What the pipeline does about data that its accepted schema does not allow, and about leaks
    on_anomaly: Literal["stop", "report"] = "stop"
    # The same or nearly the same examples in two splits are an anomaly above this part of the smaller [share]
    max_leak_share: float = 0.01
    # How far a measured number may move between two data sets (Jensen-Shannon divergence), beyond chance [1]
    max_drift: float = 0.1
    # How far the share of a class may move between two data sets (largest difference), beyond chance [share]
    max_class_drift: float = 0.1


# Strategies that reset TensorFlow when they start, so that whatever exists already, such as a data set, is lost.
STARTS_FIRST = ("multi_worker", "tpu")


@frozen()
class TrainConfig:
    """Optimisation. Steps are optimizer steps; `learning_rate` is the peak after warm-up."""

    steps: int  # optimizer steps of the whole run [steps]
    learning_rate: float  # its peak, after warm-up [1]
    # How the rate grows with the batch (data.batch_size · gradient_accumulation): not, with it, or with its square root
    learning_rate_scaling: Literal["none", "linear", "sqrt"] = "none"
    # The batch for which learning_rate is meant, if it is scaled [examples]
    learning_rate_batch: int | None = None
    # Weights to start from: a file, a folder, deepmind/NAME, huggingface/NAME, or "local" for local attention
    init: str | None = None
    # Weights that stay as they are: none, preprocess, encode and process ("encoder"), or all but the head
    freeze: Literal["none", "encoder", "all_but_head"] = "none"
    unfreeze_at: int | None = None  # the step from which on all are trained; null: none [steps]
    warmup_steps: int = 0  # while the rate grows from 0 to its peak [steps]
    # The rate after warm-up: a cosine to 0, constant, or constant and then a cosine
    schedule: Literal["cosine", "constant", "constant_then_cosine"] = "cosine"
    constant_steps: int | None = (
        None  # of constant_then_cosine, before the cosine; null: half [steps]
    )
    optimizer: Literal["lamb", "adamw"] = "lamb"  # the update rule
    weight_decay: float = 0.0  # decay of weights, not of biases and norms [1]
    beta_1: float = 0.9  # decay of the mean of gradients, per step [1]
    beta_2: float = 0.999  # decay of the mean of squared gradients, per step [1]
    epsilon: float = 1e-6  # added to the denominator of an update [1]
    clip_norm: float | None = None  # largest global norm of the gradients; null: any [1]
    ema_decay: float = 0.0  # decay of the moving average of weights; 0: no average [1]
    gradient_accumulation: int = 1  # batches per optimizer step [batches]
    # Compute layers again in the backward pass instead of keeping what they computed: slower, in less memory
    recompute: bool = False
    label_smoothing: float = 0.0  # probability spread over all classes [share]
    # Number format of the computation; weights and the optimizer stay in float32
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    jit_compile: Literal["auto", "on", "off"] = "auto"  # XLA; auto: on GPU and TPU
    # How devices share the work; auto: mirrored if there are several GPUs
    strategy: Literal["auto", "none", "mirrored", "multi_worker", "tpu"] = "auto"
    # The TPU of strategy=tpu: its name, grpc://HOST:PORT, or "local"; null: TPU_NAME, else this machine's
    tpu: str | None = None
    deterministic: bool = False  # TensorFlow's op determinism: the same bits every time, but slower
    seed: int = 0  # seed of weights, shuffling, augmentation and dropout [1]
    log_every: int = 50  # steps between lines of the log [steps]
    evaluate_every: int = 500  # steps between evaluations [steps]
    # Evaluations in a row without a better one, after which training stops; null: it does not [evaluations]
    early_stop: int | None = None
    restore_best: bool = False  # end with the weights of the best evaluation, not of the last step
    checkpoint_every: int = 500  # steps between checkpoints [steps]
    keep_checkpoints: int = 3  # how many of the newest are kept, 3 or more [checkpoints]
    # Setting -> values to try, each combination once; the pipeline's Tuner does it
    search: dict[str, tuple[float, ...]] = field(default_factory=dict)


@frozen()
class EvaluateConfig:
    """The gate: a model is blessed if it reaches every threshold and is not worse than the last blessed model."""

    # Metric -> the limit it must reach; metric@label=7: in that slice; metric@label: in each slice of label
    thresholds: dict[str, float] = field(default_factory=dict)
    allowed_drop: float = 0.0  # how much worse than the last blessed model, in the metric [metric]
    # How sure the gate must be that a model is worse, or better than the trivial guess [share]
    confidence: float = 0.99
    # Parts of the test split that are judged by themselves, `label` or `text/words:10,100`; null: the task's own
    slices: tuple[str, ...] | None = None
    # Largest 95th percentile of a request with one example, on the machine of the run; null: any [ms]
    max_latency_ms: float | None = None
    # How much slower than the last blessed model, in the same process; null: any [factor]
    max_slowdown: float | None = 3.0
    max_load_seconds: float | None = None  # longest time to load the export; null: any [s]
    max_memory_mb: float | None = None  # peak of the process that serves; null: any [MiB]
    max_size_mb: float | None = None  # size of the export on disk; null: any [MiB]
    # Per batch in evaluation; auto: what fits the free memory [examples]
    batch_size: int | Literal["auto"] = 64


@frozen()
class TaskConfig:
    """All settings of a run. Each task narrows `model`, and other fields where it needs more, to its own type."""

    data: DataConfig
    model: PerceiverConfig
    train: TrainConfig
    evaluate: EvaluateConfig


def learns_vocabulary(config: TaskConfig) -> bool:
    """Whether a vocabulary is still to be learned from the training split."""
    return getattr(config.data, "sentencepiece", None) == "train"
