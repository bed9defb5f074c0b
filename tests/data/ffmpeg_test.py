"""ffmpeg: what it is given, what it refuses, and that it opens nothing but files and pipes."""

import socket

import numpy as np
import pytest

from perceiver_keras.data import audio, ffmpeg
from perceiver_keras.errors import PerceiverError

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
