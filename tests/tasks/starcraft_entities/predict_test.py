"""JSON files of sets in; targets and pictures out."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.starcraft_entities import predict
from perceiver_keras.tasks.starcraft_entities.model import EntityEncoder
from perceiver_keras.tasks.starcraft_entities.presets import TINY

RNG = np.random.default_rng(0)
SETS = [RNG.uniform(size=(n, 9)).astype(np.float32) for n in (4, 7, 1)]


@pytest.fixture(scope="module")
def model():
    return EntityEncoder.from_preset("tiny")


def test_files_of_one_set_or_several(tmp_path, model):
    one, several, bad = (tmp_path / f"{name}.json" for name in ("one", "several", "bad"))
    one.write_text(json.dumps(SETS[0].tolist()))
    sets = [{"entities": SETS[0].tolist()}, {"entities": SETS[1].tolist(), "mask": [1] * 6 + [0]}]
    sets += [{"entities": []}, {"entities": [[10**400] * 9]}]  # JSON has integers beyond all floats
    several.write_text(json.dumps(sets))
    bad.write_text("{")
    found = list(predict.requests([str(one), str(several), str(bad)]))
    assert [request.name.split("/")[-1] for request in found] == [
        *("one.json", *(f"several.json#{n}" for n in range(4)), "bad.json")
    ]
    assert [len(r.content) for r in found[:3]] == [4, 4, 6]
    assert all("list of rows" in request.error for request in found[3:5])
    assert "not JSON" in found[5].error
    answers = model.answer([r.content for r in found[:3]], top=2)
    assert [set(a) for a in answers[0]] == [{"label", "score"}] * 2
    outputs = {k: v[0] for k, v in model.serve_contents([SETS[0]]).items()}
    figure = predict.picture([], [outputs], [])
    figure.canvas.draw()
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    np.testing.assert_allclose(heights, outputs["pointer"], rtol=1e-6)
    assert figure.axes[0].get_title() == f"wins {outputs['winning']:.0%}"


@pytest.mark.parametrize("name", ["a.jsonl", "a.NDJSON", "a.json"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_files_of_a_set_in_each_line(tmp_path, name, end):
    rows = [{"entities": one.tolist(), "target": 0, "won": 1} for one in SETS]
    lines = [json.dumps(rows[0]), "", json.dumps(rows[1]), "{", json.dumps({"entities": []})]
    path = tmp_path / name
    path.write_bytes(end.join([*lines, json.dumps(SETS[2].tolist()), ""]).encode())
    found = list(predict.requests([str(path)]))
    assert [request.name for request in found] == [f"{path}#{n}" for n in range(5)]
    for request, one in zip((found[0], found[1], found[4]), SETS, strict=True):
        assert request.error == ""
        np.testing.assert_array_equal(request.content, one)
    assert (
        found[2].error.startswith("line 4 is not JSON: Expecting property name")
        and "column 2" in found[2].error
    )
    assert "list of rows" in found[3].error


@pytest.mark.parametrize(
    ("name", "content", "errors"),
    [
        ("a.jsonl", b"[[1, 2]]", [""]),
        ("a.jsonl", b"\n \n", ["empty"]),
        ("a.jsonl", b"[[1]]\n\xff", ["not UTF-8: byte 0xFF"]),
        ("a.jsonl", b"[" * 100_000, ["line 1 is not JSON: nested too deeply"]),
        ("a.json", b"[\n[1]\n]\nx\ny\n", ["not JSON: Extra data: line 4"]),
    ],
)
def test_files_that_are_no_json_lines_are_told_in_one_line(tmp_path, name, content, errors):
    (tmp_path / name).write_bytes(content)
    found = [request.error for request in predict.requests([str(tmp_path / name)])]
    assert len(found) == len(errors)
    assert all(error.startswith(start) for error, start in zip(found, errors, strict=True))


def test_sets_are_padded_to_the_largest():
    packed = predict.pack(SETS)
    assert packed["entities"].shape == (3, 7, 9)
    assert packed["mask"].sum(1).tolist() == [4, 7, 1]
    for row, one in enumerate(SETS):
        np.testing.assert_array_equal(packed["entities"][row, : len(one)], one)
        assert not packed["entities"][row, len(one) :].any()
    with pytest.raises(UsageError, match="different numbers of columns"):
        predict.pack([SETS[0], SETS[1][:, :5]])


def test_answers_are_rows_by_their_chance_and_no_padding():
    outputs = {"pointer": np.array([[0.1, 0.7, 0.2, 0.0]])}
    assert predict.answers(outputs, None, 9) == [
        [
            {"label": "entity 1", "score": 0.7},
            {"label": "entity 2", "score": 0.2},
            {"label": "entity 0", "score": 0.1},
        ]
    ]


def test_the_report_marks_right_and_wrong_targets(model):
    inputs = {
        "entities": tf.constant(SETS[1][None, :, :].repeat(2, 0)),
        "mask": tf.ones([2, 7], tf.int64),
    }
    guess = int(model(inputs)["pointer"][0].numpy().argmax())
    targets = {"target": tf.constant([guess, (guess + 1) % 7]), "won": tf.constant([1, 0])}
    figures = predict.report(model, inputs, targets, TINY, None)
    titles = [axes.get_title() for axes in figures["Battlefields"].axes]
    assert titles == ["right", "wrong"]
    unnamed = override(TINY, 'model.features=["a", "b", "c", "d", "e", "f", "g", "h", "i"]')
    assert "Battlefields" not in predict.report(model, inputs, targets, unnamed, None)
