"""What is shown of stored examples, from real encoded ones."""

from __future__ import annotations

import base64
import io
import re
import wave

import numpy as np
import pytest
from PIL import Image

from perceiver_keras.data.described.decode import decode_example
from perceiver_keras.show import stored


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def read(address: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def test_a_picture_is_shown_as_it_is_stored() -> None:
    """Not stretched to its own range: a dark one must be seen to be dark."""
    dark = np.full([8, 6, 3], 12, np.uint8)
    dark[0, 0] = 30, 20, 10
    features = {"image": [png(dark)], "label": [1]}
    parts = stored.parts(
        decode_example(features, {"label": "label", "image": "picture"}), ["cat", "dog"]
    )
    assert [part["name"] for part in parts] == ["image", "label"]
    assert np.array_equal(read(parts[0]["picture"]), dark) and parts[0]["words"] == "6 × 8"
    assert parts[1]["words"] == "dog"


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_pictures_of_any_channels_are_shown(mode: str) -> None:
    buffer = io.BytesIO()
    Image.new(mode, (200, 100)).save(buffer, "PNG")
    [part] = stored.parts(decode_example({"image": [buffer.getvalue()]}, {"image": "picture"}))
    assert read(part["picture"]).shape[:2] == (48, 96)


def test_what_cannot_be_read_says_why() -> None:
    [part] = stored.parts(decode_example({"image": [b"no picture"]}, {"image": "picture"}))
    assert part["words"].startswith("can't be read: ") and "picture" not in part


def test_texts_are_cut_and_show_bytes_that_are_not_utf_8() -> None:
    kinds = {"text": "text"}
    [short] = stored.parts(decode_example({"text": ["Straße".encode()]}, kinds))
    assert short["text"] == "Straße"
    [long] = stored.parts(decode_example({"text": ["ж".encode() * 1000]}, kinds))
    assert long["text"] == "ж" * stored.MOST_LETTERS + "…"
    [broken] = stored.parts(decode_example({"text": [b"a\xffb"]}, kinds))
    assert broken["text"] == "a�b"


def test_a_sound_is_a_wave_with_numbers() -> None:
    time = np.arange(16000) / 16000
    tone = 0.5 * np.sin(2 * np.pi * 440 * time)
    found = stored.wave(tone, 16000)
    assert found["words"] == "1.00 s, 16,000 Hz, −9 dBFS"  # 20 log10(0.5 / √2)
    strokes = re.findall(r"M([\d.]+) ([\d.]+)V([\d.]+)", found["wave"])
    assert len(strokes) == stored.WAVE[0]
    for _, top, bottom in strokes:
        assert float(top) == pytest.approx(10, abs=0.6) and float(bottom) == pytest.approx(
            30, abs=0.6
        )
    assert "silent" in stored.wave(np.zeros(100), 8000)["words"]
    assert stored.wave(np.zeros(0), 8000)["wave"].startswith("M0 20H")
    assert "2 channels" in stored.wave(np.zeros([10, 2]), 8000)["words"]


def test_flow_has_the_shape_of_its_picture() -> None:
    flow = np.zeros([4, 6, 2], "<f4")
    flow[..., 0] = 3
    features = {"frame": [png(np.zeros([4, 6, 3], np.uint8))], "flow": [flow.tobytes()]}
    kinds = {"frame": "picture", "flow": "flow"}
    picture, motion = stored.parts(decode_example(features, kinds))
    colours = read(motion["picture"])
    assert colours.shape == (4, 6, 3) and (colours[..., 0] > colours[..., 2]).all()  # right is red
    assert motion["words"] == "motion up to 3.0 pixels"
    [alone] = stored.parts(decode_example({"flow": [flow.tobytes()]}, {"flow": "flow"}))
    assert alone["words"] == "24 vectors, motion up to 3.0 pixels"


def test_clips_show_some_frames_and_how_many_there_are() -> None:
    frames = [png(np.full([4, 4, 3], n, np.uint8)) for n in range(9)]
    parts = stored.parts(decode_example({"frames": frames}, {"frames": "pictures"}))
    assert [read(part["picture"])[0, 0, 0] for part in parts] == [0, 4, 8]
    assert parts[-1]["words"] == "4 × 4, 9 frames"


def test_labels_numbers_and_names() -> None:
    kinds = {
        "labels": "labels",
        "score": "number",
        "colour": "category",
        "units": "entities",
        "many": "labels",
    }
    features = {
        "labels": [2, 0, -1],
        "score": [2.5],
        "colour": [b"red"],
        "units": [1.0, 2.0, 3.0, 4.0],
        "many": list(range(10)),
    }
    parts = stored.parts(decode_example(features, kinds), ["a", "b", "c"])
    assert {part["name"]: part["words"] for part in parts} == {
        "units": "4 numbers",
        "labels": "c, a",
        "score": "2.5",
        "colour": "red",
        "many": "a, b, c, 3, 4, 5, 6, 7 and 2 more",
    }


def test_tags_and_choices_are_told_in_words() -> None:
    kinds = {"tags": "tags", "chosen": "choice", "none": "tags"}
    features = {"tags": [b"00112"], "chosen": [6, 1], "none": [b"000"]}
    parts = stored.parts(decode_example(features, kinds), ["no", "name", "place"])
    assert {part["name"]: part["words"] for part in parts} == {
        "tags": "3 of 5 bytes: name, place",
        "none": "0 of 3 bytes",
        "chosen": "row 6, won",
    }


def test_a_stored_sound_is_read() -> None:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 8000, 800, "NONE", ""))
        file.writeframes(bytes(1600))
    [part] = stored.parts(decode_example({"audio": [buffer.getvalue()]}, {"audio": "sound"}))
    assert part["words"].startswith("0.10 s, 8,000 Hz")
