"""Pictures of optical flow: colours, a legend, arrows, the second frame warped back, and the error.

Flow is [H, W, 2] in pixels, x (to the right) first, then y (downwards). Unknown flow is NaN, or 10⁹ and
more, as Middlebury writes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from perceiver_keras.show import style

# Middlebury's wheel (Baker et al. 2007, colorcode.cpp): the hues go from one corner of the RGB cube to
# the next; the number is how many steps lie between, more where the eye can tell more apart.
CORNERS = (
    ((255, 0, 0), 15),  # red to yellow
    ((255, 255, 0), 6),  # to green
    ((0, 255, 0), 4),  # to cyan
    ((0, 255, 255), 11),  # to blue
    ((0, 0, 255), 13),  # to magenta
    ((255, 0, 255), 6),  # to red
)
UNKNOWN = 1e9
ARROWS = 24  # along the longer side
GREY_LEVEL = 0.5  # of pixels from outside the second frame


# === Colours ===


def colour_wheel() -> np.ndarray:
    """The wheel's 55 colours, uint8 [55, 3], from red through yellow, green, cyan and blue to magenta."""
    colours = []
    for index, (corner, steps) in enumerate(CORNERS):
        start, end = np.array(corner), np.array(CORNERS[(index + 1) % len(CORNERS)][0])
        # The original counts up by ⌊255·i/n⌋ and down by 255 - ⌊255·i/n⌋.
        part = 255 * np.arange(steps)[:, None] // steps
        colours.append(start + np.sign(end - start) * part)
    return np.concatenate(colours).astype(np.uint8)


def to_colours(flow: np.ndarray, largest: float | None = None) -> np.ndarray:
    """Direction as hue, length as saturation: uint8 [..., 3].

    Args:
      flow: [..., 2].
      largest: Length in pixels at which colours are fully saturated; None: the longest in `flow`.
        Longer motions are darkened, unknown ones black.
    """
    flow = np.asarray(flow, np.float64)
    known = is_known(flow)
    u, v = np.where(known[..., None], flow, 0.0)[..., 0], np.where(known, flow[..., 1], 0.0)
    length = np.hypot(u, v)
    radius = length / max(length.max(initial=0.0) if largest is None else largest, 1e-12)
    wheel = colour_wheel() / 255.0
    place = (np.arctan2(-v, -u) / np.pi + 1) / 2 * (len(wheel) - 1)
    below = np.floor(place).astype(int)
    share = (place - below)[..., None]
    colour = (1 - share) * wheel[below] + share * wheel[(below + 1) % len(wheel)]
    inside = radius[..., None] <= 1
    colour = np.where(inside, 1 - radius[..., None] * (1 - colour), colour * 0.75)
    return np.where(known[..., None], np.floor(255 * colour), 0).astype(np.uint8)


def is_known(flow: np.ndarray) -> np.ndarray:
    """bool [...]: where both components are numbers below 10⁹."""
    with np.errstate(invalid="ignore"):
        return (np.isfinite(flow) & (np.abs(flow) < UNKNOWN)).all(axis=-1)


def largest_length(*flows: np.ndarray) -> float:
    """The longest known motion in any of the flows, in pixels; at least a thousandth."""
    lengths = [
        np.hypot(*flow[is_known(flow)].T).max(initial=0.0) for flow in map(np.asarray, flows)
    ]
    return max(float(max(lengths, default=0.0)), 1e-3)


# === Geometry ===


