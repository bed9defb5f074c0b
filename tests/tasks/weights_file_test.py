"""Weights files of strangers: links, other files, bombs; and that the digest is the standard one."""

from __future__ import annotations

import hashlib

import h5py
import numpy as np
import pytest

import perceiver_keras as pk
from perceiver_keras.errors import PerceiverError
from perceiver_keras.tasks import preset_folder
from perceiver_keras.tasks.weights_file import check_content, digest

SECRET = np.arange(64, dtype=np.float32)


def test_the_digest_is_sha256(tmp_path):
    content = bytes(range(256)) * 100_000  # more than one block
    (tmp_path / "file").write_bytes(content)
    assert digest(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def external_link(file, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["secret"] = SECRET
    file["layers/a"] = h5py.ExternalLink(str(folder / "other.h5"), "secret")


def soft_link(file, folder):
    file["layers/a"] = h5py.SoftLink("/layers")


def external_storage(file, folder):
    (folder / "secret").write_bytes(SECRET.tobytes())
    kept = [(str(folder / "secret"), 0, SECRET.nbytes)]
    file.create_dataset("layers/a", SECRET.shape, SECRET.dtype, external=kept)


def virtual(file, folder):
    external_link(file, folder)
    del file["layers/a"]
    layout = h5py.VirtualLayout(SECRET.shape, SECRET.dtype)
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "secret", SECRET.shape)
    file.create_virtual_dataset("layers/a", layout)


def bomb(file, folder):
    file.create_dataset("layers/a", (3_000_000_000,), np.float32, chunks=(1 << 20,))


def text(file, folder):
    file["layers/a"] = "text"


@pytest.mark.parametrize(
    ("plant", "says"),
    [
        (external_link, "layers/a is a link to somewhere else"),
        (soft_link, "layers/a is a link to somewhere else"),
        (external_storage, "layers/a is stored in another file"),
        (virtual, "layers/a is stored in another file"),
        (bomb, "it claims 3,000,000,\d+ numbers or more; the model has 10"),
        (text, "layers/a holds object, not numbers"),
    ],
)
def test_what_is_not_the_files_own_numbers_is_not_read(tmp_path, plant, says):
    with h5py.File(tmp_path / "w.weights.h5", "w") as file:
        file["layers/b"] = SECRET
        plant(file, tmp_path)
    with pytest.raises(ValueError, match=says):
        check_content(tmp_path / "w.weights.h5", 10)


def test_a_group_within_itself_ends(tmp_path):
    with h5py.File(tmp_path / "w.weights.h5", "w") as file:
        file.create_group("layers")
        file["layers/again"] = file["layers"]
    check_content(tmp_path / "w.weights.h5", 10)


def test_weights_that_refer_to_another_file_are_refused_in_a_line(tmp_path):
    model = pk.ImageClassifier.from_preset("tiny", encode__num_latents=2)
    path = tmp_path / "w.weights.h5"
    model.save_weights(path)
    preset_folder.load_weights(model, path)
    with h5py.File(path, "a") as file:
        names = []
        file.visititems(
            lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
        )
        shape, kind = file[names[0]].shape, file[names[0]].dtype
        del file[names[0]]
        (tmp_path / "secret").write_bytes(bytes(int(np.prod(shape)) * kind.itemsize))
        kept = [(str(tmp_path / "secret"), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset(names[0], shape, kind, external=kept)
    with pytest.raises(
        PerceiverError, match=r"w.weights.h5 don't fit .*is stored in another file"
    ) as caught:
        preset_folder.load_weights(model, path)
    assert "\n" not in str(caught.value)
