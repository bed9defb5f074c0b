"""Files are whole or not there, also when the writer is killed."""

import os
import signal
import subprocess
import sys
import time

import pytest

from perceiver_keras.files import write_json, write_whole

WRITER = """
import sys
from perceiver_keras.files import write_whole
n = 0
while True:
    n += 1
    write_whole(sys.argv[1], (str(n % 10) * 3_000_000))
    print(n, flush=True)
"""


def whole(content: str) -> bool:
    return len(content) == 3_000_000 and len(set(content)) == 1


def test_a_reader_never_sees_half_a_file_also_when_the_writer_is_killed(tmp_path):
    path = tmp_path / "file"
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        )
        writer.stdout.readline()
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            assert whole(path.read_text())
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        assert whole(path.read_text())


def test_a_failed_write_keeps_the_old_content(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert path.read_text() == '{\n  "a": 1\n}\n'
    write_whole(path, b"new")
    assert os.listdir(tmp_path) == ["file.json"]
    assert path.read_bytes() == b"new"