def warp_back(frame2: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """The second frame as seen from the first: each pixel is fetched from where the flow says it went.

    Args:
      frame2: [H, W, C].
      flow: [H, W, 2].

    Returns:
      float32 [H, W, C], bilinear; NaN where the flow is unknown or leaves the frame.
    """
    frame2, flow = np.asarray(frame2, np.float32), np.asarray(flow, np.float64)
    height, width = frame2.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float64)
    x, y = x + flow[..., 0], y + flow[..., 1]
    inside = is_known(flow) & (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    x, y = np.where(inside, x, 0.0), np.where(inside, y, 0.0)
    left = np.minimum(x.astype(int), max(width - 2, 0))
    top = np.minimum(y.astype(int), max(height - 2, 0))
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    along, down = (x - left)[..., None], (y - top)[..., None]
    above = (1 - along) * frame2[top, left] + along * frame2[top, right]
    below = (1 - along) * frame2[bottom, left] + along * frame2[bottom, right]
    mixed = (1 - down) * above + down * below
    return np.where(inside[..., None], mixed, np.nan).astype(np.float32)


def counts(truth: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
    """bool [H, W]: where a true flow is known and counts."""
    return is_known(truth) if valid is None else is_known(truth) & (np.asarray(valid) > 0)


def end_point_error(flow: np.ndarray, truth: np.ndarray, valid: np.ndarray | None = None):
    """Distance between the ends of both motions in pixels, float32 [H, W]; NaN where the truth doesn't count."""
    known = counts(truth, valid)
    with np.errstate(invalid="ignore"):
        error = np.hypot(*np.moveaxis(np.asarray(flow, np.float64) - truth, -1, 0))
    return np.where(known, error, np.nan).astype(np.float32)


# === Pictures ===


def pair_sheet(
    frames: Sequence[np.ndarray],
    flow: np.ndarray,
    truth: np.ndarray | None = None,
    valid: np.ndarray | None = None,
    title: str = "",
) -> Figure:
    """One pair: arrows on the first frame, colours with their legend, the second frame warped back.

    Args:
      frames: The two frames, [H, W, C], any range.
      flow: [H, W, 2].
      truth: The true flow [H, W, 2], if it is known; adds its colours and the error.
      valid: [H, W], positive where `truth` counts.
    """
    return pair_sheets(
        [{"frames": frames, "flow": flow, "truth": truth, "valid": valid, "title": title}]
    )


def pair_sheets(pairs: Sequence[Mapping[str, Any]]) -> Figure:
    """One row per pair, given as the arguments of `pair_sheet` by name. All colours share one scale."""
    scale = largest_length(
        *(p[k] for p in pairs for k in ("flow", "truth") if p.get(k) is not None)
    )
    with_truth = any(pair.get("truth") is not None for pair in pairs)
    height, width = np.shape(pairs[0]["flow"])[:2]
    panel = 2.4 if width >= height else 2.4 * width / height
    columns = 5 if with_truth else 3
    with style.styled():
        figure = style.new_figure(
            panel * columns + 1.3, max(1.4, len(pairs) * (panel * height / width + 0.32))
        )
        grid = figure.add_gridspec(len(pairs), columns + 1, width_ratios=[panel] * columns + [1.2])
        for row, pair in enumerate(pairs):
            axes = [figure.add_subplot(grid[row, column]) for column in range(columns)]
            _draw_pair(axes, pair, scale, head=row == 0)
        draw_legend(figure.add_subplot(grid[0, columns]), scale)
    return figure


def _draw_pair(axes: Sequence[Any], pair: Mapping[str, Any], scale: float, head: bool) -> None:
    first, second = (np.asarray(frame, np.float32) for frame in pair["frames"])
    flow, truth = pair["flow"], pair.get("truth")
    low, high = float(min(first.min(), second.min())), float(max(first.max(), second.max()))

    def frame(place: Any, picture: np.ndarray) -> None:
        shown = (np.asarray(picture) - low) / max(high - low, 1e-12)
        shown = np.nan_to_num(shown, nan=GREY_LEVEL).clip(0, 1)
        colour = shown.shape[-1] >= 3
        place.imshow(shown[..., :3] if colour else shown[..., 0], cmap=None if colour else "gray",
                     vmin=0, vmax=1)  # fmt: skip
        style.bare(place)

    frame(axes[0], first)
    draw_arrows(axes[0], flow)
    draw_flow(axes[1], flow, scale)
    titles = ["first frame, motion", "predicted flow"]
    if truth is not None:
        shown = np.where(counts(truth, pair.get("valid"))[..., None], truth, np.nan)
        draw_flow(axes[2], shown, scale)
        titles.append("true flow")
    frame(axes[-2] if truth is not None else axes[2], warp_back(second, flow))
    titles.append("second frame, warped back")
    if truth is not None:
        draw_error(axes[-1], end_point_error(flow, truth, pair.get("valid")))
        titles.append("end-point error")
    for place, title in zip(axes, titles, strict=False):
        place.set_title(title if head else "", fontsize=8, color=style.GREY)
    if pair.get("title"):
        axes[0].set_ylabel(pair["title"], fontsize=8, color=style.INK)


def draw_flow(axes: Any, flow: np.ndarray, largest: float) -> None:
    """Draws the flow's colours, without ticks."""
    axes.imshow(to_colours(flow, largest), interpolation="nearest")
    style.bare(axes)


def draw_arrows(axes: Any, flow: np.ndarray) -> None:
    """Draws arrows as long as the motion over a picture, one per cell of a coarse grid."""
    flow = np.asarray(flow)
    step = max(1, -(-max(flow.shape[:2]) // ARROWS))
    y, x = np.mgrid[step // 2 : flow.shape[0] : step, step // 2 : flow.shape[1] : step]
    chosen = flow[y, x]
    known = is_known(chosen)
    axes.quiver(
        *(x[known], y[known], chosen[known][:, 0], chosen[known][:, 1]),
        angles="xy", scale_units="xy", scale=1, color=style.ORANGE, width=0.006,
    )  # fmt: skip
    axes.set(xlim=(-0.5, flow.shape[1] - 0.5), ylim=(flow.shape[0] - 0.5, -0.5))


def draw_error(axes: Any, error: np.ndarray) -> None:
    """Draws the error: dark where it is small, bright where large, white where unknown; with a scale in pixels."""
    known = error[np.isfinite(error)]
    top = float(np.percentile(known, 99)) if known.size else 1.0
    drawn = axes.imshow(error, cmap="inferno", vmin=0, vmax=max(top, 1e-3))
    style.bare(axes)
    bar = axes.figure.colorbar(drawn, ax=axes, shrink=0.8, pad=0.02)
    bar.ax.tick_params(labelsize=7, length=0)
    bar.ax.set_title("px", fontsize=7, color=style.GREY)
    bar.outline.set_visible(False)


def draw_legend(axes: Any, largest: float, size: int = 121) -> None:
    """Draws the wheel: the colour at a point stands for a motion from the centre to that point."""
    axes.imshow(legend(size))
    axes.set_title(f"rim: {largest:.3g} px", fontsize=7, color=style.GREY, pad=2)
    style.bare(axes)


def legend(size: int = 121) -> np.ndarray:
    """The wheel as a picture, uint8 [size, size, 3], white around it."""
    line = np.linspace(-1, 1, size)
    flow = np.stack(np.meshgrid(line, line), axis=-1)
    outside = np.hypot(flow[..., 0], flow[..., 1]) > 1
    return np.where(outside[..., None], 255, to_colours(flow, 1.0)).astype(np.uint8)


def extremes(errors: Sequence[float], count: int = 2) -> list[int]:
    """Indices of the `count` worst and then the `count` best pairs, each once; NaNs are left out."""
    ranked = [int(i) for i in np.argsort(-np.asarray(errors, float), kind="stable")]
    ranked = [i for i in ranked if np.isfinite(errors[i])]
    worst = ranked[:count]
    best = [i for i in ranked[::-1] if i not in worst][:count]
    return worst + best


def worst_and_best(
    frames: np.ndarray,
    flows: np.ndarray,
    truths: np.ndarray,
    valids: np.ndarray | None = None,
    count: int = 2,
) -> Figure:
    """The pairs with the largest and with the smallest mean end-point error.

    Args:
      frames: [B, 2, H, W, C], any range.
      flows, truths: [B, H, W, 2].
      valids: [B, H, W], positive where the truth counts.
      count: This many of each.
    """
    errors = []
    for i, (flow, truth) in enumerate(zip(flows, truths, strict=True)):
        error = end_point_error(flow, truth, None if valids is None else valids[i])
        known = error[np.isfinite(error)]
        errors.append(float(known.mean()) if known.size else np.nan)
    chosen = extremes(errors, count) or list(range(min(count, len(flows))))
    return pair_sheets(
        [
            {
                "frames": frames[i],
                "flow": flows[i],
                "truth": truths[i],
                "valid": None if valids is None else valids[i],
                "title": f"{'worst' if place < min(count, len(chosen)) else 'best'}: {errors[i]:.2f} px",
            }
            for place, i in enumerate(chosen)
        ]
    )
