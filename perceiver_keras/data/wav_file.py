"""WAV: the one reader, of TensorFlow core ops. What it can't read, it names; nothing else looks into a WAV.

It runs in tf.data, in the served graph and, through `problem`, wherever a file is checked. It reads PCM of 1 to 32
bits and floating point of 32 and 64, plain or extensible, with any chunks around the sound, padded or not, in RIFF and
RF64, and the files of writers that did not know the length when they began (sizes 0 and 0xFFFFFFFF).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

SLOWEST, FASTEST = 1_000, 1_000_000  # samples per second; few of them would swell when resampled
_PLAIN = (b"RIFF", b"RF64", b"BW64")  # little-endian
_MOST_CHUNKS = 1_000  # before the sound; a file of empty ones would take for ever
# Writers to a pipe declare the largest size that they can: 0xFFFFFFFF, or some KiB under 2 or 4 GiB.
_ENDLESS = 0x7FFFF000
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_GUID = b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"  # of an extensible format's tag
_CODECS = {
    2: "Microsoft ADPCM",
    6: "A-law",
    7: "mu-law",
    17: "IMA ADPCM",
    49: "GSM",
    80: "MPEG",
    85: "MP3",
}


class Wav(NamedTuple):
    """string [], "" if all is well; float32 [n, channels] in [-1, 1]; int32 [], samples per second."""

    problem: tf.Tensor
    samples: tf.Tensor
    rate: tf.Tensor


class _Chunks(NamedTuple):
    """Where the chunks lie, int64 []; a start is -1 for a chunk that was not found."""

    place: tf.Tensor  # of the next chunk
    fmt: tf.Tensor
    fmt_size: tf.Tensor
    data: tf.Tensor
    data_size: tf.Tensor
    wide_size: tf.Tensor  # of the sound, as RF64 says in its chunk ds64


def read(encoded: tf.Tensor) -> Wav:
    """A WAV, string []. If there is a problem, there are no samples."""
    # Many small steps on whole numbers: on a GPU each would be a trip there and back.
    with tf.device("/CPU:0"):
        chunks = _walk(encoded)
        length = _length(encoded)
        fmt = _bytes(encoded, tf.maximum(chunks.fmt, 0), 40)
        tag, channels, block, bits = (_number(fmt[at : at + 2]) for at in (0, 2, 12, 14))
        rate = _number(fmt[4:8])
        extended = (tag == _EXTENSIBLE) & (chunks.fmt_size >= 40)
        known = tf.strings.substr(_padded(encoded, tf.maximum(chunks.fmt, 0), 40), 26, 14) == _GUID
        tag = tf.where(extended & known, _number(fmt[24:26]), tag)
        each = (bits + 7) // 8  # bytes per sample; unused bits of PCM are the lowest

        available = length - tf.maximum(chunks.data, 0)
        size = _sound_size(encoded, chunks, available)
        size -= size % tf.maximum(block, 1)  # some files end within a frame
        pcm, floating = tag == _PCM, tag == _FLOAT
        right_bits = (pcm & (bits >= 1) & (bits <= 32)) | (floating & ((bits == 32) | (bits == 64)))
        found = _first(
            (length == 0, "empty"),
            (
                _begins(encoded, b"RIFX"),  # ffmpeg takes its samples for little-endian ones
                "a big-endian WAV (RIFX); convert it to a plain one (RIFF), with SoX for example",
            ),
            (~_begins(encoded, *_PLAIN), "not a WAV (it does not begin with RIFF and WAVE)"),
            ((chunks.data < 0) & (chunks.place > length), "truncated WAV: it ends in its header"),
            (chunks.data < 0, "a WAV without sound (no chunk named data)"),
            (chunks.fmt_size < 16, "a WAV whose header is broken (no chunk fmt before the sound)"),
            (
                ~(pcm | floating),
                _say("a WAV of ", _codec(tag), " samples; expected PCM or floating point"),
            ),
            (
                ~right_bits,
                _say(
                    "a WAV of ", bits, " bits per sample; expected 1 to 32, or floats of 32 or 64"
                ),
            ),
            (
                (channels < 1) | (block != channels * each),
                _say(
                    *("a WAV whose header is broken (", channels, " channels of ", bits),
                    *(" bits in blocks of ", block, " bytes)"),
                ),
            ),
            (
                (rate < SLOWEST) | (rate > FASTEST),
                _say("a WAV of ", rate, f" samples per second; expected {SLOWEST} to {FASTEST}"),
            ),
            (
                size > available,
                _say("truncated WAV: ", size - available, " of ", size, " bytes are missing"),
            ),
        )
        sound = tf.cond(
            found == "",
            lambda: _samples(
                tf.strings.substr(encoded, chunks.data, size), floating, each, channels
            ),
            lambda: tf.zeros([0, 1], tf.float32),
        )
        finite = tf.reduce_all(tf.math.is_finite(sound))
        found = tf.where(finite, found, "a WAV with NaN or infinity among its samples")
        sound = tf.cond(finite, lambda: tf.clip_by_value(sound, -1.0, 1.0), lambda: sound[:0])
        return Wav(found, sound, tf.cast(tf.clip_by_value(rate, 0, FASTEST), tf.int32))


def decode(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """float32 [n, channels] in [-1, 1] and the samples per second, int32 [], of a WAV, string [].

    Raises:
      tf.errors.InvalidArgumentError: with `problem`'s words.
    """
    problem_, samples, rate = read(encoded)
    said = tf.raw_ops.Assert(condition=problem_ == "", data=[problem_], summarize=3)
    with tf.control_dependencies([said] if said is not None else []):
        return tf.identity(samples), tf.identity(rate)


def problem(encoded: bytes) -> str | None:
    """Why `decode` can't take the bytes, in words; None if it can."""
    return _problem(tf.constant(encoded)).numpy().decode() or None


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def _problem(encoded: tf.Tensor) -> tf.Tensor:
    return read(encoded).problem


