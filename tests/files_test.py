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


def test_a_killed_writer_leaves_a_whole_file(tmp_path):
    path = tmp_path / "file"
    for attempt in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        )
        writer.stdout.readline()
        time.sleep(0.013 * attempt)
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        content = path.read_text()
        assert len(content) == 3_000_000
        assert len(set(content)) == 1


def test_a_failed_write_keeps_the_old_content(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert path.read_text() == '{\n  "a": 1\n}\n'
    write_whole(path, b"new")
    assert os.listdir(tmp_path) == ["file.json"]
    assert path.read_bytes() == b"new"
