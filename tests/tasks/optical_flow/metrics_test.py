"""Loss and metrics against NumPy, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.metrics.results import results, results_of
from perceiver_keras.tasks.optical_flow import metrics as measures
from perceiver_keras.tasks.optical_flow.presets import TINY as CONFIG

RNG = np.random.default_rng(0)


def batch(count=3, height=12, width=15):
    """Targets with motions up to 80 px, unknown pixels (NaN flow) and occlusion; flow near them."""
    length = np.exp(RNG.uniform(-1, 4.4, (count, height, width)))
    angle = RNG.uniform(0, 2 * np.pi, length.shape)
    true = length[..., None] * np.stack([np.cos(angle), np.sin(angle)], -1)
    valid = RNG.random(length.shape) < 0.8
    valid[-1] = False  # an image of which nothing is known
    occluded = RNG.random(length.shape) < 0.3
    flow = true + RNG.normal(size=true.shape) * np.exp(RNG.uniform(-1, 2, (*length.shape, 1)))
    true[~valid] = np.nan
    targets = np.concatenate([true, valid[..., None], occluded[..., None]], -1)
    return targets.astype(np.float32), flow.astype(np.float32)


def by_numpy(targets, flow):
    valid = targets[..., 2] > 0
    true = targets[..., :2]
    error = np.sqrt(((flow.astype(np.float64) - true) ** 2).sum(-1))
    motion = np.sqrt((true.astype(np.float64) ** 2).sum(-1))
    bad = (error > 3) & (error > 0.05 * motion)
    unseen = targets[..., 3] > 0
    images = [i for i in range(len(valid)) if valid[i].any()]
    e, m = error[valid], motion[valid]
    return {
        "relative_aepe": e.sum() / m.sum(),
        "aepe": e.mean(),
        "aepe_per_image": np.mean([error[i][valid[i]].mean() for i in images]),
        "fl_all": bad[valid].mean(),
        "fl_all_per_image": np.mean([bad[i][valid[i]].mean() for i in images]),
        "outliers_1px": (e > 1).mean(),
        "outliers_3px": (e > 3).mean(),
        "outliers_5px": (e > 5).mean(),
        "aepe_s0_10": e[m < 10].mean(),
        "aepe_s10_40": e[(m >= 10) & (m <= 40)].mean(),
        "aepe_s40_plus": e[m > 40].mean(),
        "aepe_matched": error[valid & ~unseen].mean(),
        "aepe_unmatched": error[valid & unseen].mean(),
    }


def test_metrics_over_several_batches():
    batches = [batch(), batch(2, 8, 9)]
    rows = [measures.columns(targets, flow) for targets, flow in batches]
    found = results_of(measures.column_metrics(CONFIG), rows)

    def padded(array):  # one array of both, the smaller with unknown pixels around it
        full = np.zeros((len(array), 12, 15, array.shape[-1]), np.float32)
        full[:, : array.shape[1], : array.shape[2]] = array
        return full

    expected = by_numpy(*(np.concatenate([padded(b[i]) for b in batches]) for i in (0, 1)))
    assert found.keys() == expected.keys() == measures.METRICS.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, err_msg=name)


def test_metrics_in_training_have_the_same_values():
    targets, flow = batch()
    metrics = measures.metrics(CONFIG)
    for metric in metrics:
        metric.update_state(targets, flow)
    found, expected = results(metrics), by_numpy(targets, flow)
    assert found.keys() == {"relative_aepe", "aepe", "fl_all"}
    assert found == pytest.approx({name: expected[name] for name in found}, rel=1e-5)


def test_zero_flow_is_as_wrong_as_the_motion_is_long():
    targets, _ = batch()
    dataset = tf.data.Dataset.from_tensors((tf.zeros((3, 2, 12, 15, 3)), targets))
    found = measures.baseline(dataset, CONFIG)
    assert found["relative_aepe"] == pytest.approx(1)
    motion = np.linalg.norm(targets[..., :2], axis=-1)
    assert found["aepe"] == pytest.approx(np.nanmean(motion), rel=1e-5)


def test_metrics_of_motions_that_no_pixel_has_are_left_out():
    """Short motions, nothing occluded: no error of long ones, and none of hidden pixels."""
    targets = np.zeros([2, 4, 4, 4], np.float32)
    targets[..., 0], targets[..., 2] = 3.0, 1.0
    rows = [measures.columns(targets, np.zeros([2, 4, 4, 2], np.float32))]
    found = results_of(measures.column_metrics(CONFIG), rows)
    left_out = {"aepe_s10_40", "aepe_s40_plus", "aepe_unmatched"}
    assert found.keys() == set(measures.METRICS) - left_out
    assert found["aepe"] == found["aepe_s0_10"] == found["aepe_matched"] == 3.0
    baseline = measures.baseline(tf.data.Dataset.from_tensors((0, targets)), CONFIG)
    assert baseline.keys() == found.keys()


def test_loss_is_the_mean_error_of_valid_pixels_in_the_network_s_unit():
    targets, flow = batch()
    loss = measures.loss(CONFIG)
    assert isinstance(loss, measures.EndPointError) and CONFIG.model.flow_scale == 20.0
    error = np.sqrt(((flow.astype(np.float64) - targets[..., :2]) ** 2).sum(-1) + 0.01**2) / 20
    expected = [np.nanmean(error[0]), np.nanmean(error[1]), 0]
    np.testing.assert_allclose(
        loss.call(tf.constant(targets), tf.constant(flow)), expected, rtol=1e-5
    )
    assert measures.EndPointError.from_config(loss.get_config()).scale == 20


def test_gradient_is_finite_where_nothing_is_known_or_nothing_is_wrong():
    targets, _ = batch()
    flow = tf.Variable(np.nan_to_num(targets[..., :2]))
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(measures.EndPointError().call(tf.constant(targets), flow))
    gradient = tape.gradient(value, flow).numpy()
    assert np.isfinite(gradient).all() and not gradient[targets[..., 2] == 0].any()