def is_wave(head: bytes) -> bool:
    """Whether a file that begins with these 12 bytes is a WAV, be it one that can't be read."""
    return head[:4] in (*_PLAIN, b"RIFX") and head[8:12] == b"WAVE"


def encode(samples: np.ndarray, rate: int) -> bytes:
    """float [n] or [n, channels], clipped to [-1, 1], as 16-bit PCM."""
    samples = np.asarray(samples, np.float64)
    numbers = np.rint(samples * 32768).clip(-32768, 32767).astype("<i2")
    return from_pcm(numbers.tobytes(), rate, 1 if samples.ndim == 1 else samples.shape[1])


def from_pcm(pcm: bytes, rate: int, channels: int = 1) -> bytes:
    """16-bit samples, little-endian, as a WAV with the plainest header, which every reader takes."""
    sizes = (len(pcm) + 36, 16, _PCM, channels, rate, rate * channels * 2, channels * 2, 16)
    wide = (4, 4, 2, 2, 4, 4, 2, 2)  # bytes of each number
    riff, *fmt = (n.to_bytes(w, "little") for n, w in zip(sizes, wide, strict=True))
    return b"".join(
        [b"RIFF", riff, b"WAVEfmt ", *fmt, b"data", len(pcm).to_bytes(4, "little"), pcm]
    )


# === Parts ===


def _length(encoded: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.strings.length(encoded), tf.int64)


def _padded(encoded: tf.Tensor, place: tf.Tensor, count: int) -> tf.Tensor:
    """`count` bytes from `place` on, string []; zeros after the end."""
    place = tf.minimum(place, _length(encoded))
    part = tf.strings.substr(encoded, place, tf.constant(count, tf.int64))
    return tf.strings.substr(tf.strings.join([part, b"\0" * count]), 0, count)


def _bytes(encoded: tf.Tensor, place: tf.Tensor, count: int) -> tf.Tensor:
    """The same, int64 [count]."""
    octets = tf.io.decode_raw(_padded(encoded, place, count), tf.uint8)
    return tf.cast(tf.ensure_shape(octets, [count]), tf.int64)


def _number(octets: tf.Tensor) -> tf.Tensor:
    """int64 [n] of bytes, the lowest first, as one number."""
    return tf.reduce_sum(octets * [256**power for power in range(octets.shape[0])])


def _begins(encoded: tf.Tensor, *names: bytes) -> tf.Tensor:
    """Whether it begins with one of the names and WAVE, bool []."""
    head = _padded(encoded, tf.constant(0, tf.int64), 12)
    first, kind = tf.strings.substr(head, 0, 4), tf.strings.substr(head, 8, 4)
    return tf.reduce_any(first == tf.constant(names)) & (kind == b"WAVE")


