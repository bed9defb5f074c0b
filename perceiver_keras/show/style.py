"""One look for all pictures: light, thin, the same colour for the same meaning."""

from __future__ import annotations

import base64
import io
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

BLUE, ORANGE, GREEN, RED, GREY = "#2563eb", "#d97706", "#15803d", "#b91c1c", "#64748b"
INK, LINE = "#0f172a", "#e2e8f0"

RC = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": GREY,
    "axes.titlesize": 9,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "legend.frameon": False,
}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches; draw into it inside `styled()`."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def styled() -> Any:
    """The context in which new axes take this look."""
    return matplotlib.rc_context(RC)


def to_png(figure: Figure, dpi: int = 130) -> bytes:
    """The figure as an encoded picture."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, facecolor="white")
    return buffer.getvalue()


def to_data_uri(png: bytes) -> str:
    """An encoded picture as an address that holds it, for a page."""
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def thumbnail(picture: np.ndarray, side: int = 96, *, as_stored: bool = False) -> str:
    """A picture [H, W, C] of any range as an address that holds it, a few kB; its longer side is at most `side`.

    Args:
      as_stored: The picture is uint8 and its range stays, so that a dark one is seen to be dark.
    """
    shown = picture[..., :3] if picture.shape[-1] >= 3 else picture[..., 0]
    if not as_stored:
        shown = (255 * displayable(picture)).round().astype(np.uint8)
    image = Image.fromarray(shown)
    buffer = io.BytesIO()
    if max(image.size) <= side // 2:  # each pixel counts, and there are few
        image.save(buffer, "PNG", optimize=True)
        return to_data_uri(buffer.getvalue())
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    image.save(buffer, "JPEG", quality=70)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def displayable(picture: np.ndarray) -> np.ndarray:
    """A picture [H, W, C] of any range as [H, W] or [H, W, 3] in 0 to 1, scaled to its own range.

    NaN and infinite values become 0; of more than three channels the first three are shown.
    """
    picture = np.nan_to_num(np.asarray(picture, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = picture.min(), picture.max()
    picture = (picture - low) / (high - low) if high > low else np.zeros_like(picture)
    if picture.shape[-1] >= 3:
        return picture[..., :3]
    return picture[..., 0]


def draw_picture(axes: Any, picture: np.ndarray) -> None:
    """A picture [H, W, C] without ticks."""
    shown = displayable(picture)
    axes.imshow(shown, cmap="gray" if shown.ndim == 2 else None, vmin=0, vmax=1)
    bare(axes)


def bare(axes: Any) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
