"""Sound: WAV bytes to samples, rates, log-mel. Stateless, TensorFlow core ops; other formats by ffmpeg.

S samples are float32 in [-1, 1], one channel. The graph functions run both in tf.data and in the served graph.
"""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf

from perceiver_keras.data import ffmpeg, wav_file
from perceiver_keras.errors import PerceiverError

MOST_HOURS = 3  # of a sound that ffmpeg decodes: about 1 GiB, which is held in memory
_SMALLEST = 1e-6  # added to a mel band's power, so that silence has a finite logarithm


# === In the graph ===


def decode_wav(encoded: tf.Tensor, samples: tf.Tensor | int, rate: int) -> tf.Tensor:
    """A WAV (of the kinds that `wav_file` reads) as `samples` samples at `rate`, cut at the end or followed by silence.

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
    sound, file_rate = wav_file.decode(encoded)
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
    """float [S] or [S, channels], clipped to [-1, 1], as a 16-bit WAV."""
    return wav_file.encode(samples, rate)


def check_wav(encoded: bytes) -> str | None:
    """Why `decode_wav` can't take the bytes, in a readable message; None if it can."""
    return wav_file.problem(encoded)


def as_wav(
    content: bytes | str | os.PathLike[str], rate: int = 48_000, seconds: float | None = None
) -> bytes:
    """Any sound, or a video's sound, as a plain 16-bit WAV.

    A WAV keeps its rate and channels, and a 16-bit one its samples; anything else is decoded by ffmpeg. Sound keeps its
    time: what starts later than its video, or has gaps, gets silence there. A file of full length with at most a tenth
    of it damaged is heard, silent in those places, with a logged warning.

    Args:
      content: A file's path, or its bytes.
      rate: Of the WAV, if the sound is none.
      seconds: Where to stop decoding; a WAV stays whole.

    Raises:
      PerceiverError: no sound in it, or sound of no length; it is cut or damaged; longer than `MOST_HOURS`.
    """
    if not isinstance(content, bytes):
        content = _read_if_wav(content)
    reason = check_wav(content) if isinstance(content, bytes) else "not a WAV"
    if reason is None:
        samples, own_rate = wav_file.decode(tf.constant(content))
        if not len(samples):
            raise PerceiverError("its sound has no length: it is a WAV without samples")
        return wav_file.encode(samples.numpy(), int(own_rate))
    if not reason.startswith(("not a WAV", "a WAV of ")):  # a WAV that ffmpeg would take for noise
        raise PerceiverError(reason)
    return _by_ffmpeg(content, rate, seconds)


def _read_if_wav(path: str | os.PathLike[str]) -> bytes | str | os.PathLike[str]:
    """The content of a file that begins like a WAV, or of a pipe, which can be read only once; else its path."""
    try:
        with open(path, "rb") as file:
            head = file.read(12)
            whole = wav_file.is_wave(head) or not file.seekable()
            return head + file.read() if whole else path
    except OSError as error:
        raise PerceiverError(f"it can't be opened: {error.strerror or error}") from None


def _by_ffmpeg(content: bytes | str | os.PathLike[str], rate: int, seconds: float | None) -> bytes:
    # Gaps below 50 ms are left to the decoder: time stamps of some formats are that inexact.
    keep_time = ["-af", f"aresample={rate}:async=1:first_pts=0:min_hard_comp=0.05"]
    most = 3600 * MOST_HOURS + 1 if seconds is None else seconds
    raw = ["-vn", "-sn", "-dn", "-ac", "1", "-ar", str(rate), "-f", "s16le"]
    found = ffmpeg.decode(content, [*keep_time, *raw], ["-t", str(most)])
    if not found.has_sound:
        raise PerceiverError("it has no sound")
    if not found.data:
        why = found.damage or "its sound has no length"
        raise PerceiverError(f"ffmpeg decodes no sound from it: {why}")
    length = len(found.data) / (2 * rate)
    if seconds is None and length > 3600 * MOST_HOURS:
        raise PerceiverError(f"it is longer than {MOST_HOURS} hours; cut it first")
    found = found._replace(seconds=found.seconds and min(found.seconds, most))
    ffmpeg.check_whole(found, length, "sound", alone=not found.has_pictures)
    if found.damage:
        # What was lost is silence by now; without time stamps, only what was decoded remains.
        late = np.argmax(np.frombuffer(found.data, "<i2") != 0) / rate
        decoded = len(ffmpeg.decode(content, raw, ["-t", str(most)]).data) / (2 * rate)
        if decoded < (1 - ffmpeg.MOST_DAMAGE) * (length - late):
            raise PerceiverError(
                f"it is damaged: {decoded:.1f} of {length:.1f} s of its sound can be decoded "
                f"({found.damage})"
            )
    ffmpeg.warn(found, "sound")
    return wav_file.from_pcm(found.data, rate)
