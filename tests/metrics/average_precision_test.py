"""Mean average precision against scikit-learn."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import average_precision_score

from perceiver_keras.metrics.average_precision import BinnedAveragePrecision
from perceiver_keras.metrics.columns import of_outputs


def test_average_precision_is_scikit_learn_s_of_the_rounded_scores():
    rng = np.random.default_rng(1)
    truths = (rng.uniform(size=(300, 5)) < [0.5, 0.3, 0.1, 0.02, 0]).astype(np.float32)
    logits = (rng.normal(size=(300, 5)) + 1.5 * truths).astype(np.float32)
    tfma = BinnedAveragePrecision(5)
    (training,) = of_outputs(
        [BinnedAveragePrecision.from_config(tfma.get_config())],
        lambda targets, outputs: np.concatenate([outputs, targets], -1),
    )
    for part in (slice(0, 100), slice(100, 300)):
        training.update_state(truths[part], logits[part])
        tfma.update_state(None, np.concatenate([logits[part], truths[part]], -1))
    rounded = np.rint(logits.astype(np.float64) * 128)
    exact, close = (
        np.mean([average_precision_score(truths[:, i], scores[:, i]) for i in range(4)])
        for scores in (rounded, logits)
    )
    np.testing.assert_allclose([training.result(), tfma.result()], exact, rtol=1e-6)
    assert abs(float(tfma.result()) - close) < 1e-3
    assert tfma.counted
    tfma.reset_state()
    tfma.update_state(None, np.concatenate([logits, np.zeros_like(truths)], -1))
    assert not tfma.counted and np.isnan(tfma.result())  # no class has a positive: nothing to find
