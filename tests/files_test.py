"""Files are whole or not there, also when the writer is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from perceiver_keras import files
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.files import aside_of, read_json, whole_folder, write_json, write_whole

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


def test_a_full_disk_names_the_file_and_keeps_the_old_one_and_no_half(small_disk):
    path = small_disk / "file"
    write_whole(path, "old")
    with pytest.raises(OSError) as error:
        write_whole(path, bytes(2_000_000))
    assert error.value.filename == str(path)
    assert path.read_text() == "old" and os.listdir(small_disk) == ["file"]
    write_whole(path, "new")
    assert path.read_text() == "new"


def test_a_folder_that_does_not_fit_is_not_there_and_the_old_one_is(small_disk):
    folder = small_disk / "folder"
    for content in (b"old", bytes(2_000_000)):
        try:
            with whole_folder(folder, last="b") as aside:
                (aside / "a").write_bytes(content)
                (aside / "b").write_bytes(b"")
        except PerceiverError as error:
            assert str(error).startswith(f"{folder}: no space left on the disk")
    assert (folder / "a").read_bytes() == b"old"
    assert os.listdir(small_disk) == ["folder"]


@pytest.mark.parametrize("name", [".", "..", "../..", "/", "{cwd}", "link"])
def test_the_folder_that_this_process_runs_in_is_never_replaced(tmp_path, monkeypatch, name):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    (inner / "link").symlink_to(tmp_path / "a")
    before = sorted(tmp_path.rglob("*"))
    with (
        pytest.raises(UsageError, match="would be replaced, and the current folder lies in it"),
        whole_folder(name.format(cwd=inner), last="file") as aside,
    ):
        (aside / "file").write_bytes(b"new")
    assert sorted(tmp_path.rglob("*")) == before


def test_nor_is_the_one_that_its_code_lies_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    project = Path(files.__file__).parents[1]
    for folder in (project, project.parent, project / "perceiver_keras"):
        with pytest.raises(UsageError, match="this program lies in it"), whole_folder(folder, "b"):
            pass
    assert Path(files.__file__).exists()


def test_what_is_something_else_is_not_replaced(tmp_path):
    def make(name):
        with whole_folder(tmp_path / name, last="file") as aside:
            (aside / "file").write_bytes(b"new")

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years")
    with pytest.raises(PerceiverError, match="mine holds something else.* has no file"):
        make("mine")
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years"
    (tmp_path / "text").write_text("years")
    with pytest.raises(PerceiverError, match="text is a file"):
        make("text")
    (tmp_path / "empty").mkdir()
    for _ in range(2):  # an empty one, then its own
        make("empty")
    assert os.listdir(tmp_path / "empty") == ["file"]


def test_what_fails_for_another_reason_says_so_and_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), whole_folder(tmp_path / "x" / "y", last="b"):
        raise ZeroDivisionError
    assert os.listdir(tmp_path / "x") == []


def test_an_interrupt_leaves_no_half(tmp_path, monkeypatch):
    def interrupted(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "file", "content")
    assert list(tmp_path.iterdir()) == []


FOLDER_WRITER = """
import os, pathlib, signal, sys
from perceiver_keras import files
step, killed = sys.argv[2], lambda: os.kill(os.getpid(), signal.SIGKILL)
exchange, rename = files._exchange, pathlib.Path.rename
files._exchange = lambda *names: step != "fallback" and exchange(*names) and killed()
pathlib.Path.rename = lambda *names: (rename(*names), killed())
with files.whole_folder(sys.argv[1], last="b") as aside:
    (aside / "b").write_text("new")
    if step == "filling":
        killed()
"""


def kill_a_writer(folder, step):
    program = [sys.executable, "-c", FOLDER_WRITER, str(folder), step]
    assert subprocess.run(program).returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere two renames take its place")
@pytest.mark.parametrize(("step", "there"), [("filling", "old"), ("exchange", "new")])
def test_a_folder_is_the_old_or_the_new_one_wherever_its_writer_is_killed(tmp_path, step, there):
    with whole_folder(tmp_path / "folder", last="b") as aside:
        (aside / "b").write_text("old")
    kill_a_writer(tmp_path / "folder", step)
    assert (tmp_path / "folder" / "b").read_text() == there


def test_where_folders_can_not_be_exchanged_the_next_write_puts_the_old_one_back(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b").write_text("old")
    kill_a_writer(tmp_path / "folder", "fallback")
    assert not (tmp_path / "folder").exists()
    write_whole(tmp_path / "other", "")
    assert (tmp_path / "folder" / "b").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["folder", "other"]


def test_what_killed_writers_left_is_removed_and_no_other_s(tmp_path):
    target = tmp_path / "a" / "file"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    mine = aside_of(target).name  # before the folder is there: nothing is removed yet
    machine = mine.split("-")[1]
    kept = [
        f"file.tmp-{machine}-{os.getppid()}",  # of a writer at work
        f"file.tmp-{'0' * 8}-{dead.pid}",  # of another host, where the process may live
        f"file.tmp-{dead.pid}", "thesis.tex",  # not of this mechanism
    ]  # fmt: skip
    code = "import sys; from perceiver_keras.files import write_whole; write_whole(sys.argv[1], '')"
    target.parent.mkdir()
    for name in (*kept, f"file.tmp-{machine}-{dead.pid}", f"0.gz.tmp-{machine}-{dead.pid}"):
        (target.parent / name).write_text("")
    left = target.parent / f"preset.tmp-{machine}-{dead.pid}"
    (left / "deep").mkdir(parents=True)
    subprocess.run([sys.executable, "-c", code, str(target)], check=True)
    assert sorted(os.listdir(target.parent)) == sorted([*kept, "file"])


def test_a_damaged_file_of_ours_is_named_with_what_to_do(tmp_path):
    path = tmp_path / "run.json"
    with pytest.raises(FileNotFoundError):
        read_json(path, "write it")
    write_json(path, {"a": 1, "b": "ü"})
    assert read_json(path, "write it", "a") == {"a": 1, "b": "ü"}
    for damaged, why in (
        (b"", "Expecting value"), (b'{"a": 1, ', "Expecting property name"), (b"[]", "no JSON object"),
        (b"null", "no JSON object"), (b"[" * 100_000, "recursion"), (b"{}", "it lacks a, b"), (b'"\xff"', "codec"),
    ):  # fmt: skip
        path.write_bytes(damaged)
        with pytest.raises(PerceiverError, match=rf"^{path} is damaged \(.*{why}.*\); write it\.$"):
            read_json(path, "write it", "a", "b")


def test_errors_name_the_file_that_was_asked_for(tmp_path):
    missing = tmp_path / "no" / "x.png"
    with pytest.raises(FileNotFoundError) as error:
        write_whole(missing, "")
    assert error.value.filename == str(missing.parent)
    (tmp_path / "page.html").mkdir()
    with pytest.raises(IsADirectoryError) as error:
        write_whole(tmp_path / "page.html", "")
    assert error.value.filename == str(tmp_path / "page.html")
    with pytest.raises(FileNotFoundError) as error, whole_folder(tmp_path / "new", "b") as aside:
        (aside / "below" / "file").write_text("")
    assert error.value.filename == str(tmp_path / "new" / "below" / "file")
    with pytest.raises(OSError, match="^HDF5's words$"), whole_folder(tmp_path / "new", "b"):
        raise OSError("HDF5's words")
    assert os.listdir(tmp_path) == ["page.html"]
