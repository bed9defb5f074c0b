"""Any array as a picture, any figure as a PNG."""

from __future__ import annotations

import base64
import io

import matplotlib
import numpy as np
from PIL import Image

from perceiver_keras.show import style


def test_pictures_of_any_range_are_scaled_to_0_to_1() -> None:
    ramp = np.linspace(-5, 20, 12).reshape(3, 4, 1)
    shown = style.displayable(ramp)
    assert shown.shape == (3, 4) and shown.min() == 0 and shown.max() == 1
    assert np.all(np.diff(shown.ravel()) > 0)
    assert style.displayable(np.full((2, 2, 3), 7)).shape == (2, 2, 3)
    unknown = style.displayable(np.array([[[np.nan], [np.inf], [-4.0], [4.0]]]))
    np.testing.assert_array_equal(unknown, [[0.5, 0.5, 0, 1]])  # 0, halfway from -4 to 4
    assert style.displayable(np.ones((2, 2, 5))).shape == (2, 2, 3)


def test_a_figure_becomes_a_png_of_its_size() -> None:
    figure = style.new_figure(3, 2)
    png = style.to_png(figure, dpi=50)
    with Image.open(io.BytesIO(png)) as picture:
        assert (picture.format, picture.size) == ("PNG", (150, 100))
    uri = style.to_data_uri(png)
    assert base64.b64decode(uri.removeprefix("data:image/png;base64,")) == png


def test_a_thumbnail_is_small_and_keeps_the_proportions() -> None:
    def opened(uri: str) -> Image.Image:
        return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))

    pixels = np.random.default_rng(0).integers(0, 256, (8, 6, 1))
    pixels.flat[:2] = 0, 255
    few = style.thumbnail(pixels)
    np.testing.assert_array_equal(np.asarray(opened(few)), pixels[..., 0])  # nothing is lost
    large = style.thumbnail(np.random.default_rng(0).normal(size=(300, 600, 3)))
    assert opened(large).size == (96, 48) and len(large) < 5000


def test_a_drawn_picture_keeps_its_pixels_and_has_no_ticks() -> None:
    ramp = np.arange(12.0).reshape(3, 4, 1)
    with style.styled():
        axes = style.new_figure(1, 1).add_subplot()
        style.draw_picture(axes, ramp)
    np.testing.assert_allclose(axes.images[0].get_array(), ramp[..., 0] / 11)
    assert len(axes.get_xticks()) == len(axes.get_yticks()) == 0


def test_the_style_ends_with_its_context() -> None:
    before = matplotlib.rcParams["text.color"]
    with style.styled():
        assert matplotlib.rcParams["text.color"] == style.INK
    assert matplotlib.rcParams["text.color"] == before
