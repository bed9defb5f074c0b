"""An example is found again by its content, without its label."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from perceiver_keras.data.alike.example import Fingerprint, alike, alike_pairs, fingerprint
from perceiver_keras.data.described.decode import decode_example
from tests.data.alike.samples import changed, digits, photographs

PICTURE = {"image": "picture", "label": "label"}
PAIR = {"task": "category", "sentence1": "text", "sentence2": "text", "label": "number"}
PREMISE = "A man in a red shirt is walking his small dog along the beach in the early morning."


def encoded(picture: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture if picture.shape[-1] > 1 else picture[..., 0]).save(buffer, kind)
    return buffer.getvalue()


def of(kinds: dict, names=None, **features) -> Fingerprint:
    values = {name: [value] for name, value in features.items()}
    return fingerprint(decode_example(values, kinds), names=names)


def test_the_same_picture_in_another_format_is_exactly_the_same():
    picture = photographs()[2]
    first, second = (of(PICTURE, image=encoded(picture, k), label=3) for k in ("PNG", "BMP"))
    assert first == second
    grey = np.repeat(picture[..., :1], 3, -1)
    assert of(PICTURE, image=encoded(grey)).exact == of(PICTURE, image=encoded(grey[..., :1])).exact


def test_another_label_is_the_same_example_and_said():
    content = encoded(digits()[0])
    names = [f"digit {n}" for n in range(10)]
    first, second = (of(PICTURE, names=names, image=content, label=n) for n in (3, 8))
    assert (first.label, second.label) == (b"digit 3", b"digit 8")
    assert first[2:] == second[2:] and first.exact == second.exact


def test_one_other_pixel_is_another_example_that_is_alike():
    picture = photographs()[2].copy()
    before = of(PICTURE, image=encoded(picture))
    picture[5, 5] ^= 1
    after = of(PICTURE, image=encoded(picture))
    assert before.exact != after.exact
    assert set(before.keys[1:]) & set(after.keys[1:])
    assert alike(before.print, after.print)


def test_all_features_must_be_alike():
    said = {"task": b"mnli", "sentence1": PREMISE.encode()}
    outside, indoors = (
        of(PAIR, sentence2=text, label=1.0, **said)
        for text in (b"He is outside.", b"He is indoors.")
    )
    assert not alike(outside.print, indoors.print)
    assert alike(outside.print, of(PAIR, sentence2=b"he is outside", label=0.0, **said).print)
    other_task = said | {"task": b"qnli"}
    assert not alike(outside.print, of(PAIR, sentence2=b"He is outside.", **other_task).print)


def test_examples_with_other_features_are_not_alike():
    text = of(PAIR, task=b"cola", sentence1=PREMISE.encode())
    assert not alike(text.print, of(PICTURE, image=encoded(digits()[0])).print)
    assert not alike(text.print, of(PAIR, sentence1=PREMISE.encode()).print)


@pytest.mark.parametrize(
    ("kinds", "features"),
    [
        (PICTURE, {"image": encoded(np.zeros([9, 9, 3], np.uint8)), "label": 1}),
        (PAIR, {"task": b"cola", "sentence1": b" ", "label": 1.0}),
        (PAIR, {"task": b"cola"}),
        (PICTURE, {"label": 2}),
    ],
)
def test_what_holds_nothing_has_no_exact_fingerprint_and_no_keys(kinds, features):
    found = of(kinds, **features)
    assert (found.exact, found.keys, found.print) == (b"", (), b"")
    assert not alike(found.print, found.print)


def test_what_cannot_be_decoded_is_still_found():
    first, second, other = (of(PICTURE, image=content) for content in (b"bad", b"bad", b"worse"))
    assert first == second
    assert alike(first.print, second.print) and not alike(first.print, other.print)


@pytest.mark.parametrize(
    ("kind", "values", "label"),
    [
        ("label", [2], b"cat"),
        ("label", [7], b"7"),
        ("labels", [2, 0, -1], b"ant, cat"),
        ("number", [0.5], b"0.5"),
        ("tags", [b"0120"], b"0120"),
        ("choice", [4, 1], b"4, 1"),
        ("category", [b"positive"], b"positive"),
    ],
)
def test_labels_are_text(kind, values, label):
    features = {"text": [PREMISE.encode()], "said": values}
    kinds = {"text": "text", "said": kind}
    found = fingerprint(decode_example(features, kinds), "said", ["ant", "bee", "cat"])
    assert found.label == label
    assert b"said" not in found.print


def test_a_long_label_is_a_digest():
    kinds = {"text": "text", "tags": "tags"}
    first, second = (of(kinds, text=b"x" * 99, tags=tags * 99) for tags in (b"0", b"1"))
    assert first.label.startswith(b"#") and len(first.label) == 9
    assert first.label != second.label and first.exact == second.exact


def test_flow_is_the_label_of_its_frames():
    kinds = {"frame1": "picture", "frame2": "picture", "flow": "flow"}
    frames = {"frame1": encoded(photographs()[1]), "frame2": encoded(photographs()[2])}
    still, moved = (
        of(kinds, flow=np.full([4, 2], value, "<f4").tobytes(), **frames) for value in (0, 1)
    )
    assert still.exact == moved.exact and still.label != moved.label
    swapped = of(kinds, frame1=frames["frame2"], frame2=frames["frame1"])
    assert not alike(still.print, swapped.print)


def test_pairs_are_compared_as_single_ones_are():
    kinds = PICTURE | {"text": "text"}
    prints = [of(kinds, image=encoded(p)).print for p in (*photographs()[:4], *digits()[:4])]
    prints += [of(kinds, image=encoded(changed(p, "JPEG"))).print for p in photographs()[:4]]
    prints += [
        of(kinds, text=text).print for text in (PREMISE.encode(), PREMISE.upper().encode(), b"")
    ]
    expected = [[alike(a, b) for b in prints] for a in prints]
    np.testing.assert_array_equal(alike_pairs(prints, prints), expected)
    assert np.sum(expected) == len(prints) - 1 + 2 * 5  # each itself, but nothing; five pairs
