"""Pictures of a folder: their sizes and colours, and stored bytes that are the file's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from perceiver_keras.data.own import pictures
from perceiver_keras.data.own.found import Place
from perceiver_keras.data.own.prepare import prepare
from perceiver_keras.data.store import source
from perceiver_keras.errors import UsageError


def _look(root: Path):
    return pictures.look(Place(given=root, root=root, store=root.parent / "store"))


def _pictures(root: Path, mode: str, count: int = 12) -> np.ndarray:
    """Saves pictures of two classes with growing sizes; returns all of their pixels, [n, 3]."""
    rng, pixels = np.random.default_rng(0), []
    for number in range(count):
        size = (10 + number, 20 + number)
        array = rng.integers(0, 256, size if mode == "L" else (*size, 3), np.uint8)
        path = root / "ab"[number % 2] / f"{number}.{'PNG' if number % 3 else 'bmp'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
        pixels.append(np.reshape(Image.fromarray(array).convert("RGB"), [-1, 3]))
    return np.concatenate(pixels)


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3)])
def test_sizes_and_colours_are_measured(tmp_path: Path, mode: str, channels: int) -> None:
    pixels = _pictures(tmp_path / "mine", mode)
    measured = _look(tmp_path / "mine").measured
    assert measured["smallest"] == (10, 20) and measured["largest"] == (21, 31)
    assert measured["median"] == (15, 25) and measured["channels"] == channels
    assert np.allclose(measured["mean"], pixels.mean(axis=0))
    assert np.allclose(measured["std"], pixels.std(axis=0))


def test_stored_examples_hold_the_files_own_bytes(tmp_path: Path) -> None:
    _pictures(tmp_path / "mine", "RGB")
    (tmp_path / "mine/a/broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (tmp_path / "mine/b/phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + b"x" * 50)
    found = _look(tmp_path / "mine")
    left_out = prepare(found, str(tmp_path / "data"), max_corrupt_share=0.2)
    assert set(left_out) == {"a/broken.jpg", "b/phone.heic"}
    builder = source.open_builder(found.dataset, str(tmp_path / "data"))
    stored = {}
    for split in ("train", "validation", "test"):
        for example in source.serialized_examples(builder, split):
            features = tf.train.Example.FromString(example).features.feature
            name = features["file"].bytes_list.value[0].decode()
            label = "ab"[features["label"].int64_list.value[0]]
            stored[name] = features["image"].bytes_list.value[0]
            assert name.startswith(f"{label}/")
    assert stored == {
        item.name: item.source.read_bytes() for item in found.items if item.name not in left_out
    }
    examples = [
        tf.train.Example.FromString(e) for e in source.serialized_examples(builder, "train")
    ]
    assert pictures.measure_examples(examples)["channels"] == 3


def test_pictures_of_other_formats_are_named_with_what_to_do(tmp_path: Path) -> None:
    _pictures(tmp_path / "mine", "RGB")
    box = b"\0\0\0\x18ftyp"
    others = {
        **{"w.webp": b"RIFF\x40\0\0\0WEBPVP8 ", "t.tif": b"II*\0", "u.TIFF": b"MM\0*"},
        **{"v.avif": box + b"avif", "h.heic": box + b"heic", "i.heif": box + b"mif1"},
        **{"x.jxl": b"\xff\x0a", "j.jp2": b"\0\0\0\x0cjP  \r\n\x87\n"},
    }
    for name, head in others.items():
        (tmp_path / "mine/a" / name).write_bytes(head.ljust(64, b"\0"))
    found = _look(tmp_path / "mine")
    assert found.passed == {}
    left_out = prepare(found, str(tmp_path / "data"), max_corrupt_share=0.5)
    assert left_out.keys() == {f"a/{name}" for name in others}
    assert all("picture; convert it to PNG or JPEG" in why for why in left_out.values())


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/a.txt").write_text("hello")
    with pytest.raises(UsageError, match="holds no pictures .* It holds 1 .txt"):
        _look(tmp_path / "mine")
