"""Sound: samples in and out, other rates, log-mel, and files that are none."""

import logging
import os
import threading

import numpy as np
import pytest
import tensorflow as tf
from scipy.io import wavfile

from perceiver_keras.data import audio, ffmpeg
from perceiver_keras.errors import PerceiverError
from tests.data.sound_files import BIG_ENDIAN, CODECS, PICTURES, cut, heard, make, tone


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


def test_a_wav_keeps_its_samples_rate_and_channels_and_loses_the_rest():
    """A plain 16-bit WAV, so that models that were exported with another reader hear it, too."""
    samples = np.random.default_rng(0).integers(-99, 99, (40, 2)) / 32768
    plain = audio.encode_wav(samples, 44_100)
    assert audio.as_wav(plain) == plain
    odd = b"LIST\5\0\0\0INFOa\0"
    longer = plain[:36] + odd + plain[36:]
    riff = (len(longer) - 8).to_bytes(4, "little")
    assert audio.as_wav(longer[:4] + riff + longer[8:]) == plain


@pytest.mark.parametrize("codec", ["pcm_alaw", "adpcm_ms", "pcm_s24le", "pcm_f64le"])
def test_a_wav_of_any_codec_is_heard(codec, tmp_path):
    path = make(tmp_path / "a.wav", *tone(1), "-c:a", codec)
    for given in (path, path.read_bytes()):
        length, first, last = heard(audio.as_wav(given))
        assert abs(length - 1) < 0.05 and first < 0.02 and last > 0.97


def test_a_big_endian_wav_is_refused_not_heard_as_noise(tmp_path):
    """ffmpeg takes its samples for little-endian ones; SciPy shows that they are right."""
    path = tmp_path / "a.wav"
    path.write_bytes(BIG_ENDIAN)
    np.testing.assert_array_equal(wavfile.read(path)[1], [0, 1, -1, 256, -32768])
    for given in (path, BIG_ENDIAN):
        with pytest.raises(PerceiverError, match="a big-endian WAV"):
            audio.as_wav(given)


@pytest.fixture(scope="module")
def late_index(tmp_path_factory):
    """AAC with its index at the end, and more than ffmpeg looks through in a pipe."""
    path = tmp_path_factory.mktemp("late") / "a.m4a"
    make(path, *tone(12), "-c:a", "aac", "-b:a", "96k")
    content = path.read_bytes()
    assert content.find(b"moov") > content.find(b"mdat") and len(content) > 1 << 16
    return path


def test_an_index_at_the_end_is_found_in_files_bytes_and_pipes(late_index, tmp_path):
    pipe = tmp_path / "pipe.m4a"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(late_index.read_bytes(),))
    writer.start()
    for given in (late_index, late_index.read_bytes(), pipe):
        length, first, last = heard(audio.as_wav(given))
        assert abs(length - 12) < 0.1 and first < 0.05 and last > 11.9
    writer.join()


@pytest.mark.parametrize("name", ["a.m4a", "a.mp3", "a.flac", "a.ogg", "a.opus", "a.wav", "a.mka"])
def test_half_a_sound_is_refused_and_a_whole_one_is_heard(name, tmp_path):
    faststart = ["-movflags", "+faststart"] if name == "a.m4a" else []
    path = make(tmp_path / name, *tone(8), *faststart)
    assert abs(heard(audio.as_wav(path))[0] - 8) < 0.1
    with pytest.raises(PerceiverError, match="cut|truncated"):
        audio.as_wav(cut(path))


def test_little_damage_is_heard_with_a_warning_that_names_the_file_and_more_is_refused(
    late_index, tmp_path, caplog
):
    path = tmp_path / "damaged.m4a"
    content = bytearray(late_index.read_bytes())
    for share, refused in ((0.03, False), (0.5, True)):
        size = int(share * len(content))
        content[5000 : 5000 + size] = bytes(size)
        path.write_bytes(content)
        if refused:
            with pytest.raises(PerceiverError, match="it is damaged"):
                audio.as_wav(path)
            continue
        with caplog.at_level(logging.WARNING):
            assert abs(heard(audio.as_wav(path))[0] - 12) < 0.1
        assert f"{path}: part of its sound can't be decoded" in caplog.text


