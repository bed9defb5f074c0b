"""One run at a time per folder, and log messages in a file."""

import logging
import subprocess
import sys

import pytest

from perceiver_keras.errors import PerceiverError
from perceiver_keras.pipeline.run_folder import logs_to, only_one_run

HOLD = """
import sys, time
from pathlib import Path
from perceiver_keras.pipeline.run_folder import only_one_run
with only_one_run(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_run_is_refused_by_name_until_the_first_dies(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(PerceiverError, match=f"process {holder.pid}.*--run-dir"),
            only_one_run(tmp_path),
        ):
            pass
    finally:
        holder.kill()
        holder.wait()
    with only_one_run(tmp_path):
        pass


def test_logs_go_to_the_file_and_back_again(tmp_path, capfd):
    handlers = logging.getLogger().handlers[:]
    with pytest.raises(ZeroDivisionError), logs_to(tmp_path / "run.log"):
        logging.info("a word of chatter")
        raise ZeroDivisionError("oops")
    assert logging.getLogger().handlers == handlers
    text = (tmp_path / "run.log").read_text()
    assert "a word of chatter" in text and "ZeroDivisionError: oops" in text
    assert "chatter" not in capfd.readouterr().err
