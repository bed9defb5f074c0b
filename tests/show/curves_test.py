"""Which curves share a panel, and which values are left out."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_keras.show import curves


def test_training_and_validation_share_a_panel() -> None:
    history = [
        {"step": 10, "loss": 2.0, "learning_rate": 0.1},
        {"step": 20, "loss": 1.0, "learning_rate": 0.2, "val_loss": 1.5, "val_accuracy": 0.5},
        {"step": 30, "loss": float("nan"), "learning_rate": 0.2},
    ]
    figure = curves.learning_curves(history)
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes}
    assert list(panels) == ["loss", "accuracy", "learning rate"]
    lines = {line.get_label(): line.get_xydata().tolist() for line in panels["loss"].lines}
    assert lines == {"training": [[10, 2.0], [20, 1.0]], "validation": [[20, 1.5]]}


def test_an_empty_history_says_so() -> None:
    figure = curves.learning_curves([])
    assert figure.axes == [] and figure.texts[0].get_text() == "no history"


@pytest.mark.parametrize("value", [None, "text", True, float("inf"), np.nan])
def test_what_is_not_a_finite_number_has_no_curve(value) -> None:
    assert curves.learning_curves([{"step": 1, "loss": value}]).axes == []


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("loss", ("loss", "training")),
        ("train_loss", ("loss", "training")),
        ("val_loss", ("loss", "validation")),
        ("validation_top_5", ("top_5", "validation")),
    ],
)
def test_names_of_quantities(key, expected) -> None:
    assert curves.split_name(key) == expected
