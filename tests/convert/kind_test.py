"""A file's kind by its content, whatever its name."""

from __future__ import annotations

import pickle
import zipfile

import h5py
import numpy as np
import pytest

from perceiver_keras.convert.kind import kind_of
from perceiver_keras.convert.safetensors_file import save_safetensors
from perceiver_keras.errors import PerceiverError
from tests.convert import attacks


def test_the_four_kinds(tmp_path):
    path = tmp_path / "weights.txt"
    for protocol in (2, 3, 4, 5):
        path.write_bytes(pickle.dumps({"a": 1}, protocol))
        assert kind_of(path) == "pickle"
    path.write_bytes(attacks.torch_bin())
    assert kind_of(path) == "torch_bin"
    save_safetensors({"a": np.ones(2)}, path, {})
    assert kind_of(path) == "safetensors"
    with h5py.File(path, "w") as file:
        file["a"] = [1]
    assert kind_of(path) == "keras_h5"


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "is empty"),
        (b"<html>404</html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"),
        (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", "written by PyTorch before 1.6"),
        (b"plain text, not weights", "neither a pickle"),
    ],
)
def test_other_files_are_named_in_the_error(content, words, tmp_path):
    (tmp_path / "weights").write_bytes(content)
    with pytest.raises(PerceiverError, match=words):
        kind_of(tmp_path / "weights")


def test_a_whole_keras_model_is_not_loaded(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as file:
        file.writestr("config.json", "{}")
        file.writestr("model.weights.h5", b"")
    with pytest.raises(PerceiverError, match="can contain code"):
        kind_of(tmp_path / "model.keras")


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(PerceiverError, match="can't be read: No such file"):
        kind_of(tmp_path / "missing")
    with pytest.raises(PerceiverError, match="is a folder"):
        kind_of(tmp_path)
