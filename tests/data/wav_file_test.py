"""WAV: what the one reader takes, against samples that are known, SciPy and ffmpeg; and what it refuses, by name."""

from __future__ import annotations

import io
import struct
import warnings

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import wavfile

from perceiver_keras.data import ffmpeg, wav_file
from tests.data.sound_files import BIG_ENDIAN

SAMPLES = np.array([0, 1, -1, 100, -32768, 32767, 5, -300], np.int64)  # of 16 bits
GUID = b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
DECODE = tf.function(wav_file.decode, input_signature=[tf.TensorSpec([], tf.string)])


def chunk(name: bytes, content: bytes, pad: bytes = b"\0") -> bytes:
    return name + struct.pack("<I", len(content)) + content + pad * (len(content) % 2)


def riff(*chunks: bytes) -> bytes:
    content = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def fmt(bits: int = 16, channels: int = 1, rate: int = 8000, tag: int = 1, kind: int = 0) -> bytes:
    block = (bits + 7) // 8 * channels
    numbers = struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits)
    if tag == 0xFFFE:
        numbers += struct.pack("<HHIH", 22, bits, 0, kind) + GUID
    return chunk(b"fmt ", numbers)


def pcm(samples: np.ndarray, bits: int) -> bytes:
    """16-bit samples as the upper 16 of `bits` bits, or the upper 8 of them as unsigned ones."""
    if bits == 8:
        return ((samples >> 8) + 128).astype(np.uint8).tobytes()
    wide = (samples << 48).astype("<i8").tobytes()
    return b"".join(wide[at + 8 - (bits + 7) // 8 : at + 8] for at in range(0, len(wide), 8))


def by_scipy(encoded: bytes) -> np.ndarray:
    """float [n, channels]; SciPy puts 24 bits into the upper ones of 32."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wavfile.WavFileWarning)
        found = wavfile.read(io.BytesIO(encoded))[1]
    found = found[:, None] if found.ndim == 1 else found
    if found.dtype == np.uint8:
        return found / 128 - 1.0
    return found / (1.0 if found.dtype.kind == "f" else -float(np.iinfo(found.dtype).min))


PLAIN = fmt() + chunk(b"data", pcm(SAMPLES, 16))
KINDS = {
    "16 bits": riff(PLAIN),
    "8 bits": riff(fmt(8), chunk(b"data", pcm(SAMPLES, 8))),
    "24 bits": riff(fmt(24), chunk(b"data", pcm(SAMPLES, 24))),
    "32 bits": riff(fmt(32), chunk(b"data", pcm(SAMPLES, 32))),
    "12 bits": riff(fmt(12), chunk(b"data", pcm(SAMPLES, 16))),
    "float": riff(fmt(32, tag=3), chunk(b"data", (SAMPLES / 32768).astype("<f4").tobytes())),
    "double": riff(fmt(64, tag=3), chunk(b"data", (SAMPLES / 32768).astype("<f8").tobytes())),
    "extensible": riff(fmt(24, tag=0xFFFE, kind=1), chunk(b"data", pcm(SAMPLES, 24))),
    "extensible float": riff(
        fmt(32, tag=0xFFFE, kind=3), chunk(b"data", (SAMPLES / 32768).astype("<f4").tobytes())
    ),
    "stereo": riff(fmt(channels=2), chunk(b"data", pcm(np.repeat(SAMPLES, 2), 16))),
    "an odd chunk before": riff(chunk(b"LIST", b"INFOa"), PLAIN),
    "an odd chunk without its pad": riff(chunk(b"LIST", b"INFOa", pad=b""), PLAIN),
    "chunks of broadcasters": riff(chunk(b"JUNK", bytes(28)), chunk(b"bext", bytes(602)), PLAIN),
    "chunks after": riff(PLAIN, chunk(b"id3 ", b"ID3tag")),
    "bytes after its end": riff(PLAIN) + b"\xff" * 500,
    "written to a pipe": riff(PLAIN).replace(b"data\x10\0\0\0", b"data\xff\xff\xff\xff"),
    "written to a pipe by SoX": riff(PLAIN).replace(b"data\x10\0\0\0", b"data\0\xf0\xff\x7f"),
    "a stopped writer": b"RIFF\0\0\0\0" + riff(PLAIN).replace(b"data\x10\0", b"data\0\0")[8:],
    "RF64": b"RF64\xff\xff\xff\xffWAVE"
    + chunk(b"ds64", struct.pack("<QQQI", 0, 16, 8, 0))
    + fmt()
    + b"data\xff\xff\xff\xff"
    + pcm(SAMPLES, 16)
    + chunk(b"LIST", b"after"),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_heard(name):
    assert wav_file.problem(KINDS[name]) is None
    samples, rate = DECODE(tf.constant(KINDS[name]))
    truth = SAMPLES / 32768 if name != "8 bits" else (SAMPLES >> 8) / 128
    np.testing.assert_array_equal(samples[:, 0], truth.astype(np.float32))
    assert rate == 8000 and (name != "stereo" or samples.shape[1] == 2)


@pytest.mark.parametrize("name", ["8 bits", "24 bits", "extensible float", "an odd chunk before"])
def test_ffmpeg_hears_the_same(name):
    raw = ffmpeg.decode(KINDS[name], ["-f", "f32le"]).data
    np.testing.assert_allclose(DECODE(tf.constant(KINDS[name]))[0][:, 0], np.frombuffer(raw, "<f4"))


chunks = st.lists(
    st.tuples(
        st.sampled_from([b"LIST", b"JUNK", b"bext", b"id3 ", b"cue "]), st.binary(max_size=9)
    ),
    max_size=3,
)


@st.composite
def wavs(draw: st.DrawFn) -> tuple[bytes, np.ndarray, int]:
    """A legal WAV, its samples [n, channels] in [-1, 1], and its rate."""
    channels, count = draw(st.integers(1, 3)), draw(st.integers(0, 20))
    rate, bits = draw(st.integers(1000, 192_000)), draw(st.sampled_from([8, 16, 24, 32, -32, -64]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    samples = rng.integers(-32768, 32768, count * channels)
    truth = samples / 32768 if bits != 8 else (samples >> 8) / 128
    content = truth.astype(f"<f{-bits // 8}").tobytes() if bits < 0 else pcm(samples, bits)
    tag = 3 if bits < 0 else 1
    extensible = draw(st.booleans())
    head = fmt(abs(bits), channels, rate, 0xFFFE if extensible else tag, tag)
    before, after = ([chunk(*one) for one in draw(chunks)] for _ in "ab")
    cut = draw(st.integers(0, len(before)))
    parts = [*before[:cut], head, *before[cut:], chunk(b"data", content), *after]
    return riff(*parts), truth.reshape(count, channels), rate


@settings(max_examples=150, deadline=None)
@given(wavs())
def test_legal_files_are_heard_as_scipy_hears_them(made):
    encoded, truth, rate = made
    assert wav_file.problem(encoded) is None
    samples, found_rate = DECODE(tf.constant(encoded))
    np.testing.assert_array_equal(samples, truth.astype(np.float32))
    np.testing.assert_array_equal(by_scipy(encoded).astype(np.float32), samples)
    assert found_rate == rate


@settings(max_examples=200, deadline=None)
@given(wavs(), st.data())
def test_the_check_says_none_exactly_where_the_decoder_returns(made, data):
    """For damaged files: cut, with bytes changed, put in or taken out, mostly in the header."""
    encoded = bytearray(made[0])
    place = st.integers(0, min(len(encoded), 80) - 1)
    for at, change in data.draw(st.lists(st.tuples(place, st.integers(0, 258)), max_size=3)):
        if change > 255:
            encoded[at : at + 1] = b"" if change == 256 else bytes(change - 256)
        elif at < len(encoded):
            encoded[at] = change
    encoded = bytes(encoded[: data.draw(st.integers(0, len(encoded)) | st.none())])
    said = wav_file.problem(encoded)
    try:
        samples, _ = DECODE(tf.constant(encoded))
    except tf.errors.InvalidArgumentError as error:
        assert said and f"assertion failed: [{said}]" in error.message
    else:
        assert said is None and np.isfinite(samples).all() and np.abs(samples).max(initial=0) <= 1


@pytest.mark.parametrize(
    "encoded, reason",
    [
        (b"", "empty"),
        (b"RIFF", "not a WAV"),
        (b"ID3 no sound", "not a WAV"),
        (BIG_ENDIAN, "a big-endian WAV (RIFX); convert it to a plain one"),
        (riff(fmt()), "no chunk named data"),
        (riff(chunk(b"data", b"ab"), fmt()), "no chunk fmt before the sound"),
        (riff(PLAIN)[:-6], "truncated WAV: 6 of 16 bytes are missing"),
        (riff(chunk(b"LIST", bytes(50)), PLAIN)[:40], "truncated WAV: it ends in its header"),
        (riff(fmt(8, tag=6), chunk(b"data", b"ab")), "A-law samples; expected PCM or floating"),
        (riff(fmt(4, tag=17), chunk(b"data", b"ab")), "IMA ADPCM samples"),
        (riff(fmt(16, tag=999), chunk(b"data", b"ab")), "unknown (format 999) samples"),
        (riff(fmt(64), chunk(b"data", bytes(8))), "64 bits per sample; expected 1 to 32"),
        (riff(fmt(channels=0), chunk(b"data", bytes(8))), "0 channels of 16 bits in blocks of 0"),
        (riff(fmt(rate=1), chunk(b"data", bytes(8))), "1 samples per second; expected 1000 to"),
        (riff(fmt(32, tag=3), chunk(b"data", struct.pack("<f", np.nan))), "NaN or infinity"),
        (b"RIFF\0\0\0\0WAVE" + chunk(b"JUNK", b"") * 2000 + PLAIN, "no chunk named data"),
    ],
)
def test_what_is_refused_is_named(encoded, reason):
    assert reason in wav_file.problem(encoded)
    with pytest.raises(tf.errors.InvalidArgumentError, match="assertion failed"):
        DECODE(tf.constant(encoded))


def test_an_empty_sound_is_not_filled_from_what_follows():
    empty = riff(fmt(), chunk(b"data", b""), chunk(b"LIST", b"INFOnoise"))
    assert DECODE(tf.constant(empty))[0].shape == (0, 1)


def test_louder_floats_are_clipped():
    loud = riff(fmt(32, tag=3), chunk(b"data", np.array([0.5, 2, -3], "<f4").tobytes()))
    assert DECODE(tf.constant(loud))[0][:, 0].numpy().tolist() == [0.5, 1.0, -1.0]


def test_what_is_written_is_read_by_others_too():
    samples = np.stack([SAMPLES, SAMPLES[::-1]], 1) / 32768
    encoded = wav_file.encode(samples, 44_100)
    np.testing.assert_array_equal(by_scipy(encoded), samples)
    decoded, rate = tf.audio.decode_wav(encoded)
    np.testing.assert_array_equal(decoded, samples)
    assert (
        rate == 44_100
        and wav_file.from_pcm(SAMPLES.astype("<i2").tobytes(), 8000) == KINDS["16 bits"]
    )
