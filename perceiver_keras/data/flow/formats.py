"""Optical flow in files: Middlebury's `.flo`, `.pfm`, and KITTI's 16-bit PNG.

Readers take bytes or a path. They check the size that a header declares against the file's length before they make an
array, so that a false size costs nothing. Flow is float32 [H, W, 2], in pixels, x (to the right) first, then y (down).

Sources: Middlebury's `flowIO.cpp` (tag "PIEH", and 1e9 for "unknown"); the PFM format description by Paul Debevec; the
KITTI 2015 development kit, `devkit/readme.txt`.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from perceiver_keras.errors import PerceiverError, UsageError, nearest
from perceiver_keras.files import write_whole

Source = bytes | str | os.PathLike

MAX_PIXELS = 64 << 20  # files whose header declares more are refused
UNKNOWN = 1e9  # a component beyond this marks unknown flow, as Middlebury defines it
_TAG = b"PIEH"  # 202021.25 as a little-endian float32
_KITTI_SCALE, _KITTI_ZERO = 64.0, 2**15
_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"\0\0\0\0IEND\xaeB`\x82"
_MOST_PACKED = 1033  # bytes that one byte of deflate expands to, at most (zlib's technical notes)


class FlowFileError(PerceiverError):
    """A file that is not a usable flow file; the message names it and says why."""


def read_flow(source: Source, suffix: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Flow and where it is known, by the file's suffix: `.flo`, `.pfm` or `.png`.

    Args:
      suffix: Required for bytes, which have no name.

    Returns:
      float32 [H, W, 2], 0 where it is unknown, and where it is known, bool [H, W]. Flow that is NaN or infinite in
      either component is unknown.

    Raises:
      FlowFileError: The file is damaged, or is not in that format.
      UsageError: No format has that suffix.
    """
    if suffix is None:
        if isinstance(source, bytes):
            raise UsageError("Flow given as bytes needs a suffix that names its format.")
        suffix = Path(source).suffix
    if suffix.lower() not in READERS:
        raise UsageError(f"No flow format has the suffix {suffix!r}.{nearest(suffix, READERS)}")
    return READERS[suffix.lower()](source)


def write_flow(path: str | os.PathLike, flow: np.ndarray, valid: np.ndarray | None = None) -> None:
    """Writes a file whole, in the format of its suffix; see `read_flow`.

    Raises:
      UsageError: No format has that suffix, or the flow does not fit into it.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in ENCODERS:
        raise UsageError(f"No flow format has the suffix {suffix!r}.{nearest(suffix, ENCODERS)}")
    write_whole(path, ENCODERS[suffix](flow, valid))


# === .flo: tag, columns, rows, and (x, y) for each pixel, little-endian ===


def read_flo(source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Middlebury's format; see `read_flow`."""
    content, name = _content(source)
    if content[:4] != _TAG:
        raise FlowFileError(
            f"{name} is not a .flo file: it begins with {content[:4]!r}, not {_TAG!r}."
        )
    if len(content) < 12:
        raise FlowFileError(f"{name} ends within its header: {len(content)} of 12 bytes.")
    columns, rows = struct.unpack("<ii", content[4:12])
    _check_size(name, rows, columns, len(content) - 12, 8)
    flow = np.frombuffer(content, "<f4", offset=12).reshape(rows, columns, 2)
    return _known(flow)


def encode_flo(flow: np.ndarray, valid: np.ndarray | None = None) -> bytes:
    """The bytes of a `.flo` file; flow that is not valid becomes 1.666e9, as in Middlebury's own files."""
    flow, valid = _checked(flow, valid)
    flow = np.where(valid[..., None], flow, np.float32(1.666666752e9))
    rows, columns = flow.shape[:2]
    return _TAG + struct.pack("<ii", columns, rows) + flow.astype("<f4").tobytes()


# === .pfm: a text header, then rows from the bottom up ===


