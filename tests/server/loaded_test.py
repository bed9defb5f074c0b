"""A version in memory, against tf.saved_model.load of the same folder."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.server.loaded import TASK_FILE, End, LoadedModel, Signature, _about
from perceiver_keras.server.status import ServingError
from tests import tiny_task as tiny


@pytest.fixture(scope="module")
def loaded(saved):
    model = LoadedModel(str(saved), 1.0)
    yield model
    model.close()


def test_each_signature_answers_as_in_plain_tensorflow(loaded, saved) -> None:
    plain = tf.saved_model.load(str(saved))
    inputs = {
        "serving_default": {"x": np.float32([1, 2])},
        "two_inputs": {"a": np.float32([1]), "b": np.int64([[2, 3]])},
        "text": {"text": np.array([b"ab", b"\xff"], object)},
        "scalar": {"x": np.float32(3)},
        "total": {"values": np.float32([[1, 2], [3, 4]])},
    }
    assert set(loaded.signatures) == set(plain.signatures)
    for name, arrays in inputs.items():
        ours = loaded.run(loaded.signatures[name], {k: np.asarray(v) for k, v in arrays.items()})
        theirs = plain.signatures[name](**{k: tf.constant(v) for k, v in arrays.items()})
        assert list(ours) == sorted(theirs)
        for output, value in theirs.items():
            assert np.asarray(ours[output]).tolist() == value.numpy().tolist()


def test_an_export_of_ours_answers_as_its_model(tmp_path) -> None:
    from perceiver_keras.export import export_saved_model

    folder = str(tmp_path / "1")
    export_saved_model(tiny.TASK, tiny.CONFIG, tiny.model(), folder, labels=tiny.LABELS)
    model = LoadedModel(folder, 10.0)
    pngs = np.array(tiny.pngs(3, seed=1), object)
    answer = model.run(model.signatures["serving_default"], {"image_bytes": pngs})
    pixels = np.stack([tf.io.decode_png(png).numpy() for png in pngs]).astype(np.float32) / 255
    logits = tiny.model()({"pixels": pixels}, training=False)
    np.testing.assert_allclose(answer["probabilities"], tf.nn.softmax(logits), rtol=1e-5)
    model.close()


def test_whether_the_first_axis_is_the_batch(loaded) -> None:
    batches = {name: signature.batches for name, signature in loaded.signatures.items()}
    assert batches == {name: name != "scalar" for name in batches}
    assert not Signature("none", {}, {"y": End(1, (None,))}, None).batches
    assert Signature("open", {"x": End(1, None)}, {}, None).batches


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((None,), False),
        ((None, 10), False),
        ((None, None), True),
        ((None, 2, None), True),
        (None, True),
    ],
)
def test_whether_an_answers_size_may_depend_on_what_is_asked(shape, wanted) -> None:
    ends = {"known": End(1, (None, 3)), "y": End(1, shape)}
    assert Signature("s", {"x": End(7, (None,))}, ends, None).sized_by_content is wanted


def test_names_and_shapes_are_checked(loaded) -> None:
    signature = loaded.signatures["two_inputs"]
    right = {"a": np.float32([1]), "b": np.int64([[2, 3]])}
    signature.check(right)
    for wrong, words in (
        (
            {"a": right["a"]},
            "1!=2 len({a}) != len({a,b}). Sent extra: {}. Missing but required: {b}.",
        ),
        ({**right, "c": right["a"]}, "Sent extra: {c}"),
        ({**right, "b": np.int64([[1, 2, 3]])}, "input b: expected the shape [?,2], got [1,3]"),
    ):
        with pytest.raises(ServingError) as caught:
            signature.check(wrong)
        assert words in caught.value.message


def test_what_takes_too_long_is_cancelled(saved) -> None:
    model = LoadedModel(str(saved), 0.2)
    start = time.monotonic()
    with pytest.raises(tf.errors.DeadlineExceededError):
        model.run(model.signatures["slow"], {"steps": np.int64([10**12])})
    assert time.monotonic() - start < 10
    model.close()


def test_closing_waits_for_what_is_computed(saved) -> None:
    model = LoadedModel(str(saved), 30.0)
    signature, answers = model.signatures["slow"], []
    asked = {"steps": np.int64([100_000])}
    thread = threading.Thread(target=lambda: answers.append(model.run(signature, asked)))
    thread.start()
    while not model._one.locked():
        time.sleep(0.001)
    model.close()
    thread.join()
    assert answers[0]["count"].tolist() == [100_000]


def test_one_graph_is_never_run_twice_at_once(loaded) -> None:
    """Two batch sizes at once corrupt memory in oneDNN's kernels: the process would die of it."""
    inside, most = [], []

    def call(x, **options):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.01)
        inside.pop()
        return [x]

    signature = Signature("s", {"x": End(1, (None,))}, {"y": End(1, (None,))}, call)
    asked = {"x": np.float32([1])}
    threads = [threading.Thread(target=loaded.run, args=(signature, asked)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 4


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "[" * 100_000,
        '{"task": "a", "config": {"model": ' + '{"a":' * 600 + "1" + "}" * 600 + "}}",
        r'{"task": "\ud800"}',
        '{"task": 5}',
        '{"labels": "abc"}',
        '{"config": [1]}',
        '{"config": {"model": "x"}}',
    ],
)
def test_a_note_that_can_not_be_told_is_left_out(tmp_path, text) -> None:
    file = tmp_path / TASK_FILE
    file.parent.mkdir()
    file.write_text(text)
    assert _about(str(tmp_path)) == ({}, {})
    file.write_text('{"task": "a", "labels": ["b"], "config": {"model": {"c": 1}}}')
    assert _about(str(tmp_path)) == (
        {"task": "a", "preset": None, "labels": ["b"]},
        {"c": 1},
    )
