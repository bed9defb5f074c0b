"""Frames, masks and flow files to the features of a record, and what is refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from perceiver_keras.data.flow import builder
from perceiver_keras.data.flow.folders import FlowFiles
from perceiver_keras.errors import PerceiverError
from tests.data.flow.flow_files import SIZE, Maker


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P"])
def test_frames_of_all_kinds_become_colour(tmp_path, mode):
    pixels = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8))
    image = pixels.convert(mode)
    if "A" in mode:
        image.putalpha(77)
    image.save(tmp_path / "a.png")
    content, size = builder.read_frame(tmp_path / "a.png")
    assert size == SIZE and content[24:26] == b"\x08\x02"
    # Alpha is dropped: the colours are those beneath it.
    expected = image.convert("RGB") if "A" not in mode else image.convert("RGBA").convert("RGB")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), expected)


def test_16_bits_keep_the_upper_8_and_colour_is_left_as_it_is(tmp_path):
    values = np.random.default_rng(0).integers(0, 2**16, (*SIZE, 3)).astype(np.uint16)
    (tmp_path / "a.png").write_bytes(tf.io.encode_png(values).numpy())
    content, _ = builder.read_frame(tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), values >> 8)
    for suffix in (".png", ".jpg"):
        Image.new("RGB", SIZE[::-1], (9, 8, 7)).save(tmp_path / f"b{suffix}")
        content, size = builder.read_frame(tmp_path / f"b{suffix}")
        assert content == (tmp_path / f"b{suffix}").read_bytes() and size == SIZE
    Image.new("L", SIZE[::-1], 9).save(tmp_path / "grey.jpg")
    assert builder.read_frame(tmp_path / "grey.jpg")[0].startswith(b"\x89PNG")


def test_sizes_must_agree_and_damage_is_named(tmp_path):
    make = Maker(tmp_path)
    files = {"frame1": "a.png", "frame2": "b.png", "flow": "a.flo"}
    pair = FlowFiles("a", "a", *(tmp_path / name for name in files.values()))

    def refused(said, pair=pair):
        with pytest.raises(PerceiverError, match=said):
            list(builder.iter_examples([pair]))

    refused("a.png can't be read")
    make.picture("a.png"), make.picture("b.png", (5, 6)), make.flow("a.flo", size=(6, 7))
    refused("a.png has 5x7 pixels, .*b.png 5x6")
    make.picture("b.png")
    refused("a.flo has 6x7 pixels, .*a.png 5x7")
    make.flow("a.flo")
    make.mask("m.png", (4, 4))
    refused(r"m.png has \(4, 4\) pixels", pair._replace(invalid=tmp_path / "m.png"))
    (tmp_path / "b.png").write_bytes((tmp_path / "b.png").read_bytes()[:-20])
    refused("b.png can.t be read as a picture: truncated PNG")
    (tmp_path / "b.png").write_bytes(b"P6\n7 5\n255\n" + bytes(20))
    refused("b.png can.t be read as a picture")
