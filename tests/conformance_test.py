"""Every registered layer of the package, through one harness (tests/checks.py).

A new layer fails `test_every_layer_is_listed` until it has a case here.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from tensorflow import keras

import perceiver_keras
from perceiver_keras.config import (
    Conv1x1Stem,
    DecodeConfig,
    EncodeConfig,
    FourierPosition,
    LearnedPosition,
    PatchStem,
    PixelStem,
    ProcessConfig,
)
from perceiver_keras.decode import Decode
from perceiver_keras.encode import Encode
from perceiver_keras.layers.attention import Attention
from perceiver_keras.layers.blocks import CrossAttentionBlock, SelfAttentionBlock
from perceiver_keras.layers.convolution import ConvDownsample, Pointwise
from perceiver_keras.layers.dropout import Dropout
from perceiver_keras.layers.feed_forward import FeedForward
from perceiver_keras.layers.linear import PACKAGE, Linear
from perceiver_keras.layers.normalization import LayerNorm
from perceiver_keras.layers.patches import Patches
from perceiver_keras.layers.position import FourierPositionEncoding, LearnedPositionEncoding
from perceiver_keras.perceiver import Perceiver
from perceiver_keras.perceiver_io import PerceiverIO
from perceiver_keras.postprocess.array import ArrayPostprocess
from perceiver_keras.postprocess.audio import AudioPostprocess
from perceiver_keras.postprocess.classification import ClassificationPostprocess
from perceiver_keras.postprocess.entities import EntitiesPostprocess
from perceiver_keras.postprocess.flow import FlowPostprocess
from perceiver_keras.postprocess.multimodal import MultimodalPostprocess
from perceiver_keras.postprocess.projection import ProjectionPostprocess
from perceiver_keras.postprocess.task_heads import TaskHeads
from perceiver_keras.postprocess.text import TextPostprocess
from perceiver_keras.postprocess.video import VideoPostprocess
from perceiver_keras.preprocess.array import ArrayPreprocess
from perceiver_keras.preprocess.audio import AudioPreprocess
from perceiver_keras.preprocess.entities import EntitiesPreprocess
from perceiver_keras.preprocess.flow import FlowPreprocess
from perceiver_keras.preprocess.image import ImagePreprocess
from perceiver_keras.preprocess.label import LabelPreprocess
from perceiver_keras.preprocess.multimodal import MultimodalPreprocess
from perceiver_keras.preprocess.task_tokens import TaskTokenPreprocess
from perceiver_keras.preprocess.text import TextPreprocess
from perceiver_keras.preprocess.video import VideoPreprocess
from perceiver_keras.process import Process
from perceiver_keras.query import (
    ArrayQuery,
    InputQuery,
    LearnedQuery,
    MultimodalQuery,
    PositionQuery,
)
from tests.checks import check_layer

STAGES = (
    "layers",
    "preprocess",
    "encode",
    "process",
    "query",
    "decode",
    "postprocess",
    "perceiver",
    "perceiver_io",
)


def array(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def mask(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).random(shape) < 0.6


@dataclass
class Case:
    make: Callable[[], keras.layers.Layer]
    inputs: Any
    options: dict[str, Any] = field(default_factory=dict)


def perceiver() -> Perceiver:
    return Perceiver(
        preprocess=ImagePreprocess(
            stem=PixelStem(), position=FourierPosition(num_bands=3), name="preprocess"
        ),
        encode=Encode(EncodeConfig(num_latents=4, latent_dim=8), name="encode"),
        process=Process(
            ProcessConfig(num_self_attention_layers=1, num_self_attention_heads=2, num_blocks=2),
            name="process",
        ),
        query=LearnedQuery(channels=8, name="query"),
        decode=Decode(DecodeConfig(output_dim=3), name="decode"),
        postprocess=ClassificationPostprocess(name="postprocess"),
    )


LAYERS: dict[str, Case] = {
    "Linear": Case(lambda: Linear(5), array(2, 3, 4)),
    "LayerNorm": Case(LayerNorm, array(2, 3, 4)),
    "Dropout": Case(lambda: Dropout(0.5), array(2, 3, 4), {"trains": False}),
    "FeedForward": Case(
        lambda: FeedForward(widening_factor=2, dropout=0.1, activation="gelu"), array(2, 3, 4)
    ),
    "Attention": Case(
        lambda: Attention(num_heads=2, qk_dim=8, v_dim=4, output_dim=6),
        (array(2, 3, 5), array(2, 7, 6)),
        {"call": {"key_mask": mask(2, 7), "query_mask": mask(2, 3)}},
    ),
    "SelfAttentionBlock": Case(
        lambda: SelfAttentionBlock(num_heads=2, dropout=0.1, attention_dropout=0.1), array(2, 5, 8)
    ),
    "CrossAttentionBlock": Case(
        lambda: CrossAttentionBlock(num_heads=1, widening_factor=2),
        (array(2, 3, 8), array(2, 50, 6)),
        {"call": {"key_mask": mask(2, 50)}},
    ),
    "LearnedPositionEncoding": Case(
        lambda: LearnedPositionEncoding(channels=4, project_dim=6),
        array(2, 3, 5, 2),
        {"batched": False},
    ),
    "FourierPositionEncoding": Case(
        lambda: FourierPositionEncoding(num_bands=3, project_dim=6),
        array(2, 3, 5, 2),
        {"batched": False},
    ),
    "Patches": Case(
        lambda: Patches(spatial=2, temporal=2, linear_channels=5), array(2, 4, 6, 4, 3)
    ),
    "Pointwise": Case(lambda: Pointwise(channels=5, step=2), array(2, 5, 6, 3)),
    "ConvDownsample": Case(lambda: ConvDownsample(channels=4), array(2, 2, 9, 8, 3)),
    "ImagePreprocess": Case(
        lambda: ImagePreprocess(
            stem=Conv1x1Stem(channels=5, spatial_downsample=2),
            position=LearnedPosition(channels=4, project_dim=6),
        ),
        array(2, 6, 8, 3),
    ),
    "Encode": Case(
        lambda: Encode(EncodeConfig(num_latents=4, latent_dim=8)),
        array(2, 60, 6),
        {"call": {"key_mask": mask(2, 60)}},
    ),
    "Process": Case(
        lambda: Process(
            ProcessConfig(num_self_attention_layers=1, num_self_attention_heads=2, num_blocks=3)
        ),
        array(2, 4, 8),
    ),
    "LearnedQuery": Case(lambda: LearnedQuery(num_queries=3, channels=5), array(2, 4, 8)),
    "Decode": Case(
        # 3000 queries are more than 1 MB holds: two chunks.
        lambda: Decode(DecodeConfig(output_dim=3), attention_memory_mb=1),
        (array(2, 3000, 5), array(2, 4, 8)),
        {"call": {"query_mask": mask(2, 3000)}},
    ),
    "ClassificationPostprocess": Case(
        lambda: ClassificationPostprocess(num_classes=3), array(2, 1, 5)
    ),
    "FlowPreprocess": Case(
        lambda: FlowPreprocess(
            stem=PatchStem(temporal_downsample=2, linear_channels=5),
            position=FourierPosition(num_bands=2),
        ),
        array(2, 2, 4, 5, 3),
    ),
    "VideoPreprocess": Case(
        lambda: VideoPreprocess(
            spatial_patch=2, position=FourierPosition(num_bands=2, project_dim=5)
        ),
        array(2, 2, 4, 6, 3),
    ),
    "AudioPreprocess": Case(
        lambda: AudioPreprocess(samples_per_patch=4, position=LearnedPosition(channels=3)),
        array(2, 12, 1),
    ),
    "LabelPreprocess": Case(LabelPreprocess, array(2, 5), {"trains": False}),
    "TextPreprocess": Case(
        lambda: TextPreprocess(vocabulary=9, length=6, channels=4),
        np.array([[1, 2, 3], [4, 5, 8]], np.int32),
    ),
    "TaskTokenPreprocess": Case(
        lambda: TaskTokenPreprocess(vocabulary=9, length=6, channels=4, num_tokens=2),
        {
            "ids": np.array([[1, 2, 3], [4, 5, 8]], np.int32),
            "head": np.array([1, 0], np.int32),
        },
    ),
    "TaskHeads": Case(
        lambda: TaskHeads(num_tasks=3, num_outputs=2),
        array(2, 3, 5),
        # The harness does not cut what lies within a dictionary into batches.
        {"call": {"inputs": {"head": np.array([2, 0], np.int32)}}, "batched": False},
    ),
    "EntitiesPreprocess": Case(lambda: EntitiesPreprocess(channels=4), array(2, 3, 5)),
    "MultimodalPreprocess": Case(
        lambda: MultimodalPreprocess(
            modalities={
                "audio": AudioPreprocess(samples_per_patch=4, position=LearnedPosition(channels=3)),
                "label": LabelPreprocess(),
            },
            mask_probs={"label": 1.0},
        ),
        {"audio": array(2, 12, 1), "label": array(2, 5)},
    ),
    "InputQuery": Case(InputQuery, array(2, 4, 8), {"trains": False}),
    "PositionQuery": Case(
        lambda: PositionQuery(grid=(2, 3), position=LearnedPosition(channels=5)), array(2, 4, 8)
    ),
    "MultimodalQuery": Case(
        lambda: MultimodalQuery(
            modalities={
                "image": PositionQuery(grid=(2, 3), position=FourierPosition(num_bands=2)),
                "label": LearnedQuery(channels=3),
            }
        ),
        array(2, 4, 8),
    ),
    "ArrayPreprocess": Case(
        lambda: ArrayPreprocess(positions="learned", max_shape=(4, 5)), array(2, 3, 5, 2)
    ),
    "ArrayQuery": Case(
        lambda: ArrayQuery(source="positions", channels=5),
        array(2, 4, 8),
        {"call": {"inputs": array(2, 4, 3)}},
    ),
    "ArrayPostprocess": Case(
        lambda: ArrayPostprocess(like="inputs"),
        array(2, 6, 5),
        {"trains": False, "call": {"inputs": array(2, 2, 3, 4)}},
    ),
    "FlowPostprocess": Case(
        lambda: FlowPostprocess(factor=2),
        array(2, 6, 38),
        {"trains": False, "call": {"inputs": array(2, 2, 4, 5, 3)}},
    ),
    "EntitiesPostprocess": Case(lambda: EntitiesPostprocess(pooled_dim=6), array(2, 3, 5)),
    "ProjectionPostprocess": Case(lambda: ProjectionPostprocess(output_dim=3), array(2, 4, 5)),
    "VideoPostprocess": Case(lambda: VideoPostprocess(grid=(1, 2, 3)), array(2, 6, 5)),
    "AudioPostprocess": Case(lambda: AudioPostprocess(samples_per_patch=4), array(2, 3, 5)),
    "TextPostprocess": Case(
        lambda: TextPostprocess(embedding=TextPreprocess(vocabulary=9, length=6, channels=4)),
        array(2, 3, 4),
        {"no_gradient": ("position",)},
    ),
    "MultimodalPostprocess": Case(
        lambda: MultimodalPostprocess(
            modalities={
                "audio": AudioPostprocess(samples_per_patch=4),
                "label": ClassificationPostprocess(num_classes=3),
            },
            sizes={"audio": 2, "label": 1},
        ),
        array(2, 3, 5),
    ),
    "Perceiver": Case(perceiver, array(2, 5, 4, 3)),
    "PerceiverIO": Case(
        lambda: PerceiverIO(num_latents=4, latent_dim=8, depth=1, queries="given", output_dim=3),
        array(2, 5, 4, 3),
        {"call": {"mask": mask(2, 5, 4), "queries": array(2, 6, 7), "query_mask": mask(2, 6)}},
    ),
}


def registered_layers() -> set[str]:
    """Class names of all layers in the stages' modules that `keras.saving` knows under this package."""
    for stage in STAGES:
        module = importlib.import_module(f"perceiver_keras.{stage}")
        for info in pkgutil.iter_modules(getattr(module, "__path__", ())):
            importlib.import_module(f"{module.__name__}.{info.name}")
    prefixes = tuple(f"{perceiver_keras.__name__}.{stage}" for stage in STAGES)
    return {
        cls.__name__
        for name, cls in keras.saving.get_custom_objects().items()
        if name.startswith(f"{PACKAGE}>")
        and issubclass(cls, keras.layers.Layer)
        and cls.__module__.startswith(prefixes)
    }


def test_every_layer_is_listed():
    assert registered_layers() == set(LAYERS)


@pytest.mark.parametrize("name", LAYERS)
def test_conformance(name, tmp_path):
    case = LAYERS[name]
    check_layer(case.make, case.inputs, tmp_path, **case.options)
