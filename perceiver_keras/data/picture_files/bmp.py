"""BMP: palettes of 1, 4 and 8 bits, 16, 24 and 32 bits, Windows's and OS/2's headers. Written here.

TensorFlow's own decoder takes a palette's indices for grey and refuses bytes after the end. Formats: Microsoft's
BITMAPINFOHEADER to BITMAPV5HEADER, and IBM's OS/2 BITMAPCOREHEADER.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from perceiver_keras.data.picture_files.header import (
    first,
    length_of,
    numbers,
    part,
    size_reasons,
)

MAGIC = b"BM"
_CORE, _INFO = 12, 40  # bytes of OS/2's header, and of Windows's
# Kinds of compression: none, and colours at given bits, without and with alpha.
_PLAIN, _FIELDS, _FIELDS_ALPHA = 0, 3, 6
_PACKED = {
    1: "an RLE-compressed BMP; save it as PNG",
    2: "an RLE-compressed BMP; save it as PNG",
    4: "a BMP that holds a JPEG; save it as JPEG or PNG",
    5: "a BMP that holds a PNG; save it as PNG",
}
_MASKS_555 = (0x7C00, 0x03E0, 0x001F)
_MASKS_888 = (0xFF0000, 0x00FF00, 0x0000FF)


class _Header(NamedTuple):
    """What a header says; int64 [] each."""

    begin: tf.Tensor  # of the pixels
    kind: tf.Tensor  # the header's own size
    columns: tf.Tensor
    rows: tf.Tensor
    from_top: tf.Tensor  # bool: a negative height stores the rows from the top
    bits: tf.Tensor  # per pixel
    compression: tf.Tensor
    colours: tf.Tensor  # of the palette; 0 for all that there may be
    masks: tf.Tensor  # [3]: which bits of a pixel are red, green and blue

    @property
    def row_bytes(self) -> tf.Tensor:
        return (self.columns * self.bits + 31) // 32 * 4


def _header(encoded: tf.Tensor) -> _Header:
    # All fields of four bytes lie at 2 + 4 n.
    long = tf.unstack(numbers(encoded, 2, 16, tf.int32))
    short = tf.unstack(numbers(encoded, 18, 6, tf.uint16))
    kind = long[3]
    core = kind == _CORE
    columns, rows = tf.where(core, short[0], long[4]), tf.where(core, short[1], long[5])
    bits = tf.where(core, short[3], short[5])
    compression = tf.where(kind >= 20, long[7], _PLAIN)
    # OS/2's second header calls RLE with 24 bits 4.
    compression = tf.where((kind == 64) & (compression == 4), tf.constant(1, tf.int64), compression)
    usual = tf.where(bits == 16, tf.constant(_MASKS_555, tf.int64), _MASKS_888)
    return _Header(
        begin=long[2],
        kind=kind,
        columns=columns,
        rows=tf.abs(rows),
        from_top=rows < 0,
        bits=bits,
        compression=compression,
        colours=tf.where(kind >= _INFO, long[11], 0),
        masks=tf.where(compression == _PLAIN, usual, tf.stack(long[13:16]) & 0xFFFFFFFF),
    )


def size(encoded: tf.Tensor) -> tf.Tensor:
    """(rows, columns) as declared, int64 [2]."""
    header = _header(encoded)
    return tf.stack([header.rows, header.columns])


def problem(encoded: tf.Tensor) -> tf.Tensor:
    """Why it can't be decoded."""
    header, end = _header(encoded), length_of(encoded)
    begin, bits, packed = header.begin, header.bits, header.compression
    # The last row may lack the bytes that fill it up.
    needed = begin + header.row_bytes * (header.rows - 1) + (header.columns * bits + 7) // 8
    fields = ((packed == _FIELDS) | (packed == _FIELDS_ALPHA)) & (bits >= 16)
    known = tf.reduce_any(bits == tf.constant([1, 4, 8, 16, 24, 32], tf.int64))
    bits, other = tf.strings.as_string(bits), tf.strings.as_string(packed)
    depth = tf.strings.join(["a BMP with ", bits, " bits per pixel; save it as PNG"])
    other = tf.strings.join(["a BMP with compression ", other, "; save it as PNG"])
    return first(
        (end < 26, "truncated BMP: its header is missing"),
        (
            (header.kind != _CORE) & (header.kind < 16),
            "damaged BMP: its header has an unknown size",
        ),
        *((packed == method, words) for method, words in _PACKED.items()),
        (tf.logical_not(known), depth),
        (tf.logical_not((packed == _PLAIN) | fields), other),
        *size_reasons(tf.stack([header.rows, header.columns])),
        (begin < 14 + header.kind, "damaged BMP: its pixels begin within its header"),
        (needed > end, "truncated BMP: pixels are missing"),
    )


