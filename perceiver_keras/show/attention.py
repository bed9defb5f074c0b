"""What the latents attend to: the encoder's cross-attention, drawn over the pictures."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure

from perceiver_keras.show import style


def attention_over_pictures(
    pictures: np.ndarray, weights: np.ndarray, count: int = 4, num_latents: int = 5
) -> Figure:
    """One row per picture: the picture, the mean over all latents, and a few single latents.

    The latents are those that attend most sharply (least entropy over the pictures shown), if possible
    each to a different place, so that the same map is not shown several times. The figure's label is its caption.

    Args:
      pictures: [B, H, W, C], any range.
      weights: The encoder's cross-attention [B, heads, N, M], summing to 1 over M; M are the
        positions in the picture, or in an evenly strided grid over it, row by row.
      count: At most this many pictures.
      num_latents: At most this many latents.

    Raises:
      ValueError: M positions don't form a grid with the picture's proportions.
    """
    pictures, weights = np.asarray(pictures)[:count], np.asarray(weights, np.float32)[:count]
    per_latent = weights.mean(axis=1)  # [B, N, M]: the mean over the heads
    height, width = grid_of(per_latent.shape[-1], pictures.shape[1], pictures.shape[2])
    maps = per_latent.reshape(*per_latent.shape[:2], height, width)
    latents = sharpest(per_latent, num_latents)
    rows, columns = len(pictures), 2 + len(latents)
    with style.styled():
        figure = style.new_figure(columns * 1.15, rows * 1.15 + 0.3)
        for row in range(rows):
            panels = [("picture", None), ("mean", maps[row].mean(axis=0))]
            panels += [(f"latent {i}", maps[row, i]) for i in latents]
            for column, (title, heat) in enumerate(panels):
                axes = figure.add_subplot(rows, columns, row * columns + column + 1)
                style.draw_picture(axes, pictures[row])
                if heat is not None:
                    _overlay(axes, heat, pictures.shape[1], pictures.shape[2])
                if row == 0:
                    axes.set_title(title, fontsize=8, color=style.GREY)
    figure.set_label(
        "Bright: what the encoder's cross-attention reads. The mean over all latents, then the latents with the "
        "sharpest attention."
    )
    return figure


def _overlay(axes, heat: np.ndarray, height: int, width: int) -> None:
    """A map over a picture, scaled to its own largest value; where it is low, the picture shows through."""
    edges = (-0.5, width - 0.5, height - 0.5, -0.5)
    heat = heat / max(float(heat.max()), 1e-12)
    opacity = 0.25 + 0.7 * heat
    axes.imshow(heat, cmap="inferno", alpha=opacity, vmin=0, vmax=1, extent=edges)


def grid_of(positions: int, height: int, width: int) -> tuple[int, int]:
    """(rows, columns) of the grid of `positions` places that covers a picture evenly."""
    if positions == height * width:
        return height, width
    rows = round(math.sqrt(positions * height / width))
    for candidate in (rows, rows - 1, rows + 1):
        if candidate > 0 and positions % candidate == 0:
            columns = positions // candidate
            if abs(height / candidate - width / columns) <= 1:
                return candidate, columns
    raise ValueError(
        f"{positions} attended positions do not form an even grid over a {height} x {width} picture."
    )


def sharpest(per_latent: np.ndarray, count: int) -> list[int]:
    """The latents of [B, N, M] with the least entropy; their strongest places differ if possible."""
    entropy = -(per_latent * np.log(per_latent + 1e-12)).sum(-1).mean(0)
    order = [int(i) for i in np.argsort(entropy, kind="stable")]
    place = per_latent.mean(0).argmax(-1)
    seen: set[int] = set()
    distinct = [i for i in order if not (place[i] in seen or seen.add(int(place[i])))]
    rest = [i for i in order if i not in distinct]
    return (distinct + rest)[:count]