def _walk(encoded: tf.Tensor) -> _Chunks:
    """From chunk to chunk, up to the sound."""
    length = _length(encoded)

    def going(chunks: _Chunks) -> tf.Tensor:
        return (chunks.data < 0) & (chunks.place + 8 <= length)

    def step(chunks: _Chunks) -> tuple[_Chunks]:
        start = chunks.place + 8
        name = _padded(encoded, chunks.place, 4)
        size = _number(_bytes(encoded, chunks.place + 4, 4))
        # A chunk of odd size is followed by a zero, which some writers leave out: a name has none.
        after = start + size
        odd = (size % 2 == 1) & (after < length)
        follows = _bytes(encoded, after, 1)[0]
        pad = tf.cast(odd & ((follows < 0x20) | (follows > 0x7E)), tf.int64)
        fmt, data = (name == b"fmt ") & (chunks.fmt < 0), name == b"data"
        wide = _number(_bytes(encoded, start + 8, 7))
        return (
            _Chunks(
                after + pad,
                tf.where(fmt, start, chunks.fmt),
                tf.where(fmt, size, chunks.fmt_size),
                tf.where(data, start, chunks.data),
                tf.where(data, size, chunks.data_size),
                tf.where(name == b"ds64", wide, chunks.wide_size),
            ),
        )

    def number(value: int) -> tf.Tensor:
        return tf.constant(value, tf.int64)

    (chunks,) = tf.while_loop(
        going,
        step,
        (_Chunks(number(12), number(-1), number(0), number(-1), number(0), number(0)),),
        maximum_iterations=_MOST_CHUNKS,
    )
    return chunks


def _sound_size(encoded: tf.Tensor, chunks: _Chunks, available: tf.Tensor) -> tf.Tensor:
    """Bytes of sound: as declared, or up to the end if the writer did not know, or was stopped."""
    size = chunks.data_size
    size = tf.where((size == 0xFFFFFFFF) & (chunks.wide_size > 0), chunks.wide_size, size)
    endless = (size >= _ENDLESS) & (size > available)
    # Such a writer has declared nothing after the header either; else the sound is really empty.
    riff_end = _number(_bytes(encoded, tf.constant(4, tf.int64), 4)) + 8
    stopped = (size == 0) & ((riff_end <= chunks.data) | (riff_end >= _ENDLESS))
    return tf.where(endless | stopped, available, size)


def _codec(tag: tf.Tensor) -> tf.Tensor:
    name = _say("unknown (format ", tag, ")")
    for number, codec in _CODECS.items():
        name = tf.where(tag == number, codec, name)
    return name


def _say(*parts: str | tf.Tensor) -> tf.Tensor:
    """Text and numbers as one text, string []."""
    return tf.strings.join(
        [
            tf.strings.as_string(part) if tf.is_tensor(part) and part.dtype == tf.int64 else part
            for part in parts
        ]
    )


def _first(*cases: tuple[tf.Tensor, tf.Tensor | str]) -> tf.Tensor:
    """The text of the first case that holds, string []; "" if none does."""
    text = tf.constant("")
    for holds, said in reversed(cases):
        text = tf.where(holds, said, text)
    return text


def _samples(
    raw: tf.Tensor, floating: tf.Tensor, each: tf.Tensor, channels: tf.Tensor
) -> tf.Tensor:
    """The bytes of the sound, string [], as float32 [n, channels]."""

    def whole(dtype: tf.DType, bits: int) -> tf.Tensor:
        return tf.cast(tf.io.decode_raw(raw, dtype), tf.float32) / float(1 << (bits - 1))

    def three() -> tf.Tensor:
        low, middle, high = tf.unstack(
            tf.cast(tf.reshape(tf.io.decode_raw(raw, tf.uint8), [-1, 3]), tf.int32), axis=1
        )
        number = low + 256 * middle + 65536 * (high - 256 * tf.cast(high > 127, tf.int32))
        return tf.cast(number, tf.float32) / float(1 << 23)

    kind = tf.where(floating, tf.where(each == 4, 4, 5), tf.cast(each, tf.int32) - 1)
    flat = tf.switch_case(
        kind,
        [
            lambda: whole(tf.uint8, 8) - 1.0,  # the only unsigned kind
            lambda: whole(tf.int16, 16),
            three,
            lambda: whole(tf.int32, 32),
            lambda: tf.io.decode_raw(raw, tf.float32),
            lambda: tf.cast(tf.io.decode_raw(raw, tf.float64), tf.float32),
        ],
    )
    return tf.reshape(flat, tf.stack([tf.constant(-1, tf.int64), tf.maximum(channels, 1)]))
