"""A version folder is complete or not there at all: watched by a thread, killed half-way, pushed twice per second."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from perceiver_keras.components.model import publish as publishing
from perceiver_keras.components.model.publish import publish
from perceiver_keras.errors import PerceiverError
from perceiver_keras.saved_model import latest_version, versions
from tests.components.saved_files import contents, whole_model


@pytest.fixture
def model(tmp_path):
    return whole_model(tmp_path / "model")


def test_the_copy_is_exact_and_named_by_the_second(model, tmp_path):
    before = int(time.time())
    folder = publish(model, str(tmp_path / "new" / "pushed"))
    assert contents(folder) == contents(model)
    assert before <= int(os.path.basename(folder)) <= time.time()
    assert sorted(os.listdir(tmp_path / "new" / "pushed")) == [
        ".push.lock",
        os.path.basename(folder),
    ]


def test_files_are_added_before_the_version_is_there(model, tmp_path):
    destination = str(tmp_path / "pushed")

    def added(version):
        assert versions(destination) == []
        return {"assets.extra/about.txt": f"this is {version}", "new/saved.txt": "é"}

    folder = publish(model, destination, added)
    version = os.path.basename(folder)
    expected = {
        "assets.extra/about.txt": f"this is {version}".encode(),
        "new/saved.txt": "é".encode(),
    }
    assert contents(folder) == contents(model) | expected


def test_a_file_that_is_added_replaces_one_with_other_capitals(model, tmp_path):
    """Exports had model_card.md, and now have MODEL_CARD.md: one version must not tell two things."""
    (Path(model) / "assets.extra").mkdir(exist_ok=True)
    (Path(model) / "assets.extra" / "card.md").write_text("old")
    name = "assets.extra/CARD.md"
    folder = publish(model, str(tmp_path / "pushed"), lambda version: {name: "new"})
    found = {path.name: path.read_text() for path in (Path(folder) / "assets.extra").iterdir()}
    assert found == {"CARD.md": "new"}


def test_a_failure_while_files_are_added_leaves_nothing(model, tmp_path):
    with pytest.raises(ZeroDivisionError):
        publish(model, str(tmp_path / "pushed"), lambda version: 1 / 0)
    assert os.listdir(tmp_path / "pushed") == [".push.lock"]


def test_pushes_within_a_second_and_behind_the_clock_count_up(model, tmp_path):
    destination = str(tmp_path / "pushed")
    future = int(time.time()) + 10_000  # a clock that was put back, or another machine's
    os.makedirs(f"{destination}/{future}")
    assert [int(os.path.basename(publish(model, destination))) for _ in range(3)] == [
        future + 1,
        future + 2,
        future + 3,
    ]
    (tmp_path / "pushed" / str(future + 4)).write_text("a file with a number for a name")
    assert publish(model, destination).endswith(str(future + 5))


def test_a_watcher_never_sees_half_a_version(model, tmp_path):
    destination, whole = str(tmp_path / "pushed"), set(contents(model))
    os.makedirs(destination)
    halves, looks, stop = [], 0, threading.Event()

    def watch():
        nonlocal looks
        while not stop.is_set():
            looks += 1
            for name in os.listdir(destination):
                if name.isdecimal() and set(contents(f"{destination}/{name}")) != whole:
                    halves.append(name)

    thread = threading.Thread(target=watch)
    thread.start()
    for _ in range(6):
        publish(model, destination)
    stop.set()
    thread.join()
    assert halves == [] and looks > 6 and len(versions(destination)) == 6


def test_simultaneous_pushes_all_arrive(model, tmp_path):
    destination, folders = str(tmp_path / "pushed"), []
    threads = [
        threading.Thread(target=lambda: folders.append(publish(model, destination)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(folders)) == 4
    assert all(contents(folder) == contents(model) for folder in folders)


def test_kill_9_during_the_copy_leaves_no_version_and_the_next_push_works(model, tmp_path):
    destination = str(tmp_path / "pushed")
    older = publish(model, destination)
    code = f"""
import shutil, time
from perceiver_keras.components.model import publish
copy = shutil.copyfile
def slow(source, target, **kwargs):
    copy(source, target, **kwargs)
    time.sleep(0.1)
shutil.copyfile = slow
publish.publish({model!r}, {destination!r})
"""
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    while not (left := [n for n in os.listdir(destination) if n.startswith(publishing.ASIDE)]):
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    half = set(contents(f"{destination}/{left[0]}"))
    assert half < set(contents(model))  # truly in the middle
    assert latest_version(destination) == older
    newer = publish(model, destination)
    assert contents(newer) == contents(model) and latest_version(destination) == newer
    assert not [name for name in os.listdir(destination) if name.startswith(publishing.ASIDE)]


def test_a_push_under_way_is_waited_for_and_not_cleared_away(model, tmp_path, monkeypatch):
    destination, slow = str(tmp_path / "pushed"), threading.Event()
    flush = publishing._flush

    def held(folder):
        slow.wait(20)
        flush(folder)

    monkeypatch.setattr(publishing, "_flush", held)
    folders = []
    first = threading.Thread(target=lambda: folders.append(publish(model, destination)))
    first.start()
    while not os.path.exists(destination) or len(os.listdir(destination)) < 2:
        time.sleep(0.01)
    second = threading.Thread(target=lambda: folders.append(publish(model, destination)))
    second.start()
    time.sleep(0.2)
    assert second.is_alive() and versions(destination) == []
    slow.set()
    first.join()
    second.join()
    assert [contents(folder) == contents(model) for folder in folders] == [True, True]


def test_a_failed_push_is_an_error_and_leaves_nothing(model, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(PerceiverError, match="Can't push to .*file.*Nothing was published"):
        publish(model, str(tmp_path / "file"))

    def full(source, target, **kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfile", full)
        with pytest.raises(PerceiverError, match="No space left on device"):
            publish(model, str(tmp_path / "full"))
    assert os.listdir(tmp_path / "full") == [".push.lock"]
