"""How many steps a call runs."""

from __future__ import annotations

from perceiver_keras.config import TrainConfig
from perceiver_keras.training.pace import Pace, to_next_stop


def test_a_call_ends_at_the_next_stop():
    train = TrainConfig(
        steps=100, learning_rate=1.0, log_every=7, evaluate_every=20, checkpoint_every=50
    )
    assert [to_next_stop(step, train) for step in (0, 7, 18, 49, 98)] == [7, 7, 2, 1, 2]


def test_fast_steps_make_longer_calls():
    pace, steps = Pace(), []
    for _ in range(4):
        with pace.measure(pace.steps):
            pass
        steps.append(pace.steps)
    assert steps == [1, 8, 64, 512]  # the first includes tracing; then eight times as many at most
