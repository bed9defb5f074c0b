"""Answers over true numbers."""

from __future__ import annotations

import numpy as np

from perceiver_keras.show import numbers, style


def test_a_dot_per_example_and_the_line_of_right_answers() -> None:
    truth, said = np.array([1.0, 2.0, -5.0]), np.array([1.5, 2.0, 9.0])
    line, dots = numbers.scatter(truth, said).axes[0].lines
    np.testing.assert_array_equal(dots.get_xydata(), np.stack([truth, said], 1))
    np.testing.assert_array_equal(line.get_xydata(), [[-5, -5], [9, 9]])


def test_no_example_is_an_empty_picture() -> None:
    figure = numbers.scatter(np.zeros(0), np.zeros(0))
    assert len(style.to_png(figure)) > 100
