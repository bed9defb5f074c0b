"""Fashion-MNIST from files in its published format, and what is said of files that are not."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from perceiver_keras.data.builders.perceiver_fashion import (
    perceiver_fashion_dataset_builder as fashion,
)
from perceiver_keras.data.store.source import label_names, open_builder
from perceiver_keras.errors import PerceiverError, UsageError
from tests.data.builders.idx_files import write_fashion, write_idx


def test_every_picture_is_stored_with_its_class_and_the_last_twelfth_is_for_validation(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("PERCEIVER_MANUAL_DIR", str(tmp_path))
    given = write_fashion(tmp_path / "perceiver_fashion", train=24, test=5)
    builder = open_builder("perceiver_fashion", str(tmp_path / "data"))
    assert label_names(builder) == list(fashion.NAMES)
    rows = {"train": slice(0, 22), "validation": slice(22, 24), "test": slice(0, 5)}
    for split, part in rows.items():
        pictures, labels = (array[part] for array in given["test" if split == "test" else "train"])
        found = {
            (example["image"].tobytes(), int(example["label"]))
            for example in builder.as_dataset(split=split).as_numpy_iterator()
        }
        assert found == {(p.tobytes(), int(c)) for p, c in zip(pictures, labels, strict=True)}


def test_the_installed_package_is_found_without_a_folder_of_the_user(tmp_path, monkeypatch):
    monkeypatch.delenv("PERCEIVER_MANUAL_DIR", raising=False)
    monkeypatch.setattr(fashion.Builder, "INSTALLED", str(tmp_path / "package"))
    with pytest.raises(PerceiverError, match="apt-get install dataset-fashion-mnist"):
        open_builder("perceiver_fashion", str(tmp_path / "data"))
    write_fashion(tmp_path / "package", train=12, test=3)
    builder = open_builder("perceiver_fashion", str(tmp_path / "data"))
    assert builder.info.splits["train"].num_examples == 11


def test_a_missing_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PERCEIVER_MANUAL_DIR", str(tmp_path))
    write_fashion(tmp_path / "perceiver_fashion", train=12, test=3)
    (tmp_path / "perceiver_fashion" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(UsageError, match="lacks t10k-labels-idx1-ubyte.gz"):
        open_builder("perceiver_fashion", str(tmp_path / "data"))


def test_an_idx_file_is_read_as_the_format_says(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_idx(tmp_path / "a.gz", array)
    np.testing.assert_array_equal(fashion.read_idx(tmp_path / "a.gz"), array)


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0\x08", b"\0\0\x08\1\0\0", struct.pack(">4B2I", 0, 0, 8, 1, 3, 0)[:-3]]
    + [struct.pack(">4BI", 0, 0, 13, 1, 1) + b"abcd", struct.pack(">4B", 0, 0, 8, 0)],
    ids=["empty", "no sides", "sides cut", "data cut", "floats", "no dimension"],
)
def test_a_damaged_idx_file_is_refused(tmp_path, content):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(content))
    with pytest.raises(PerceiverError, match="IDX"):
        fashion.read_idx(path)
    path.write_bytes(gzip.compress(content + bytes(50))[:-12])
    with pytest.raises(PerceiverError, match="unpacked"):
        fashion.read_idx(path)
