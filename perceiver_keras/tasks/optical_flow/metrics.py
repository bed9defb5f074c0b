"""How wrong a flow is: the loss, each pair's row of sums, and the benchmarks' metrics from these.

Targets are [B, H, W, 4] float32: the true flow in pixels, then valid and occluded (0 or 1). Outputs are the flow
[B, H, W, 2]. The end-point error of a pixel is the length of the difference, in pixels.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.metrics.columns import ColumnRatio, of_outputs
from perceiver_keras.metrics.results import results_of
from perceiver_keras.tasks.contract.measures import Measures
from perceiver_keras.tasks.optical_flow.presets import OpticalFlowConfig

# What `columns` adds up over a pair's valid pixels; limits are the benchmarks', in pixels.
COLUMNS = (
    *("error", "pixels", "motion"),
    *("over_1px", "over_3px", "over_5px"),
    "fl",  # KITTI: more than 3 pixels and more than 5 % of the motion
    *("error_s0_10", "pixels_s0_10"),  # Sintel: by the length of the true motion
    *("error_s10_40", "pixels_s10_40"),
    *("error_s40_plus", "pixels_s40_plus"),
    *("error_matched", "pixels_matched", "error_unmatched", "pixels_unmatched"),
    *("mean_error", "mean_fl", "images"),  # of this image alone; 1 if any pixel is valid
)
# Metric -> the columns whose sums are divided. "Per image" gives each image the same weight, as KITTI 2012's
# tables do; the others give each pixel the same weight, as Sintel's and KITTI 2015's do.
METRICS = {
    "relative_aepe": ("error", "motion"),  # 1: as wrong as predicting no motion
    "aepe": ("error", "pixels"),
    "aepe_per_image": ("mean_error", "images"),
    "fl_all": ("fl", "pixels"),
    "fl_all_per_image": ("mean_fl", "images"),
    "outliers_1px": ("over_1px", "pixels"),
    "outliers_3px": ("over_3px", "pixels"),
    "outliers_5px": ("over_5px", "pixels"),
    "aepe_s0_10": ("error_s0_10", "pixels_s0_10"),
    "aepe_s10_40": ("error_s10_40", "pixels_s10_40"),
    "aepe_s40_plus": ("error_s40_plus", "pixels_s40_plus"),
    "aepe_matched": ("error_matched", "pixels_matched"),
    "aepe_unmatched": ("error_unmatched", "pixels_unmatched"),
}
IN_TRAINING = ("relative_aepe", "aepe", "fl_all")


@unconverted
def columns(targets: tf.Tensor, flow: tf.Tensor) -> tf.Tensor:
    """The sums of `COLUMNS` over each pair, float32 [B, 20]; shares are from 0 to 1."""
    targets, flow = tf.cast(targets, tf.float32), tf.cast(flow, tf.float32)
    valid = targets[..., 2] > 0
    unseen = valid & (targets[..., 3] > 0)
    # Unknown flow may be NaN: it must not enter any sum.
    true = tf.where(valid[..., None], targets[..., :2], 0.0)
    error = tf.norm(tf.where(valid[..., None], flow - true, 0.0), axis=-1)
    motion = tf.norm(true, axis=-1)

    def total(of: tf.Tensor, where: tf.Tensor = valid) -> tf.Tensor:
        return tf.reduce_sum(tf.where(where, of, 0.0), axis=[1, 2])

    def both(where: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return total(error, valid & where), total(one, valid & where)

    one = tf.ones_like(error)
    pixels = total(one)
    over = [total(one, error > limit) for limit in (1.0, 3.0, 5.0)]
    fl = total(one, (error > 3.0) & (error > 0.05 * motion))
    return tf.stack(
        [
            *(total(error), pixels, total(motion), *over, fl),
            *both(motion < 10),
            *both((motion >= 10) & (motion <= 40)),
            *both(motion > 40),
            *both(~unseen),
            *both(unseen),
            tf.math.divide_no_nan(total(error), pixels),
            tf.math.divide_no_nan(fl, pixels),
            tf.cast(pixels > 0, tf.float32),
        ],
        axis=-1,
    )


@keras.saving.register_keras_serializable(package="perceiver_keras")
class EndPointError(keras.losses.Loss):
    """The mean end-point error of each pair's valid pixels in the network's unit, √(|difference|² + ε²) / scale.

    ε is a hundredth of a pixel, so that an error of exactly zero has a gradient: a new model predicts zero flow.

    Args:
      scale: pixels per unit of the network.

    Call: targets [B, H, W, 4], flow [B, H, W, 2] -> float32 [B]; 0 where nothing is valid.
    """

    EPSILON = 0.01

    def __init__(self, scale: float = 20.0, name: str = "end_point_error", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.scale = scale

    @unconverted
    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        valid = y_true[..., 2:3] > 0
        difference = tf.where(valid, tf.cast(y_pred, tf.float32) - y_true[..., :2], 0.0)
        error = tf.sqrt(tf.reduce_sum(difference**2, axis=-1) + self.EPSILON**2)
        weights = tf.cast(valid[..., 0], tf.float32)
        total = tf.reduce_sum(weights * error, axis=[1, 2])
        return tf.math.divide_no_nan(total, tf.reduce_sum(weights, axis=[1, 2])) / self.scale

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"scale": self.scale}


def loss(config: OpticalFlowConfig) -> keras.losses.Loss:
    return EndPointError(config.model.flow_scale)


def column_metrics(config: OpticalFlowConfig) -> list[keras.metrics.Metric]:
    return [_ratio(name) for name in METRICS]


def metrics(config: OpticalFlowConfig) -> list[keras.metrics.Metric]:
    return of_outputs([_ratio(name) for name in IN_TRAINING], columns)


def _ratio(name: str) -> ColumnRatio:
    above, below = (COLUMNS.index(column) for column in METRICS[name])
    return ColumnRatio(above, below, name=name)


def baseline(dataset: tf.data.Dataset, config: OpticalFlowConfig) -> dict[str, float]:
    """The metrics of zero flow everywhere."""
    rows = (columns(targets, tf.zeros_like(targets[..., :2])) for _, targets in dataset)
    return results_of(column_metrics(config), rows)


def slices(config: OpticalFlowConfig) -> tuple[str, ...]:
    return ("flow/median",)


MEASURES = Measures(
    loss=loss,
    metrics=metrics,
    columns=columns,
    column_metrics=column_metrics,
    key="errors",
    baseline=baseline,
    lower_is_better=tuple(METRICS),
    slices=slices,
)
