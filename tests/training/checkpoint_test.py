"""Checkpoints: whatever happened to the folder, the newest whole one is taken, and it is said."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.training import checkpoint
from perceiver_keras.training.checkpoint import Checkpoints, Record


class Run:
    """A weight, a record and a data iterator in a folder, as if in a new process."""

    def __init__(self, folder: Path, settings=None, keep=3, size=1000):
        self.weight = tf.Variable(tf.zeros([size]))
        self.told = Record(history=[])
        self.batches = iter(tf.data.Dataset.range(1 << 40))
        self.said: list[str] = []
        self.checkpoints = Checkpoints(
            folder,
            {"weight": self.weight, "told": self.told, "batches": self.batches},
            settings=settings or {"model.depth": 3},
            keep=keep,
            say=self.said.append,
        )

    def train(self, *steps: int) -> Run:
        for step in steps:
            self.weight.assign(tf.fill(self.weight.shape, float(next(self.batches))))
            self.told.values["history"].append({"step": step})
            self.checkpoints.save(step)
        return self


def test_everything_comes_back(tmp_path):
    Run(tmp_path).train(10, 20)
    run = Run(tmp_path)
    assert run.checkpoints.restore() == 20
    np.testing.assert_array_equal(run.weight, 1.0)
    assert run.told.values == {"history": [{"step": 10}, {"step": 20}]}
    assert int(next(run.batches)) == 2
    assert run.said == []


def test_an_empty_folder_starts_from_nothing(tmp_path):
    run = Run(tmp_path / "new" / "folder")
    assert run.checkpoints.restore() is None and run.checkpoints.latest is None
    assert run.said == []


def test_three_are_kept_also_across_restarts(tmp_path):
    Run(tmp_path).train(1, 2, 3, 4)
    run = Run(tmp_path)
    run.checkpoints.restore()
    run.train(5, 6)
    assert run.checkpoints.steps() == [4, 5, 6]
    assert len(list(tmp_path.glob("ckpt-*.data-*"))) == 3


@pytest.mark.parametrize("name", ["run[1]", "run*", "a?b", "back\\slash", "[", "x]"])
def test_a_folder_with_the_name_of_a_pattern_is_one_like_others(tmp_path, name):
    neighbour = tmp_path / "run1"
    Run(neighbour).train(1, 2, 3)
    for steps in ([1, 2], [3, 4, 5]):
        run = Run(tmp_path / name)
        assert run.checkpoints.restore() == (None if steps[0] == 1 else 2)
        run.train(*steps)
        assert run.said == []
    assert run.checkpoints.steps() == [3, 4, 5]
    assert run.checkpoints.latest == str(tmp_path / name / "ckpt-5")
    assert (
        len(list((neighbour).iterdir())) == 7
    )  # a run called `run*` removed those of its neighbours


def test_a_folder_in_a_store_is_one_like_others():
    """In TensorFlow's own file system in memory, which this machine's files are not on."""
    folder = "ram://checkpoints/run"
    with checkpoint.lock(folder):
        Run(folder).train(1, 2)
        for steps in ([3, 4], [5, 6]):
            run = Run(folder)
            assert run.checkpoints.restore() == steps[0] - 1
            assert run.train(*steps).said == []
    assert run.checkpoints.steps() == [4, 5, 6]
    data = f"{folder}/ckpt-6.data-00000-of-00001"
    tf.io.gfile.remove(data)  # in memory, writing to a file appends to it
    with tf.io.gfile.GFile(data, "wb") as file:
        file.write(b"damaged")
    run = Run(folder)
    assert run.checkpoints.restore() == 5
    assert "Went back to the checkpoint of step 5." in run.said


def test_a_store_that_is_not_known_is_refused_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no file system for foo://"), checkpoint.lock("foo://a/b"):
        pass
    assert not list(tmp_path.iterdir())


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


DATA, INDEX = "ckpt-30.data-00000-of-00001", "ckpt-30.index"


@pytest.mark.parametrize("name", [DATA, INDEX])
@pytest.mark.parametrize("damage", [_flip, _truncate, _empty, Path.unlink])
def test_damage_to_the_newest_falls_back_to_the_one_before(tmp_path, damage, name):
    Run(tmp_path).train(10, 20, 30)
    damage(tmp_path / name)
    run = Run(tmp_path)
    assert run.checkpoints.restore() == 20
    np.testing.assert_array_equal(run.weight, 1.0)
    if not (damage is Path.unlink and name == INDEX):  # then there is no checkpoint 30 to speak of
        assert "ckpt-30 is damaged" in run.said[0] and "step 20" in run.said[1]
    run.train(30)  # the same name again, over what was damaged
    again = Run(tmp_path)
    assert again.checkpoints.restore() == 30
    np.testing.assert_array_equal(again.weight, 2.0)


@pytest.mark.parametrize(
    "damage", [_empty, Path.unlink, lambda p: p.write_text("model_checkpoint")]
)
def test_tensorflows_list_is_not_needed(tmp_path, damage):
    Run(tmp_path).train(10, 20)
    damage(tmp_path / "checkpoint")
    run = Run(tmp_path)
    assert run.checkpoints.restore() == 20
    run.train(30, 40)
    assert run.checkpoints.steps() == [20, 30, 40]


def test_damaged_ones_do_not_count_as_kept(tmp_path):
    Run(tmp_path).train(10, 20, 30)
    _flip(tmp_path / DATA)
    run = Run(tmp_path)
    run.checkpoints.restore()
    run.train(40, 50)
    assert run.checkpoints.steps() == [20, 40, 50]


def test_none_whole_starts_again_and_says_so(tmp_path):
    Run(tmp_path).train(10, 20)
    for path in tmp_path.glob("ckpt-*.data-*"):
        _flip(path)
    run = Run(tmp_path)
    assert run.checkpoints.restore() is None
    np.testing.assert_array_equal(run.weight, 0.0)
    assert "training starts from step 0" in run.said[-1]
    assert len(list(tmp_path.glob("damaged-*.data-*"))) == 2


def test_leftovers_of_killed_saves_are_removed(tmp_path):
    Run(tmp_path).train(10)
    (tmp_path / "ckpt-20_temp").mkdir()
    (tmp_path / "ckpt-20_temp" / "part-00000-of-00001.data-00000-of-00001").write_bytes(b"half")
    (tmp_path / "ckpt-20.data-00000-of-00001").write_bytes(b"half")
    (tmp_path / "ckpt-20.index.tempstate123").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("mine")
    run = Run(tmp_path)
    assert run.checkpoints.restore() == 10
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"checkpoint", "ckpt-10.index", "ckpt-10.data-00000-of-00001", "notes.txt"}


def test_other_settings_are_refused_by_name(tmp_path):
    Run(tmp_path).train(10)
    with pytest.raises(PerceiverError, match="model.depth=3, but now it is 4"):
        Run(tmp_path, settings={"model.depth": 4}).checkpoints.restore()


def test_other_settings_are_found_before_there_is_a_model(tmp_path):
    checkpoint.check_settings(tmp_path / "nothing", {"model.depth": 4})
    run = Run(tmp_path)
    run.train(10)
    checkpoint.check_settings(tmp_path, {"model.depth": 3})
    with pytest.raises(
        PerceiverError, match="ckpt-10: was made with model.depth=3, but now it is 4"
    ):
        checkpoint.check_settings(tmp_path, {"model.depth": 4})
    (tmp_path / "ckpt-20.index").write_bytes(b"half")  # `restore` sets it aside
    with pytest.raises(PerceiverError, match="ckpt-10: was made with model.depth=3"):
        checkpoint.check_settings(tmp_path, {"model.depth": 4})
    (tmp_path / "ckpt-10.index").write_bytes(b"half")
    checkpoint.check_settings(tmp_path, {"model.depth": 4})


def test_another_model_with_the_same_settings_is_refused(tmp_path):
    Run(tmp_path).train(10)
    with pytest.raises(PerceiverError, match="not of this model"):
        Run(tmp_path, size=999).checkpoints.restore()
    other = Checkpoints(
        tmp_path, {"other": tf.Variable(1.0)}, settings={"model.depth": 3}, say=lambda _: None
    )
    with pytest.raises(PerceiverError, match="not of this model"):
        other.restore()


def test_a_checkpoint_of_other_software_is_set_aside(tmp_path):
    tf.train.Checkpoint(weight=tf.Variable(tf.ones([1000]))).write(str(tmp_path / "ckpt-7"))
    run = Run(tmp_path)
    assert run.checkpoints.restore() is None
    assert "not written by this library" in run.said[0]


def test_a_folder_that_cannot_be_made_is_a_readable_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PerceiverError, match="can't write the training state"):
        Run(tmp_path / "file" / "state")
    with (
        pytest.raises(PerceiverError, match="can't write"),
        checkpoint.lock(tmp_path / "file" / "x"),
    ):
        pass


def test_a_full_disk_is_a_readable_error_and_loses_nothing(tmp_path):
    run = Run(tmp_path).train(10)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # At most so many bytes per file: writing fails as on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(PerceiverError, match="the disk has room"):
            run.train(20)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    again = Run(tmp_path)
    assert again.checkpoints.restore() == 10
    again.train(20)
    assert again.checkpoints.steps() == [10, 20]


def test_on_a_full_disk_it_says_so_and_goes_on_once_there_is_room(small_disk):
    run = Run(small_disk / ("long" * 50), size=100_000).train(10)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(400_000))
    with pytest.raises(PerceiverError, match=r"training state \(no space left on the disk\)"):
        run.train(20)
    ballast.unlink()
    again = Run(small_disk / ("long" * 50), size=100_000)
    assert again.checkpoints.restore() == 10
    assert again.said == []
    assert again.train(20).checkpoints.steps() == [10, 20]


def test_a_folder_has_one_holder_until_it_dies(tmp_path):
    code = (
        "import fcntl, sys, time; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX);"
        "print(1, flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "lock")], stdout=subprocess.PIPE
    )
    try:
        holder.stdout.readline()
        with pytest.raises(PerceiverError, match="another process"), checkpoint.lock(tmp_path):
            pass
    finally:
        holder.kill()
        holder.communicate()
    with checkpoint.lock(tmp_path):
        assert os.path.exists(tmp_path / "lock")


def test_a_worker_other_than_the_chief_reads_but_never_writes_there(tmp_path):
    Run(tmp_path).train(10)
    before = sorted(path.name for path in tmp_path.iterdir())
    weight = tf.Variable(tf.zeros([1000]))
    parts = {"weight": weight, "told": Record(), "batches": iter(tf.data.Dataset.range(9))}
    worker = Checkpoints(tmp_path, parts, settings={"model.depth": 3}, writes=False)
    assert worker.restore() == 10
    worker.save(20)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
