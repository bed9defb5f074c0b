"""Where the attention is drawn, and which latents are shown."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_keras.show import attention


@pytest.mark.parametrize(
    ("positions", "picture", "expected"),
    [
        (64, (8, 8), (8, 8)),
        (50176, (224, 224), (224, 224)),
        (3136, (224, 224), (56, 56)),
        (35, (20, 28), (5, 7)),
    ],
)
def test_positions_are_laid_out_as_the_picture(positions, picture, expected) -> None:
    assert attention.grid_of(positions, *picture) == expected


def test_positions_that_do_not_form_a_grid_are_refused() -> None:
    with pytest.raises(ValueError, match="17 attended positions"):
        attention.grid_of(17, 8, 8)


def test_the_sharpest_latents_with_places_of_their_own_come_first() -> None:
    weights = np.full((1, 4, 9), 1 / 9)
    weights[0, 2] = np.eye(9)[4]
    weights[0, 3] = (
        0.99 * np.eye(9)[4] + 0.01 / 9
    )  # the same place as latent 2, a little less sharp
    weights[0, 1] = 0.8 * np.eye(9)[7] + 0.2 / 9
    assert attention.sharpest(weights, 3) == [2, 1, 0]
    assert attention.sharpest(weights, 4) == [2, 1, 0, 3]


def test_a_map_lies_on_its_picture_row_by_row() -> None:
    weights = np.zeros((2, 1, 3, 64), np.float32)
    weights[..., 8 * 2 + 5] = 1  # row 2, column 5
    figure = attention.attention_over_pictures(np.zeros((2, 8, 8, 1)), weights, num_latents=2)
    assert len(figure.axes) == 2 * (1 + 1 + 2)
    heat = figure.axes[1].images[1].get_array()
    assert np.unravel_index(heat.argmax(), heat.shape) == (2, 5)
