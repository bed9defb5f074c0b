"""Pictures: the same one in another file format or size, a little brighter, or with its edges cut.

A picture is kept as 24 x 24 cells of luma, and its colours in 4 x 4. Two pictures are the same if, after any change of
brightness and contrast, little of one is left that the other does not explain. Where both have at least `SMALL` rows
and columns, the other may also be moved and stretched by less than a cell: that is what cutting the edges does. What
may be left grows with the roughness of the picture, because fine detail moves from cell to cell. Smaller pictures, such
as digits, differ by so little that they are compared in their places, blurred and sharp.
"""

from __future__ import annotations

import functools

import numpy as np

from perceiver_keras.data.alike import lsh
from perceiver_keras.data.alike.part import NEAR, ONLY_EXACT, PLAIN, Part, Sketch
from perceiver_keras.data.described.decode import Decoded

CELLS, COLOURS = 24, 4  # of the thumbnail and of its colours, per side
SMALL = 32  # rows or columns: below, pictures are compared in their places
PLAIN_RANGE = 4  # of 0..255: a picture whose values differ by no more holds nothing
# The share of the variance that may be left unexplained: of small pictures that are blurred, and of sharp ones, times
# their rows or columns; and of others.
LEFT_BLURRED, LEFT_SHARP = 0.0045, 0.6
LEFT, LEFT_BY_ROUGHNESS, MOST_LEFT = 0.003, 0.06, 0.02
_LEAST_CORRELATION = 0.8  # before anything is moved: excludes negatives
_COLOUR_OFF = 8.0  # of 0..255, the mean difference of the cells
_STRETCH_OFF = 2  # in 1/32 octave: 4 %, of the ratio of width to height
_STEPS = 28  # of a stored luma per standard deviation
SIZE = 3 + CELLS**2 + 2 * COLOURS**2

_RGB_TO_YCC = np.array(
    [[0.299, -0.168736, 0.5], [0.587, -0.331264, -0.418688], [0.114, 0.5, -0.081312]], np.float32
)


def part(found: Decoded) -> Part:
    """The fingerprint of a picture."""
    return of(found.value)


def of(picture: np.ndarray) -> Part:
    """The fingerprint of uint8 [H, W, 1 to 4]; alpha, which no model sees, does not count."""
    pixels = as_seen(picture)
    height, width, channels = pixels.shape
    content = b"%d %d %d " % pixels.shape + pixels.tobytes()
    if np.ptp(pixels, axis=(0, 1)).max() <= PLAIN_RANGE:
        return Part(content, PLAIN)
    ycc = pixels.astype(np.float32)
    ycc = ycc @ _RGB_TO_YCC if channels == 3 else np.pad(ycc, [(0, 0), (0, 0), (0, 2)])
    luma = shrink(ycc[..., 0], CELLS)
    spread = float(luma.std())
    if spread < 1:
        return Part(content, ONLY_EXACT)  # a pattern finer than the thumbnail's cells
    colours = [shrink(ycc[..., channel], COLOURS) for channel in (1, 2)]
    stored = np.rint((luma - luma.mean()) / spread * _STEPS) + 128
    stretch = np.rint(32 * np.log2(width / height)) + 128
    head = [min(height, width, 255), np.clip(stretch, 0, 255), min(round(2 * spread), 255)]
    values = [*head, *stored.ravel(), *np.rint(np.ravel(colours) + 128)]
    body = np.clip(values, 0, 255).astype(np.uint8)
    return Part(content, NEAR, lsh.keys(_blurred(luma)), body.tobytes())


def thumbnail(found: Part) -> np.ndarray:
    """The blurred luma of a picture's fingerprint, [CELLS, CELLS]; zeros if it has none."""
    if found.state != NEAR:
        return np.zeros([CELLS, CELLS], np.float32)
    return _blurred(_luma(np.frombuffer(found.body, np.uint8)[None]))[0]


def as_seen(picture: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 1 or 3]: without alpha, and grey where all of it is grey."""
    if picture.shape[-1] == 2:
        return picture[..., :1]
    if picture.shape[-1] > 3:
        picture = picture[..., :3]
    grey = picture.shape[-1] == 3 and (picture[..., :1] == picture).all()
    return np.ascontiguousarray(picture[..., :1] if grey else picture)


def near(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Which bodies uint8 [n, SIZE] are nearly those of which [m, SIZE]: bool [n, m]."""
    side = np.maximum(np.minimum(a[:, None, 0], b[None, :, 0]), 1)
    stretch = abs(a[:, None, 1].astype(int) - b[None, :, 1]) <= _STRETCH_OFF
    possible = stretch & _colours_agree(a, b)
    ours, theirs = _luma(a), _luma(b)
    agree = _correlation(ours, theirs)
    possible &= agree > _LEAST_CORRELATION
    found = possible & (side < SMALL) & (1 - agree**2 <= LEFT_SHARP / side)
    if found.any():
        blurred = _correlation(_blurred(ours, 4), _blurred(theirs, 4))
        found &= 1 - blurred**2 <= LEFT_BLURRED
    rows, columns = np.nonzero(possible & (side >= SMALL))
    if len(rows):
        ours, theirs = _blurred(ours), _blurred(theirs)
        rough = np.maximum(_roughness(ours)[rows], _roughness(theirs)[columns])
        left = np.maximum(_left(ours, theirs, rows, columns), _left(theirs, ours, columns, rows))
        found[rows, columns] = left <= np.minimum(LEFT + LEFT_BY_ROUGHNESS * rough, MOST_LEFT)
    return found


