"""Settings that nothing can be trained with are refused by name, with the range; those of the presets are allowed."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.config import DataConfig, EncodeConfig, EvaluateConfig, TrainConfig
from perceiver_keras.config_tree import from_dict, override
from perceiver_keras.errors import UsageError
from perceiver_keras.ranges import ANY, RANGES, OutOfRange, Range, check_range

SECTIONS = {
    "train": TrainConfig(steps=10, learning_rate=1e-3),
    "data": DataConfig(dataset="digits"),
    "evaluate": EvaluateConfig(),
    "encode": EncodeConfig(num_latents=4, latent_dim=8),
}
NUMBERS = [
    (section, f.name)
    for section, config in SECTIONS.items()
    for f in dataclasses.fields(config)
    if f.type.split(" ")[0] in ("int", "float")
]


@pytest.mark.parametrize(("section", "name"), NUMBERS)
def test_no_number_is_negative(section, name):
    with pytest.raises(OutOfRange, match=rf"^{name}: expected .*, got -1(\.0)?\.$"):
        override(SECTIONS[section], f"{name}=-1")


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("steps=0", "steps: expected 1 or more, got 0."),
        ("learning_rate=0", "learning_rate: expected more than 0, got 0.0."),
        ("ema_decay=1", "ema_decay: expected from 0 to below 1, got 1.0."),
        ("label_smoothing=1.5", "label_smoothing: expected from 0 to below 1, got 1.5."),
        ("clip_norm=0", "clip_norm: expected more than 0, got 0.0."),  # a union with null
        ("keep_checkpoints=2", "keep_checkpoints: expected 3 or more, got 2."),
        ("seed=4294967296", "seed: expected from 0 to 4294967295, got 4294967296."),
    ],
)
def test_the_range_is_told(assignment, words):
    with pytest.raises(UsageError) as error:
        override(SECTIONS["train"], assignment)
    assert str(error.value) == words


def test_ends_that_are_allowed():
    train = override(SECTIONS["train"], "warmup_steps=0", "weight_decay=0", "clip_norm=null")
    assert (train.warmup_steps, train.weight_decay, train.clip_norm) == (0, 0.0, None)
    assert override(SECTIONS["data"], "max_corrupt_share=1").max_corrupt_share == 1.0


def test_metrics_may_be_negative_and_files_are_checked_too():
    limits = from_dict(EvaluateConfig, {"thresholds": {"correlation": -0.5}})
    assert limits.thresholds == {"correlation": -0.5}
    with pytest.raises(UsageError, match="^batch_size: expected 1 or more, got 0.$"):
        from_dict(EvaluateConfig, {"batch_size": 0})


@given(st.floats(0, 1), st.sampled_from(sorted(RANGES)))
def test_ranges_agree_with_the_comparison(value, name):
    allowed = RANGES[name]
    low, high = allowed.low or 0.0, 1e9 if allowed.high is None else allowed.high
    inside = low < value if allowed.open_low else low <= value
    inside &= value < high if allowed.open_high else value <= high
    assert allowed.holds(value) == (inside or allowed == ANY)
    if allowed.holds(value):
        check_range(f"section.{name}", value)
    else:
        with pytest.raises(OutOfRange):
            check_range(f"section.{name}", value)


def test_a_range_in_words():
    assert str(Range(0, 1, open_low=True)) == "more than 0 to 1"
