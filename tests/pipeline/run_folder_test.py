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


def test_parts_of_one_run_share_the_folder_with_each_other_alone(tmp_path):
    with only_one_run(tmp_path, shared=True):
        with only_one_run(tmp_path, shared=True):
            pass
        with pytest.raises(PerceiverError, match="Another run"), only_one_run(tmp_path):
            pass
    with (
        only_one_run(tmp_path),
        pytest.raises(PerceiverError, match="Another run"),
        only_one_run(tmp_path, shared=True),
    ):
        pass


def test_logs_go_where_they_went_before_too_if_asked(tmp_path):
    class Kept(logging.Handler):
        def emit(self, record):
            said.append(record.getMessage())

    said: list[str] = []
    root, handler = logging.getLogger(), Kept()
    root.addHandler(handler)
    try:
        with logs_to(tmp_path / "run.log", also_before=True):
            logging.info("for both")
        with logs_to(tmp_path / "run.log"):
            logging.info("for the file")
    finally:
        root.removeHandler(handler)
    assert said == ["for both"]
    text = (tmp_path / "run.log").read_text()
    assert "for both" in text and "for the file" in text


def test_logs_go_to_the_file_and_back_again(tmp_path, capfd):
    handlers = logging.getLogger().handlers[:]
    with pytest.raises(ZeroDivisionError), logs_to(tmp_path / "run.log"):
        logging.info("a word of chatter")
        raise ZeroDivisionError("oops")
    assert logging.getLogger().handlers == handlers
    text = (tmp_path / "run.log").read_text()
    assert "a word of chatter" in text and "ZeroDivisionError: oops" in text
    assert "chatter" not in capfd.readouterr().err