def decode(encoded: tf.Tensor) -> tf.Tensor:
    """uint8 [H, W, 3], without alpha; the file has no `problem`."""
    header = _header(encoded)
    bits, columns, length = header.bits, header.columns, header.row_bytes * header.rows
    stored = tf.strings.join([part(encoded, header.begin, length), tf.constant(bytes(4))])
    data = tf.io.decode_raw(stored, tf.uint8)[:length]
    data = tf.reshape(data, tf.stack([header.rows, header.row_bytes]))
    is_bytes = (bits == 24) | ((bits == 32) & tf.reduce_all(header.masks == _MASKS_888))

    def of_bytes() -> tf.Tensor:
        used = data[:, : bits // 8 * columns]
        return tf.reshape(used, tf.stack([header.rows, columns, bits // 8]))[..., 2::-1]

    def of_fields() -> tf.Tensor:
        return _from_fields(data, bits, columns, header.masks)

    def of_palette() -> tf.Tensor:
        return _from_palette(data, bits, columns, _palette(encoded, header))

    case = tf.where(is_bytes, 0, tf.where(bits > 8, 1, 2))
    pixels = tf.switch_case(case, [of_bytes, of_fields, of_palette])
    pixels = tf.ensure_shape(pixels, [None, None, 3])
    return tf.cond(header.from_top, lambda: pixels, lambda: tf.reverse(pixels, [0]))


def _palette(encoded: tf.Tensor, header: _Header) -> tf.Tensor:
    """uint8 [256, 3]; black beyond the colours that the file has."""
    each = tf.where(header.kind == _CORE, tf.constant(3, tf.int64), 4)
    begin, most = 14 + header.kind, _two_to(header.bits)
    used = (header.colours > 0) & (header.colours <= most)
    count = tf.minimum(tf.where(used, header.colours, most), (header.begin - begin) // each)
    table = tf.io.decode_raw(part(encoded, begin, count * each), tf.uint8)
    table = tf.reshape(table, tf.stack([-1, each]))[:, 2::-1]
    return tf.pad(table, [[0, 256 - tf.shape(table)[0]], [0, 0]])


def _two_to(exponent: tf.Tensor) -> tf.Tensor:
    return tf.bitwise.left_shift(tf.ones_like(exponent), exponent)


# === Pixels ===


def _from_palette(
    data: tf.Tensor, bits: tf.Tensor, columns: tf.Tensor, palette: tf.Tensor
) -> tf.Tensor:
    """Rows of packed indices, uint8 [H, bytes], as colours, uint8 [H, columns, 3]."""
    each = tf.cast(bits, tf.uint8)
    # The first pixel is in the highest bits of a byte.
    shifts = tf.cast(8 - bits - bits * tf.range(8 // bits), tf.uint8)
    indices = tf.bitwise.right_shift(data[..., None], shifts)
    indices = tf.bitwise.bitwise_and(
        indices, tf.bitwise.right_shift(tf.constant(255, tf.uint8), 8 - each)
    )
    indices = tf.reshape(indices, [tf.shape(data)[0], -1])[:, :columns]
    return tf.gather(palette, tf.cast(indices, tf.int32))


def _from_fields(
    data: tf.Tensor, bits: tf.Tensor, columns: tf.Tensor, masks: tf.Tensor
) -> tf.Tensor:
    """Rows of pixels of 16 or 32 bits as colours, uint8 [H, columns, 3]: a colour's bits count from 0 to 255."""
    each = bits // 8
    parts = tf.reshape(
        data[:, : columns * each], tf.stack([tf.shape(data, tf.int64)[0], columns, each])
    )
    places = _two_to(8 * tf.range(each))
    pixels = tf.reduce_sum(tf.cast(parts, tf.int64) * places, axis=-1)
    values = tf.bitwise.bitwise_and(pixels[..., None], masks)
    return tf.cast(values * 255 // tf.maximum(masks, 1), tf.uint8)