SKETCH = Sketch(part, SIZE, near)


# === Thumbnails ===


def shrink(plane: np.ndarray, cells: int) -> np.ndarray:
    """[H, W] to the means of `cells` x `cells` equal areas, whether it is larger or smaller."""
    return areas(plane.shape[0], cells) @ plane @ areas(plane.shape[1], cells).T


@functools.lru_cache(64)
def areas(length: int, cells: int) -> np.ndarray:
    """[cells, length]: the share of each pixel in each cell."""
    edges, pixels = np.linspace(0, length, cells + 1), np.arange(length)
    inside = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return (np.clip(inside, 0, None) * cells / length).astype(np.float32)


def _luma(bodies: np.ndarray) -> np.ndarray:
    """[n, CELLS, CELLS], in standard deviations."""
    cells = bodies[:, 3 : 3 + CELLS**2].reshape(-1, CELLS, CELLS)
    return (cells.astype(np.float32) - 128) / _STEPS


def _correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[n, H, W] with [m, H, W]: [n, m]."""
    return _unit(a.reshape(len(a), -1)) @ _unit(b.reshape(len(b), -1)).T


def _unit(vectors: np.ndarray) -> np.ndarray:
    centred = vectors - vectors.mean(-1, keepdims=True)
    return centred / np.maximum(np.linalg.norm(centred, axis=-1, keepdims=True), 1e-6)


def _blurred(x: np.ndarray, times: int = 1) -> np.ndarray:
    """[..., CELLS, CELLS] by (1, 2, 1) / 4 along both axes, so many times."""
    weights = _blur(times)
    return weights @ x @ weights.T


@functools.lru_cache(4)
def _blur(times: int) -> np.ndarray:
    """[CELLS, CELLS]; beyond the edge, its cells are repeated."""
    once = np.eye(CELLS, dtype=np.float32)
    once = np.pad(once, [(1, 1), (0, 0)], "edge")
    once = (once[:-2] + 2 * once[1:-1] + once[2:]) / 4
    return np.linalg.matrix_power(once, times)


def _roughness(x: np.ndarray) -> np.ndarray:
    """[n, H, W] -> [n]: the mean square of the Laplacian, in variances."""
    p = np.pad(x, [(0, 0), (1, 1), (1, 1)], "edge")
    around = p[:, :-2, 1:-1] + p[:, 2:, 1:-1] + p[:, 1:-1, :-2] + p[:, 1:-1, 2:]
    return ((around - 4 * x) ** 2).mean((1, 2)) / np.maximum(x.var((1, 2)), 1e-6)


def _left(a: np.ndarray, b: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The share of b's variance that a, moved and stretched to the first order, leaves over: one per pair."""
    needed, place = np.unique(rows, return_inverse=True)
    x = a[needed]
    down, right = np.gradient(x, axis=(1, 2))
    centre = (np.arange(CELLS, dtype=np.float32) - (CELLS - 1) / 2) / CELLS
    moves = [x, down, right, down * centre[:, None], right * centre]
    moves = np.stack([m.reshape(len(x), -1) for m in moves], axis=-1)
    basis, _ = np.linalg.qr(moves - moves.mean(1, keepdims=True))
    other = _unit(b.reshape(len(b), -1))[columns]
    explained = (np.einsum("pck,pc->pk", basis[place], other) ** 2).sum(-1)
    return 1 - explained


def _colours_agree(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A change of contrast changes the colours by the same factor as the luma, so they are compared at equal luma."""
    spread = [np.maximum(x[:, 2].astype(np.float32), 1) for x in (a, b)]
    least = np.minimum(spread[0][:, None], spread[1][None])
    cells = [x[:, 3 + CELLS**2 :].astype(np.float32) - 128 for x in (a, b)]
    ours = cells[0][:, None] * (least / spread[0][:, None])[..., None]
    theirs = cells[1][None] * (least / spread[1][None])[..., None]
    return abs(ours - theirs).mean(-1) <= _COLOUR_OFF
