"""What ends an error message, and what is quoted from others'."""

import errno

import h5py
import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.errors import (
    PerceiverError,
    UsageError,
    first_line,
    full_place,
    is_disk_full,
    nearest,
)


def test_nearest_offers_the_closest_name_else_a_short_list():
    assert nearest("opticalflow", ["glue", "optical_flow"]) == " Did you mean 'optical_flow'?"
    assert nearest("zzz", ["b", "a"]) == " Choose one of: a, b."
    assert nearest("zzz", []) == ""
    assert nearest("q", [str(i) for i in range(100, 200)]).count(",") == 12


def test_wrong_usage_is_also_an_error_of_ours():
    assert issubclass(UsageError, PerceiverError)


def test_an_error_s_first_line_is_what_the_graph_said():
    said = (
        "Graph execution error:\n\nDetected at node a/Assert defined at (most recent call last):\n"
        "<stack traces unavailable>\nassertion failed: [frames of one size]\n\t [[{{node a/Assert}}]]"
    )
    assert first_line(RuntimeError(said)) == "assertion failed: [frames of one size]"


def test_the_notes_of_tensorflow_on_its_graph_are_left_out():
    try:
        tf.io.decode_png(b"no picture")
    except tf.errors.InvalidArgumentError as error:
        assert "[Op:" in str(error)
        said = first_line(error)
    assert "[Op:" not in said and "{{" not in said
    assert "decode" in said.lower() or "format" in said.lower()
    assert first_line(ValueError()) == "ValueError"
    assert len(first_line(ValueError("x" * 1000))) == 300


def test_that_a_disk_is_full_is_said_by_every_library_and_understood(small_disk):
    long = (
        small_disk / ("d" * 200) / ("e" * 100)
    )  # TensorFlow tells the path first, then the reason
    long.mkdir(parents=True)
    big = tf.ones([500_000])

    def checkpoint(path):
        tf.train.Checkpoint(big=tf.Variable(big)).write(path)

    def gfile(path):
        with tf.io.gfile.GFile(path, "w") as file:
            file.write("x" * 2_000_000)

    def records(path):
        with tf.io.TFRecordWriter(path) as writer:
            writer.write(bytes(2_000_000))

    def hdf5(path):
        with h5py.File(path, "w") as file:
            file["big"] = big.numpy()

    def numpy(path):
        np.save(path, big.numpy())

    for write in (checkpoint, gfile, records, hdf5, numpy):
        path = str(long / write.__name__)
        with pytest.raises((OSError, tf.errors.OpError)) as caught:
            write(path)
        assert is_disk_full(caught.value), write
        assert first_line(caught.value) == "no space left on the disk"
        if write is not numpy:  # Python itself does not tell the file
            assert full_place(caught.value).startswith(path)
        for left in long.iterdir():
            left.unlink() if left.is_file() else left.rmdir()


def test_other_errors_are_not_taken_for_a_full_disk():
    assert is_disk_full(OSError(errno.EDQUOT, "Disk quota exceeded"))
    assert not is_disk_full(OSError(errno.EACCES, "Permission denied"))
    assert not is_disk_full(tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"))
    assert full_place(ValueError("no picture")) is None
