"""ffmpeg: what it is given, what it refuses, and that it opens nothing but files and pipes."""

import socket

import numpy as np
import pytest

from perceiver_keras.data import audio, ffmpeg
from perceiver_keras.errors import PerceiverError
from tests.data.sound_files import CODECS, PICTURES, cut, make, tone

SAMPLES = np.arange(-50, 50, dtype="<i2")
RAW = ["-f", "s16le", "-ac", "1"]


def test_bytes_through_pipes_come_back():
    wav = audio.encode_wav(SAMPLES / 32768, 8000)
    assert ffmpeg.run(["-i", "-", *RAW, "-"], wav) == SAMPLES.tobytes()


@pytest.mark.parametrize("name", ["a b.wav", "http:a.wav", "-i.wav", "100%d.wav"])
def test_any_name_names_a_file(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(audio.encode_wav(SAMPLES / 32768, 8000))
    assert ffmpeg.run([*ffmpeg.file(name), *RAW, "-"]) == SAMPLES.tobytes()


def test_the_network_stays_closed():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.mp4"
        with pytest.raises(PerceiverError, match="ffmpeg can't read it"):
            ffmpeg.run(["-i", address, "-f", "null", "-"])
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_source_without_an_end_is_given_up(monkeypatch):
    monkeypatch.setattr(ffmpeg, "SECONDS", 0.3)
    with pytest.raises(PerceiverError, match="0.3 s"):
        ffmpeg.run(["-f", "lavfi", "-i", "testsrc=size=16x16", "-f", "null", "-"])


NAMES = ["-x.wav", "a:b.wav", "x%d.wav", "[1].wav", "a\nb.wav", "ä 😀.wav", "http:a.wav", "*.wav"]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_decoded(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(audio.encode_wav(SAMPLES / 32768, 8000))
    assert ffmpeg.decode(name, RAW).data == SAMPLES.tobytes()


def test_a_picture_s_name_is_no_pattern(tmp_path):
    path = make(tmp_path / "a.png", *PICTURES, "-frames:v", "1").rename(tmp_path / "x%d.png")
    raw = ffmpeg.decode(path, ["-f", "rawvideo", "-pix_fmt", "gray"]).data
    assert len(raw) == 32 * 32


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile secret.wav\n",
        "ffconcat version 1.0\nfile file:{folder}/secret.wav\n",
        "#EXTM3U\n#EXTINF:1,\n{folder}/secret.wav\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXTINF:1,\nfile:{folder}/secret.wav\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_playlist_opens_no_other_file(text, tmp_path):
    (tmp_path / "secret.wav").write_bytes(audio.encode_wav(SAMPLES / 32768, 8000))
    playlist = tmp_path / "song.mp3"
    playlist.write_text(text.format(folder=tmp_path))
    for given in (playlist, playlist.read_bytes()):
        with pytest.raises(PerceiverError, match="ffmpeg can't read it"):
            ffmpeg.decode(given, RAW)


def test_what_a_file_holds_is_told_and_a_cover_is_no_video(tmp_path):
    song = make(tmp_path / "a.mp3", *tone(3))
    cover = make(tmp_path / "c.png", *PICTURES, "-frames:v", "1")
    both = ["-i", str(song), "-i", str(cover), "-map", "0", "-map", "1", "-c", "copy"]
    covered = make(tmp_path / "b.m4a", *both, "-c:a", "aac", "-disposition:v", "attached_pic")
    video = make(tmp_path / "v.mkv", *PICTURES, *tone(1), *CODECS)
    for path, sound, pictures, seconds in (
        (song, True, False, 3),
        (covered, True, False, 3),
        (video, True, True, 2),
    ):
        found = ffmpeg.decode(path, ["-vn", *RAW])
        assert (found.has_sound, found.has_pictures) == (sound, pictures)
        assert abs(found.seconds - seconds) < 0.1 and found.damage == ""


def test_an_exit_code_of_0_is_not_believed(tmp_path):
    """Half of an MP3 is decoded without a word, half of an Ogg file even to its own length."""
    found = ffmpeg.decode(cut(make(tmp_path / "a.mp3", *tone(8))), RAW)
    with pytest.raises(PerceiverError, match=r"4\.\d of 8\.0 s of its sound"):
        ffmpeg.check_whole(found, len(found.data) / 32_000, "sound", alone=True)
    whole = make(tmp_path / "a.ogg", *tone(8))
    assert ffmpeg.decode(whole, RAW).data
    with pytest.raises(PerceiverError, match="last Ogg page is incomplete"):
        ffmpeg.decode(cut(whole), RAW)


def test_a_stream_that_ends_before_another_is_no_damage():
    found = ffmpeg.Decoded(b"", 10.0, True, True, "", "a.mp4")
    ffmpeg.check_whole(found, 4.0, "sound", alone=False)
    with pytest.raises(PerceiverError, match="4.0 of 10.0 s of its sound .*partial file"):
        ffmpeg.check_whole(found._replace(damage="partial file"), 4.0, "sound", alone=False)
    unknown = found._replace(seconds=None)
    ffmpeg.check_whole(unknown, 4.0, "sound", alone=True)


def test_a_warning_names_the_file(caplog):
    found = ffmpeg.Decoded(b"", 10.0, True, True, "invalid sync code", "a.mp4")
    ffmpeg.warn(found, "sound")
    ffmpeg.warn(found._replace(damage=""), "sound")
    assert [record.getMessage() for record in caplog.records] == [
        "a.mp4: part of its sound can't be decoded (invalid sync code)"
    ]
