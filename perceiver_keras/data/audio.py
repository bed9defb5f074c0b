"""Sound: WAV bytes to samples, rates, log-mel. Stateless, TensorFlow core ops; other formats by ffmpeg.

S samples are float32 in [-1, 1], one channel. The graph functions run both in tf.data and in the served graph.
"""

from __future__ import annotations

import io
import os
import struct
import wave

import numpy as np
import tensorflow as tf

from perceiver_keras.data import ffmpeg

_SMALLEST = 1e-6  # added to a mel band's power, so that silence has a finite logarithm


# === In the graph ===


def decode_wav(encoded: tf.Tensor, samples: tf.Tensor | int, rate: int) -> tf.Tensor:
    """A 16-bit WAV as `samples` samples at `rate`, cut at the end or followed by silence.

    Args:
      encoded: string []; channels are averaged.
      samples: S, a number or int32 [].
      rate: Samples per second; a file with another rate is resampled.

    Returns:
      float32 [S] in [-1, 1].
    """
    sound = decode_whole(encoded, rate)[:samples]
    sound = tf.pad(sound, [[0, samples - tf.shape(sound)[0]]])
    return tf.ensure_shape(sound, [samples]) if isinstance(samples, int) else sound


def decode_whole(encoded: tf.Tensor, rate: int) -> tf.Tensor:
    """Like `decode_wav`, but at full length: float32 [n]."""
    sound, file_rate = tf.audio.decode_wav(encoded)
    return resample(tf.reduce_mean(sound, axis=1), file_rate, rate)


def resample(sound: tf.Tensor, rate_in: tf.Tensor, rate_out: int) -> tf.Tensor:
    """[n] at one rate to [n · rate_out / rate_in], by a Lanczos kernel that filters out what would alias."""

    def other() -> tf.Tensor:
        ratio = tf.cast(rate_out / rate_in, tf.float32)
        count = tf.cast(tf.shape(sound)[0], tf.int64) * rate_out // tf.cast(rate_in, tf.int64)
        column = tf.raw_ops.ScaleAndTranslate(  # like tf.image.resize, but with exactly this ratio
            images=sound[None, :, None, None],
            size=tf.stack([tf.maximum(tf.cast(count, tf.int32), 1), 1]),
            scale=tf.stack([ratio, 1.0]),
            translation=tf.stack([0.5 - 0.5 * ratio, 0.0]),  # the first sample stays in its place
            kernel_type="lanczos5",
            antialias=True,
        )
        return tf.clip_by_value(column[0, :, 0, 0], -1.0, 1.0)

    empty = tf.equal(tf.shape(sound)[0], 0)
    return tf.cond(tf.equal(rate_in, rate_out) | empty, lambda: sound, other)


def log_mel(
    sound: tf.Tensor, rate: int, *, bins: int, window: int, hop: int, high: float | None = None
) -> tf.Tensor:
    """The log-mel spectrogram: Hann windows, power, triangular bands of the HTK mel scale.

    Args:
      sound: float32 [..., S].
      rate: Samples per second.
      bins: Bands, from 0 Hz to `high` (None: half the rate).
      window: Samples per window.
      hop: Samples from one window to the next; silence is added at the end so that there are S / hop windows.

    Returns:
      float32 [..., S / hop, bins], natural logarithms.
    """
    frames = tf.signal.frame(sound, window, hop, pad_end=True)
    length = 1 << (window - 1).bit_length()
    spectrum = tf.signal.rfft(frames * tf.signal.hann_window(window), [length])
    bands = tf.signal.linear_to_mel_weight_matrix(
        bins, length // 2 + 1, rate, lower_edge_hertz=0.0, upper_edge_hertz=high or rate / 2
    )
    return tf.math.log(tf.matmul(tf.square(tf.abs(spectrum)), bands) + _SMALLEST)


# === Files (Python, not a graph) ===


def encode_wav(samples: np.ndarray, rate: int) -> bytes:
    """float [S], clipped to [-1, 1], as a 16-bit WAV."""
    numbers = np.rint(np.asarray(samples, np.float64) * 32768).clip(-32768, 32767).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(numbers.tobytes())
    return buffer.getvalue()


def check_wav(encoded: bytes) -> str | None:
    """Why `decode_wav` cannot take the bytes, in a readable message; None if it can."""
    if not encoded:
        return "empty"
    try:
        with wave.open(io.BytesIO(encoded)) as file:
            if file.getsampwidth() != 2:
                return f"a WAV with {8 * file.getsampwidth()} bits per sample; expected 16"
            size = file.getnframes() * file.getnchannels() * 2
            missing = size - len(file.readframes(file.getnframes()))
    except (wave.Error, EOFError, struct.error) as error:
        return f"not a WAV of 16-bit samples ({error or 'it ends early'})"
    return None if missing <= 0 else f"truncated WAV: {missing} of {size} bytes are missing"


def as_wav(content: bytes | str | os.PathLike[str], rate: int = 48_000) -> bytes:
    """Any sound, or a video's sound, as a WAV that `decode_wav` takes; if it is one already, it is returned unchanged.

    Args:
      content: A file's path, or its bytes.
      rate: Of the WAV, if one has to be made.

    Raises:
      PerceiverError: ffmpeg finds no sound in it.
    """
    if not isinstance(content, bytes):
        with open(content, "rb") as file:
            head = file.read(4)
            if head == b"RIFF":
                return as_wav(head + file.read(), rate)
        arguments, given = ffmpeg.file(content), b""
    elif check_wav(content) is None:
        return content
    else:
        arguments, given = ["-i", "-"], content
    raw = ffmpeg.run([*arguments, "-vn", "-ac", "1", "-ar", str(rate), "-f", "s16le", "-"], given)
    return encode_wav(np.frombuffer(raw, "<i2") / 32768, rate)
