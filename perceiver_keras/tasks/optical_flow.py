"""Optical flow (paper, section 4.2; SPEC: Released settings): the seven stages, top to bottom.

Inputs: two frames [B, 2, H, W, C] float32 in [-1, 1]; outputs the flow from the first to the second,
[B, H, W, 2] in pixels, x first. Targets [B, H, W, 4] float32: the true flow, valid, occluded (0 or 1).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import ConvStem
from perceiver_keras.data import flow_augment, image
from perceiver_keras.data.batches import EPOCH, SEEN, fold_in
from perceiver_keras.decode import Decode
from perceiver_keras.encode import Encode
from perceiver_keras.errors import UsageError
from perceiver_keras.postprocess.flow import FlowPostprocess, decoded_channels
from perceiver_keras.preprocess.flow import FlowPreprocess
from perceiver_keras.process import Process
from perceiver_keras.query import InputQuery
from perceiver_keras.tasks import flow_files, flow_measures, flow_prediction
from perceiver_keras.tasks.flow_presets import (
    PRESETS,
    OpticalFlowConfig,
    OpticalFlowModelConfig,
)
from perceiver_keras.tasks.model import TaskModel
from perceiver_keras.tasks.task import Labels, Task

# === Data: one stored pair -> (frames, truth) ===


def feature_spec(config: OpticalFlowConfig) -> dict[str, Any]:
    """Encoded pictures, and the flow's bytes: little-endian float32 [H, W, 2].

    `valid` and `occluded` may be lacking where there is no flow either.
    """
    must, may = (tf.io.FixedLenFeature([], tf.string, default_value=d) for d in (None, ""))
    return {"frame1": must, "frame2": must, "flow": must, "valid": may, "occluded": may}


def check(features: Mapping[str, Any], config: OpticalFlowConfig) -> str | None:
    """Why a stored pair can't be used, or None."""
    found = {name: (features.get(name) or [b""])[0] for name in feature_spec(config)}
    for name, content in found.items():
        if not content:
            return f"feature {name!r} is missing or empty"
    sizes = {}
    for name in ("frame1", "frame2", "valid", "occluded"):
        if reason := image.check_image(found[name]):
            return f"feature {name!r}: {reason}"
        sizes[name] = image.image_size(found[name])
    height, width = sizes["frame1"]
    for name, size in sizes.items():
        if size != (height, width):
            return f"feature {name!r} has {size[0]}x{size[1]} pixels, but frame1 {height}x{width}"
    if len(found["flow"]) != 8 * height * width:
        return (
            f"feature 'flow' has {len(found['flow'])} bytes; {height}x{width} pixels of two float32 "
            f"are {8 * height * width}"
        )
    if not np.isfinite(np.frombuffer(found["flow"], "<f4")).all():
        return "feature 'flow' has values that are no numbers; unknown flow is 0 and not valid"
    return None


def check_dataset(labels: Labels | None, config: OpticalFlowConfig) -> None:
    if labels is not None:
        raise UsageError(
            f"Data set {config.data.dataset!r} has classes, and no pairs of frames with flow."
        )