def test_silence_in_place_of_what_was_lost_is_no_sound(tmp_path):
    """A FLAC with a third of it zeroed: one complaint, and its full length."""
    path = make(tmp_path / "a.flac", *tone(8))
    content = path.read_bytes()
    third = len(content) // 3
    path.write_bytes(content[:third] + bytes(third) + content[2 * third :])
    with pytest.raises(PerceiverError, match="it is (cut or )?damaged: .* s of its sound"):
        audio.as_wav(path)


def test_no_sound_is_an_error_never_silence(tmp_path):
    silent = make(tmp_path / "silent.mp4", *PICTURES, *CODECS)
    with pytest.raises(PerceiverError, match="it has no sound"):
        audio.as_wav(silent)
    with pytest.raises(PerceiverError, match="has no length"):
        audio.as_wav(audio.encode_wav(np.zeros(0), 8000))
    for name in ("a.flac", "a.m4a", "a.mka"):
        with pytest.raises(PerceiverError, match="no length|no sound|can't read it"):
            audio.as_wav(make(tmp_path / name, *tone(1), "-t", "0"))
    for name in ("text.mp3", "text.wav"):
        (tmp_path / name).write_text("Dear sir or madam,\nthis is a letter.\n")
        with pytest.raises(PerceiverError, match="ffmpeg can't read it"):
            audio.as_wav(tmp_path / name)
    for path in (tmp_path, tmp_path / "none.mp3"):
        with pytest.raises(PerceiverError, match="it can't be opened"):
            audio.as_wav(path)


def test_the_suffix_does_not_matter_and_a_cover_is_no_obstacle(tmp_path):
    song = make(tmp_path / "a.mp3", *tone(1))
    cover = make(tmp_path / "c.png", *PICTURES, "-frames:v", "1")
    both = ["-i", str(song), "-i", str(cover), "-map", "0", "-map", "1", "-c", "copy"]
    covered = make(tmp_path / "b.mp3", *both, "-disposition:v", "attached_pic")
    expected = audio.as_wav(song)
    for path in (covered, song.rename(tmp_path / "a.wav")):
        assert audio.as_wav(path) == expected


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "ts"])
def test_sound_that_starts_late_keeps_its_time(suffix, tmp_path):
    shift = ["-itsoffset", "0.5"]
    path = make(tmp_path / f"a.{suffix}", *PICTURES, *shift, *tone(1, 48_000), *CODECS)
    _, first, last = heard(audio.as_wav(path))
    assert abs(first - 0.5) < 0.03 and abs(last - 1.5) < 0.05


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_gaps_stay_where_they_are(suffix, tmp_path):
    """A second is taken out of the stream; what follows keeps its time stamps."""
    whole = make(tmp_path / "a.mkv", *PICTURES, *tone(4, 48_000), "-c:v", "mpeg4", "-c:a", "aac")
    drop = ["-bsf:a", "noise=drop='between(pts*tb,1,2)'"]
    path = make(tmp_path / f"b.{suffix}", "-i", str(whole), "-c", "copy", *drop)
    wav = tf.constant(audio.as_wav(path))
    loud = np.abs(audio.decode_whole(wav, 48_000).numpy())
    assert loud[int(1.1 * 48_000) : int(1.9 * 48_000)].max() < 0.01
    assert loud[: 48_000 - 3000].max() > 0.05 and loud[int(2.1 * 48_000) :].max() > 0.05
    assert abs(len(loud) / 48_000 - 4) < 0.05


def test_a_part_cut_out_by_an_edit_list_starts_at_its_start(tmp_path):
    whole = make(tmp_path / "a.mp4", *PICTURES, "-itsoffset", "1.2", *tone(1, 48_000), *CODECS)
    path = make(tmp_path / "b.mp4", "-ss", "0.7", "-i", str(whole), "-c", "copy")
    assert abs(heard(audio.as_wav(path))[1] - 0.5) < 0.03
