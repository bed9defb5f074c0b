"""Sound: samples in and out, other rates, log-mel, and files that are none."""

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.data import audio, ffmpeg
from perceiver_keras.errors import PerceiverError


def sine(hertz: float, rate: int, seconds: float = 0.5) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def test_a_wav_comes_back_and_is_cut_or_filled_up():
    samples = np.random.default_rng(0).uniform(-1, 1, 100)
    wav = tf.constant(audio.encode_wav(samples, 8000))
    np.testing.assert_allclose(audio.decode_wav(wav, 100, 8000), samples, atol=4e-5)
    longer = audio.decode_wav(wav, 130, 8000).numpy()
    np.testing.assert_array_equal(longer[100:], 0)
    assert audio.decode_wav(wav, 30, 8000).shape == (30,)


@pytest.mark.parametrize("rate", [44_100, 16_000, 6_000])
def test_another_rate_is_the_same_sound(rate):
    """Against the sine itself, away from the ends."""
    wav = tf.constant(audio.encode_wav(sine(440, rate), rate))
    got = audio.decode_whole(wav, 8000).numpy()
    assert abs(len(got) - 4000) <= 1
    np.testing.assert_allclose(got[100:3900], sine(440, 8000)[100:3900], atol=5e-3)


def test_what_the_lower_rate_can_t_hold_is_filtered_away():
    wav = tf.constant(audio.encode_wav(sine(7000, 16_000), 16_000))
    assert np.abs(audio.decode_whole(wav, 8000)[100:-100]).max() < 0.05  # else: an alias at 1000 Hz


def test_log_mel_has_a_peak_where_the_tone_is():
    """Bands of the HTK scale: 2595 log10(1 + f / 700), equally spaced."""
    for hertz in (300.0, 1000.0, 2500.0):
        found = audio.log_mel(
            tf.constant(sine(hertz, 8000), tf.float32), 8000, bins=40, window=256, hop=128
        )
        assert found.shape == (32, 40)  # 4000 samples, the last window filled up
        top = 2595 * np.log10(1 + 4000 / 700)
        centres = 700 * (10 ** (np.arange(1, 41) / 41 * top / 2595) - 1)
        peak = int(found.numpy()[10].argmax())
        assert abs(peak - np.abs(centres - hertz).argmin()) <= 1
    silence = audio.log_mel(tf.zeros([512]), 8000, bins=8, window=256, hop=128)
    assert np.isfinite(silence).all()


def test_check_names_what_is_wrong():
    good = audio.encode_wav(np.zeros(50), 8000)
    assert audio.check_wav(good) is None
    assert audio.check_wav(b"") == "empty"
    assert "truncated" in audio.check_wav(good[:-20])
    assert "not a WAV" in audio.check_wav(b"ID3 something else")


def test_other_formats_go_through_ffmpeg(tmp_path):
    wav, ogg = tmp_path / "a b.wav", tmp_path / "a b.flac"
    wav.write_bytes(audio.encode_wav(0.5 * sine(440, 8000), 8000))
    ffmpeg.run([*ffmpeg.file(wav), str(ogg)])
    for given in (ogg, ogg.read_bytes()):
        back = audio.decode_whole(tf.constant(audio.as_wav(given, 8000)), 8000).numpy()
        np.testing.assert_allclose(back, 0.5 * sine(440, 8000), atol=1e-3)
    with pytest.raises(PerceiverError, match="ffmpeg can't read it"):
        audio.as_wav(b"no sound at all")


def test_a_playlist_opens_nothing(tmp_path):
    """A file of sound is a stranger's: what it names elsewhere is not fetched."""
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(PerceiverError, match="ffmpeg can't read it"):
        audio.as_wav(playlist)