def prepare(
    features: Mapping[str, tf.Tensor], config: OpticalFlowConfig, training: bool, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Decode, augment or crop, scale: frames [2, H, W, C] and truth [H, W, 4], float32.

    In training a piece of the model's size is taken anywhere, else the middle.
    """
    size, data = config.model.image_size, config.data
    channels = config.model.channels
    frames = [image.decode_image(features[name], channels) for name in ("frame1", "frame2")]
    frames = tf.cast(tf.stack(frames), tf.float32) / 255.0
    shape = tf.shape(frames)[1:3]
    truth = decode_truth(features, shape)
    if not training:
        frames, truth = flow_augment.apply_map(
            frames, truth, flow_augment.centre_crop(shape, size), size
        )
    else:
        progress = run_progress(features, config)
        is_plain = progress >= 1.0 - data.plain
        if data.plain:
            # Every second time, so that each pair is fed both ways; which are turned first, its content says.
            parity = tf.strings.to_hash_bucket_fast(features["flow"], 2)
            epoch = tf.cast(features.get(EPOCH, 0), tf.int64)
            turned = is_plain & ((epoch + parity) % 2 == 1)
            frames, truth = tf.cond(
                turned, lambda: flow_augment.reverse(frames, truth), lambda: (frames, truth)
            )
        frames, truth = _crop_or_augment(frames, truth, config, progress, is_plain, seed)
    return 2.0 * frames - 1.0, truth if "flow" in features else None


def _crop_or_augment(
    frames: tf.Tensor,
    truth: tf.Tensor,
    config: OpticalFlowConfig,
    progress: tf.Tensor,
    is_plain: tf.Tensor,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    size, data = config.model.image_size, config.data

    def crop() -> tuple[tf.Tensor, tf.Tensor]:
        place = flow_augment.random_crop(tf.shape(truth)[:2], size, fold_in(seed, 2))
        return flow_augment.apply_map(frames, truth, place, size)

    def augment() -> tuple[tf.Tensor, tf.Tensor]:
        strength = tf.clip_by_value(progress / max(data.growing, 1e-6), 0.0, 1.0)
        return flow_augment.augment(frames, truth, size, data.augmentation, strength, seed)

    if data.augmentation is None:
        return crop()
    return tf.cond(is_plain, crop, augment) if data.plain else augment()


def decode_truth(features: Mapping[str, tf.Tensor], shape: tf.Tensor) -> tf.Tensor:
    """Flow, valid and occluded of a stored pair, float32 [H, W, 4]; zeros where there is no flow."""
    if "flow" not in features:
        return tf.zeros([shape[0], shape[1], 4])
    flow = tf.reshape(tf.io.decode_raw(features["flow"], tf.float32), [shape[0], shape[1], 2])
    masks = [tf.cast(image.decode_image(features[m], 1) > 127, tf.float32) for m in MASKS]
    return tf.concat([flow, *masks], axis=-1)


MASKS = ("valid", "occluded")


def run_progress(features: Mapping[str, tf.Tensor], config: OpticalFlowConfig) -> tf.Tensor:
    """Which share of the run lies before this example, float32 []; 0 where its place is not known."""
    train = config.train
    examples = train.steps * train.gradient_accumulation * config.data.batch_size
    seen = tf.cast(features.get(SEEN, tf.constant(0, tf.int64)), tf.float64)
    return tf.cast(seen / examples, tf.float32)


# === Preprocess, encode, process, decode, postprocess: the model ===


def grid_of(config: OpticalFlowModelConfig) -> tuple[int, int]:
    """(how much the stem shrinks each side, how many frames' elements the array holds)."""
    stem = config.stem
    factor = 4**stem.num_layers if isinstance(stem, ConvStem) else stem.spatial_downsample
    joined = config.join_frames or getattr(stem, "temporal_downsample", 1) == 2
    return factor, 1 if joined else 2


@keras.saving.register_keras_serializable(package="perceiver_keras")
class OpticalFlow(TaskModel):
    """Perceiver IO for optical flow: frames [B, 2, H, W, C] in [-1, 1] -> flow [B, H, W, 2], pixels."""

    task_name = "optical_flow"
    config_class = OpticalFlowModelConfig

    def __init__(self, config: OpticalFlowModelConfig, **kwargs: Any):
        shared = {
            "activation": config.activation,
            "attention_memory_mb": config.attention_memory_mb,
        }
        factor, frames = grid_of(config)
        decode = dataclasses.replace(
            config.decode, output_dim=decoded_channels(factor, config.upsampling), zero_init=True
        )
        super().__init__(
            config,
            preprocess=FlowPreprocess(
                patch_size=config.patch_size,
                join_frames=config.join_frames,
                contrast_window=config.contrast_window,
                stem=config.stem,
                position=config.position,
                name="preprocess",
            ),
            encode=Encode(config.encode, **shared, name="encode"),
            process=Process(config.process, **shared, name="process"),
            query=InputQuery(frames=frames, name="query"),
            decode=Decode(decode, **shared, name="decode"),
            postprocess=FlowPostprocess(
                flow_scale=config.flow_scale,
                factor=factor,
                upsampling=config.upsampling,
                name="postprocess",
            ),
            **kwargs,
        )

    def symbolic_inputs(self) -> Any:
        return keras.Input([2, *self.config.image_size, self.config.channels], name="frames")

    def predict_flow(self, frame1: Any, frame2: Any, tiling: str = "minimal") -> Any:
        """The motion of every pixel between two frames of any size; see `flow_prediction.predict_flow`."""
        return flow_prediction.predict_flow(self, frame1, frame2, tiling)


# === Loss and metrics ===


def loss(config: OpticalFlowConfig) -> keras.losses.Loss:
    return flow_measures.EndPointError(config.model.flow_scale)


def metrics(config: OpticalFlowConfig) -> list[keras.metrics.Metric]:
    return flow_measures.training_metrics()


def figures(flow: tf.Tensor, targets: tf.Tensor, config: OpticalFlowConfig) -> dict[str, tf.Tensor]:
    """Each pair's row of sums: a whole flow is too large to be carried from the model to the metrics."""
    return {"errors": flow_measures.columns(targets, flow)}


def figure_metrics(config: OpticalFlowConfig) -> list[keras.metrics.Metric]:
    return flow_measures.figure_metrics()


def baseline(dataset: tf.data.Dataset, config: OpticalFlowConfig) -> dict[str, float]:
    """The figures of a flow that is zero everywhere."""
    return flow_measures.figures_of(
        dataset, lambda frames: tf.zeros([*frames.shape[:1], *frames.shape[2:4], 2])
    )


# === Show ===


def show(
    model: keras.Model,
    inputs: tf.Tensor,
    targets: tf.Tensor,
    config: OpticalFlowConfig,
    labels: Labels | None,
) -> dict[str, Any]:
    """Pictures for the report: the pairs with the largest and the smallest error, and the first ones."""
    from perceiver_keras.show import flow as drawn

    flows, truth = model.predict_on_batch(inputs), np.asarray(targets)
    pairs = [
        {"frames": frames, "flow": flow, "truth": true[..., :2], "valid": true[..., 2]}
        for frames, flow, true in zip(np.asarray(inputs)[:4], flows, truth, strict=False)
    ]
    return {
        "Worst and best pairs": drawn.worst_and_best(
            np.asarray(inputs), flows, truth[..., :2], truth[..., 2]
        ),
        "Flow of the first pairs": drawn.pair_sheets(pairs),
    }


TASK = Task(
    name="optical_flow",
    summary="Two pictures to the motion of every pixel.",
    model_class=OpticalFlow,
    presets=PRESETS,
    feature_spec=feature_spec,
    label_key="flow",
    check=check,
    check_dataset=check_dataset,
    prepare=prepare,
    loss=loss,
    metrics=metrics,
    figures=figures,
    figure_metrics=figure_metrics,
    prediction_key="errors",
    serving_spec=flow_prediction.serving_spec,
    serve=flow_prediction.serve,
    respond=flow_prediction.respond,
    requests=flow_files.requests,
    requests_at_once=1,  # pairs may differ in size, and one of the full model takes a minute
    read=flow_files.as_inputs,
    answer=flow_prediction.answer,
    picture=flow_prediction.picture,
    formats=flow_files.FORMATS,
    streams={".mp4": flow_files.FlowFilm},
    baseline=baseline,
    show=show,
    lower_is_better=tuple(flow_measures.FIGURES),
)