def read_pfm_array(source: Source) -> np.ndarray:
    """The numbers of a PFM, float32 [H, W, 3] for "PF" and [H, W] for "Pf", first row on top.

    The sign of the header's scale gives the byte order; its magnitude is ignored, as in all readers.
    """
    content, name = _content(source)
    if content[:2] not in (b"PF", b"Pf"):
        raise FlowFileError(
            f"{name} is not a .pfm file: it begins with {content[:2]!r}, not b'PF'."
        )
    # One blank ends the header: the numbers may begin with a byte that looks like a second one.
    header = re.match(rb"P[Ff]\s+(\d{1,9})\s+(\d{1,9})\s+([+-]?[0-9.eE+-]{1,32})\s", content[:128])
    if not header:
        raise FlowFileError(f"{name} has no PFM header: columns, rows and scale should follow.")
    try:
        scale = float(header[3])
    except ValueError:
        scale = 0.0
    if not scale or not np.isfinite(scale):
        raise FlowFileError(f"{name} has the scale {header[3].decode()!r}: expected ±1.0.")
    columns, rows = int(header[1]), int(header[2])
    channels = 3 if content[:2] == b"PF" else 1
    # A header that ends in CR LF: the file's length tells it from a number that begins with LF.
    begin = header.end()
    windows = content[begin - 1 : begin + 1] == b"\r\n"
    if windows and len(content) - begin == rows * columns * channels * 4 + 1:
        begin += 1
    _check_size(name, rows, columns, len(content) - begin, 4 * channels)
    order = "<f4" if scale < 0 else ">f4"
    values = np.frombuffer(content, order, offset=begin).astype(np.float32)
    shape = (rows, columns, 3) if channels == 3 else (rows, columns)
    return np.ascontiguousarray(values.reshape(shape)[::-1])


