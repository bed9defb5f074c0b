"""Decoding against PIL and SciPy; what can't be decoded is said, never raised."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.io import wavfile

from perceiver_keras.data.described.decode import (
    MOST_FRAMES,
    Decoded,
    decode_example,
    decoded,
    frame_places,
)

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, [5, 7, 3], np.uint8)


def encoded(pixels, kind="PNG", **options) -> bytes:
    file = io.BytesIO()
    made = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    made.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("L", "PNG"), ("LA", "PNG"), ("RGB", "PNG"), ("RGBA", "PNG"), ("RGB", "BMP")],
)
def test_pictures_without_loss_are_pils(mode, kind):
    made = Image.fromarray(COLOURS).convert(mode)
    if mode.endswith("A"):
        made.putalpha(Image.fromarray(COLOURS[..., 0]))
    found = decoded("picture", encoded(made, kind))
    want = np.asarray(made)
    np.testing.assert_array_equal(found.value, want if want.ndim == 3 else want[..., None])
    assert (found.format, found.problem, found.value.dtype) == (kind, "", np.uint8)


def test_palettes_have_their_colours_and_16_bits_their_upper_8():
    made = Image.fromarray(COLOURS).convert("P", palette=Image.Palette.ADAPTIVE)
    for kind in ("PNG", "GIF", "BMP"):
        found = decoded("picture", encoded(made, kind))
        np.testing.assert_array_equal(found.value[..., :3], np.asarray(made.convert("RGB")))
        assert found.format == kind
    deep = RNG.integers(0, 1 << 16, [4, 6], np.uint16)
    file = encoded(Image.fromarray(deep.astype(np.int32), "I").convert("I;16"))
    np.testing.assert_array_equal(decoded("picture", file).value[..., 0], deep >> 8)


def test_a_jpeg_is_turned_as_its_exif_says():
    exif = Image.Exif()
    exif[0x0112] = 6
    smooth = np.asarray(Image.fromarray(COLOURS).resize((48, 32), Image.Resampling.BICUBIC))
    found = decoded("picture", encoded(smooth, "JPEG", exif=exif, quality=95))
    want = np.rot90(smooth, -1).astype(int)
    assert found.value.shape == (48, 32, 3) and found.format == "JPEG"
    assert np.abs(found.value - want).mean() < 6


def test_sounds_are_scipys(tmp_path):
    samples = RNG.integers(-(1 << 15), 1 << 15, [100, 2]).astype(np.int16)
    wavfile.write(tmp_path / "a.wav", 22_050, samples)
    found = decoded("sound", [(tmp_path / "a.wav").read_bytes()])
    assert (found.rate, found.problem) == (22_050, "")
    np.testing.assert_array_equal(found.value, samples / 32768)


def test_flow_masks_entities_and_labels_are_arrays_and_numbers():
    flow = RNG.normal(size=[3, 4, 2]).astype("<f4")
    np.testing.assert_array_equal(decoded("flow", flow.tobytes()).value, flow.reshape(-1, 2))
    mask = np.array([[0, 255], [127, 128]], np.uint8)
    assert decoded("mask", encoded(mask)).value.tolist() == [[False, True], [False, True]]
    assert decoded("mask", [1, 1, 0]).value.tolist() == [True, True, False]
    assert decoded("entities", [0.5, 2.0]).value.tolist() == [0.5, 2.0]
    assert decoded("label", [3]).value == decoded("label", [3.0]).value == 3
    assert decoded("labels", np.array([4, 1, -1])).value == (4, 1)
    assert decoded("choice", [2, 0]).value == (2, 0)
    assert decoded("number", [0.5]).value == 0.5
    assert decoded("category", [b"cola"]).value == b"cola"
    assert decoded("text", [b"a", b"b"]).value == b"a\n\nb"


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("picture", encoded(COLOURS)[:60], "truncated PNG: its end is missing"),
        ("picture", b"RIFF\0\0\0\0WEBP", "a WebP picture; convert it to PNG or JPEG"),
        ("picture", [encoded(COLOURS)] * 2, "2 values; expected one"),
        ("pictures", [encoded(COLOURS), b"no"], "not a PNG, JPEG, GIF or BMP"),
        ("sound", b"no", "not a WAV"),
        ("flow", b"1234567", "7 bytes; flow has 8 for each pixel"),
        ("label", [0.5], "label 0.5 is no whole number"),
        ("label", [float("nan")], "cannot convert float NaN to integer"),
        ("entities", [b"a"], "could not convert"),
        ("text", [1 << 62], "instead of bytes"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_cannot_be_decoded_says_why_and_keeps_what_is_stored(kind, value, words):
    found = decoded(kind, value)
    assert words in found.problem
    assert found.value == (value if isinstance(value, list) else [value])


@given(st.sampled_from(["picture", "sound", "flow", "mask"]), st.binary(min_size=1, max_size=200))
def test_no_bytes_raise(kind, content):
    assert isinstance(decoded(kind, content), Decoded)


def test_missing_features_are_left_out_but_empty_texts_are_there():
    kinds = {"a": "text", "b": "text", "c": "flow", "d": "label", "e": "picture"}
    found = decode_example({"a": [b""], "b": [], "c": [b""], "d": np.array([1]), "f": [1]}, kinds)
    assert {name: one.value for name, one in found.items()} == {"a": b"", "d": 1}


@given(st.integers(1, 2000))
def test_of_long_clips_neighbours_from_beginning_to_end_are_decoded(count):
    places = frame_places(count)
    assert len(places) == min(count, MOST_FRAMES)
    assert places == sorted(places) and places[0] == 0 and places[-1] == count - 1
    if count > MOST_FRAMES:
        assert all(b == a + 1 for a, b in zip(places[::2], places[1::2], strict=True))


def test_a_clip_keeps_its_number_of_frames():
    frames = [encoded(np.full([2, 2], place, np.uint8)) for place in range(40)]
    found = decoded("pictures", frames)
    assert found.count == 40 and len(found.value) == MOST_FRAMES
    assert [int(frame[0, 0, 0]) for frame in found.value] == frame_places(40)


def test_arrays_of_bytes_must_keep_their_zeros():
    content = np.zeros([2, 2], "<f4").tobytes()
    with pytest.raises(TypeError, match="dtype=object"):
        decode_example({"flow": np.array([content])}, {"flow": "flow"})
    found = decode_example({"flow": np.array([content], object)}, {"flow": "flow"})
    assert found["flow"].value.shape == (2, 2)
