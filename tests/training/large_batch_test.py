"""The learning rate of a large batch, against the rates in LAMB's paper."""

from __future__ import annotations

import pytest

from perceiver_keras.config_tree import override
from perceiver_keras.errors import UsageError
from perceiver_keras.training.large_batch import scaled
from tests.tiny_training import CONFIG


@pytest.mark.parametrize("doublings", range(7))
def test_the_square_root_gives_the_rates_of_lambs_paper(doublings):
    """arXiv 1904.00962, table 4: batches of 512 to 32,768, with a rate of 5 / (2^(3 - k/2) · 10^3), and 3,125 steps of
    warm-up each."""
    config = override(
        CONFIG, "train.learning_rate_scaling=sqrt", "train.learning_rate_batch=512",
        f"train.learning_rate={5 / (2**3 * 1e3)}", f"data.batch_size={512 << doublings}",
        "train.warmup_steps=3125",
    )  # fmt: skip
    train = scaled(config)
    assert train.learning_rate == pytest.approx(5 / (2 ** (3 - doublings / 2) * 1e3))
    assert train.warmup_steps == 3125


def test_micro_batches_count_and_linear_is_linear():
    config = override(
        CONFIG, "train.learning_rate_scaling=linear", "train.learning_rate_batch=8",
        "train.learning_rate=0.001", "data.batch_size=16", "train.gradient_accumulation=3",
    )  # fmt: skip
    assert scaled(config).learning_rate == pytest.approx(0.006)


def test_nothing_is_scaled_unless_asked_for():
    assert scaled(override(CONFIG, "data.batch_size=4096")) == CONFIG.train


@pytest.mark.parametrize(
    "given, expected",
    [
        ("train.learning_rate_batch=8", "set train.learning_rate_scaling=sqrt"),
        (
            "train.learning_rate_scaling=sqrt",
            "set train.learning_rate_batch to 1 or more, got null",
        ),
    ],
)
def test_one_setting_without_the_other_is_refused(given, expected):
    with pytest.raises(UsageError, match=expected):
        scaled(override(CONFIG, given))
