"""Which values a number among the settings may have: nothing negative trains, and a share is between 0 and 1.

Every whole number is 1 or more and every other number 0 or more, unless its name is in `RANGES`, so a new setting has a
range without being named here.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from perceiver_keras.errors import UsageError


class Range(NamedTuple):
    """From `low` to `high`; `open_low` and `open_high` exclude the ends."""

    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False

    def holds(self, value: float) -> bool:
        above = self.low is None or (value > self.low if self.open_low else value >= self.low)
        below = self.high is None or (value < self.high if self.open_high else value <= self.high)
        return above and below

    def __str__(self) -> str:
        """In words that follow "expected": "1 or more", "from 0 to 1", "from 0 to below 1", "more than 0"."""
        if self.high is None:
            return f"more than {self.low:g}" if self.open_low else f"{self.low:g} or more"
        start = "more than" if self.open_low else "from"
        return f"{start} {self.low:g} to {'below ' if self.open_high else ''}{self.high:.10g}"


COUNT = Range(1)
AMOUNT = Range(0)
POSITIVE = Range(0, open_low=True)
SHARE = Range(0, 1)
BELOW_ONE = Range(0, 1, open_high=True)
ANY = Range()

# By the name of the setting or of a section that holds it.
RANGES = {
    "seed": Range(0, 2**32 - 1),  # NumPy's
    "keep_checkpoints": Range(3),
    **dict.fromkeys(("warmup_steps", "unfreeze_at", "shuffle_buffer", "span"), AMOUNT),
    **dict.fromkeys(("input_padding", "query_padding"), AMOUNT),
    **dict.fromkeys(("learning_rate", "epsilon", "clip_norm", "std", "flow_scale"), POSITIVE),
    "number_std": POSITIVE,
    **dict.fromkeys(("mask_rate", "train_mask_rate"), Range(0, 1, open_low=True)),
    **dict.fromkeys(("max_corrupt_share", "max_leak_share", "growing", "plain"), SHARE),
    **dict.fromkeys(("max_drift", "max_class_drift"), SHARE),
    "confidence": Range(0.5, 1, open_high=True),
    "max_slowdown": Range(1),
    # Of optical flow's augmentation: chances, and what may be switched off or is in octaves.
    **dict.fromkeys(("apart", "eraser", "resize", "stretch"), SHARE),
    **dict.fromkeys(("flip_horizontal", "flip_vertical"), SHARE),
    **dict.fromkeys(("eraser_boxes", "crop_margin"), AMOUNT),
    **dict.fromkeys(("min_scale", "max_scale"), ANY),
    **dict.fromkeys(("mask_probs", "inference_mask_probs"), SHARE),
    **dict.fromkeys(
        ("dropout", "attention_dropout", "token_dropout", "beta_1", "beta_2"), BELOW_ONE
    ),
    **dict.fromkeys(("ema_decay", "label_smoothing"), BELOW_ONE),
    # Metrics may be negative, and the values of a search are checked when they are applied.
    **dict.fromkeys(("thresholds", "mean", "number_mean", "search"), ANY),
}


class OutOfRange(UsageError):
    """A setting has the right type and a value that it can't have."""


def range_of(key: str, whole: bool) -> Range:
    """The range of a setting, by its dotted key; `whole` says whether it is a whole number."""
    for name in re.split(r"[.\[\]]+", key):
        if name in RANGES:
            return RANGES[name]
    return COUNT if whole else AMOUNT


def check_range(key: str, value: int | float) -> None:
    """Raises `OutOfRange`, which names the setting, its value and its range."""
    allowed = range_of(key, isinstance(value, int))
    if not allowed.holds(value):
        raise OutOfRange(f"{key}: expected {allowed}, got {value!r}.")