def read_pfm(source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Flow as FlyingThings3D stores it: in the first two channels of a colour PFM."""
    values = read_pfm_array(source)
    if values.ndim != 3:
        raise FlowFileError(f"{_name(source)} is a grey PFM; flow needs its first two channels.")
    return _known(values[..., :2])


def encode_pfm_array(values: np.ndarray, big_endian: bool = False) -> bytes:
    """The bytes of a PFM from [H, W] or [H, W, 3]."""
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] != 3):
        raise UsageError(f"A PFM holds [H, W] or [H, W, 3], not {list(values.shape)}.")
    rows, columns = values.shape[:2]
    kind, scale = "PF" if values.ndim == 3 else "Pf", "1.0" if big_endian else "-1.0"
    header = f"{kind}\n{columns} {rows}\n{scale}\n".encode()
    return header + values[::-1].astype(">f4" if big_endian else "<f4").tobytes()


def encode_pfm(flow: np.ndarray, valid: np.ndarray | None = None) -> bytes:
    """Flow in the first two channels of a little-endian PFM; 1e10 where it is not valid."""
    flow, valid = _checked(flow, valid)
    flow = np.where(valid[..., None], flow, np.float32(1e10))
    return encode_pfm_array(np.concatenate([flow, np.zeros_like(flow[..., :1])], axis=-1))


# === KITTI: a PNG of 16-bit (x, y, valid) ===


def read_kitti(source: Source) -> tuple[np.ndarray, np.ndarray]:
    """KITTI's format: flow = (value - 2^15) / 64; the third channel is 0 where the flow is unknown."""
    content, name = _content(source)
    values = decode_png16(content, name)
    valid = values[..., 2] > 0
    flow = (values[..., :2].astype(np.float32) - _KITTI_ZERO) / np.float32(_KITTI_SCALE)
    return np.where(valid[..., None], flow, np.float32(0)), valid


def encode_kitti(flow: np.ndarray, valid: np.ndarray | None = None) -> bytes:
    """The bytes of a KITTI PNG: flow is rounded to 1/64 pixel and must lie in -512..511.98.

    Raises:
      UsageError: It lies outside that range.
    """
    flow, valid = _checked(flow, valid)
    values = np.rint(flow.astype(np.float64) * _KITTI_SCALE) + _KITTI_ZERO
    beyond = valid & ((values < 0) | (values > 65535)).any(-1)
    if beyond.any():
        worst = np.abs(flow[beyond]).max()
        raise UsageError(f"KITTI's PNG holds flow up to 512 pixels, not {worst:.1f}: use .flo.")
    values = np.where(valid[..., None], values, 0).astype(np.uint16)
    values = np.concatenate([values, valid[..., None].astype(np.uint16)], axis=-1)
    with tf.device("CPU:0"):
        return tf.io.encode_png(values).numpy()


def decode_png16(content: bytes, name: str = "the PNG") -> np.ndarray:
    """uint16 [H, W, 3] of a 16-bit colour PNG, which Pillow would reduce to 8 bits.

    Raises:
      FlowFileError: It is damaged, or another kind of file.
    """
    if not content.startswith(_PNG):
        raise FlowFileError(f"{name} is not a PNG: it begins with {content[:8]!r}.")
    if len(content) < 33 or content[12:16] != b"IHDR":
        raise FlowFileError(f"{name} ends within its header.")
    columns, rows, bits, colour = struct.unpack(">IIBB", content[16:26])
    if (bits, colour) != (16, 2):
        kind = {0: "grey", 2: "colour", 3: "palette", 4: "grey with alpha", 6: "colour with alpha"}
        raise FlowFileError(
            f"{name} has {bits} bits per channel and is {kind.get(colour, 'unknown')}; KITTI's flow "
            "is 16 bits and colour."
        )
    _check_pixels(name, rows, columns)
    if rows * columns * 6 > _MOST_PACKED * len(content):
        raise FlowFileError(
            f"{name} declares {rows} x {columns} pixels, more than {len(content)} bytes can hold."
        )
    if _PNG_END not in content:
        raise FlowFileError(f"{name} is truncated.")
    try:
        with tf.device("CPU:0"):
            return tf.io.decode_png(content, channels=3, dtype=tf.uint16).numpy()
    except tf.errors.InvalidArgumentError as error:
        reason = error.message.split("}} ")[-1].split(" [Op:")[0]
        raise FlowFileError(f"{name} cannot be decoded: {reason}") from error


# === What all formats have in common ===


def _name(source: Source) -> str:
    return "The content" if isinstance(source, bytes) else str(source)


def _content(source: Source) -> tuple[bytes, str]:
    if isinstance(source, bytes):
        return source, _name(source)
    try:
        return Path(source).read_bytes(), _name(source)
    except OSError as error:
        raise FlowFileError(f"{source} cannot be read: {error.strerror}.") from error


def _check_pixels(name: str, rows: int, columns: int) -> None:
    if rows < 1 or columns < 1 or rows * columns > MAX_PIXELS:
        raise FlowFileError(
            f"{name} declares {rows} rows and {columns} columns; expected at least one of each and "
            f"at most {MAX_PIXELS} pixels."
        )


def _check_size(name: str, rows: int, columns: int, found: int, each: int) -> None:
    """Checks the declared size against the bytes that follow the header."""
    _check_pixels(name, rows, columns)
    expected = rows * columns * each
    if found != expected:
        problem = "is truncated" if found < expected else "has bytes after its end"
        raise FlowFileError(
            f"{name} {problem}: {rows} x {columns} pixels are {expected} bytes after the header, "
            f"and there are {found}."
        )


def _known(flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flow, 0 where it is unknown, and where it is known: not beyond `UNKNOWN`, infinite or NaN.

    FlyingThings3D has NaN in a few pixels, as its makers say.
    """
    known = (np.abs(flow) <= UNKNOWN).all(-1)  # NaN compares as false
    return np.where(known[..., None], flow, 0).astype(np.float32), known


def _checked(flow: np.ndarray, valid: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    flow = np.asarray(flow, np.float32)
    if flow.ndim != 3 or flow.shape[2] != 2 or not flow.size:
        raise UsageError(f"Flow is [H, W, 2], not {list(flow.shape)}.")
    valid = np.ones(flow.shape[:2], bool) if valid is None else np.asarray(valid, bool)
    if valid.shape != flow.shape[:2]:
        raise UsageError(f"valid is {list(valid.shape)} and the flow {list(flow.shape)}.")
    flow = np.where(valid[..., None], flow, np.float32(0))
    if not np.isfinite(flow).all():
        raise UsageError("Flow is NaN or infinite where it is said to be valid.")
    return flow, valid


READERS: dict[str, Callable[[Source], tuple[np.ndarray, np.ndarray]]] = {
    ".flo": read_flo,
    ".pfm": read_pfm,
    ".png": read_kitti,
}
ENCODERS: dict[str, Callable[..., bytes]] = {
    ".flo": encode_flo,
    ".pfm": encode_pfm,
    ".png": encode_kitti,
}
