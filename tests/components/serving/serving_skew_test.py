"""Exports that are broken in the ways that happen, each compared with the training path of the model that was meant.

The exports are real ones, of an untrained model of small pictures that are resized.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras import export, signatures
from perceiver_keras.components.serving import serving_answers, serving_check, serving_skew
from perceiver_keras.data.store.records import file_records, write_records
from tests import tiny_task as tiny

TOLERANCE = 1e-4
RAW, RECORD, ANSWER = serving_answers.STAGES


def pixels(method="bilinear", change=lambda picture: picture):
    def decoded(png):
        picture = tf.cast(tf.io.decode_png(png, channels=3), tf.float32) / 255.0
        return change(tf.ensure_shape(tf.image.resize(picture, [4, 4], method), [4, 4, 3]))

    return decoded


def task_of(prepare=None, serve=None, respond=tiny.TASK.serving.respond):
    """The tiny task with pictures of any size; `serve` is how serving decodes them, if not as training does."""
    prepare = prepare or pixels()
    decode = serve or prepare

    def served(model, raw, config, labels):
        spec = tf.TensorSpec([4, 4, 3])
        inputs = {"pixels": tf.map_fn(decode, raw["image_bytes"], fn_output_signature=spec)}
        return respond(inputs, model(inputs, training=False), config, labels)

    task = tiny.with_fields("serving", serve=served, respond=respond)
    examples = dataclasses.replace(
        task.examples,
        prepare=lambda features, config, training, seed: (
            {"pixels": prepare(features["image"])},
            features.get("label"),
        ),
    )
    return dataclasses.replace(task, examples=examples)


def stored(count):
    """Examples of pictures of different sizes, all larger than the model's."""
    random = np.random.default_rng(0)
    for index in range(count):
        size = (*random.integers(5, 12, 2), 3)
        png = tf.io.encode_png(random.integers(0, 256, size, np.uint8)).numpy()
        features = {
            "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[png])),
            "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[index % 3])),
        }
        example = tf.train.Example(features=tf.train.Features(feature=features))
        yield example.SerializeToString(deterministic=True)


@pytest.fixture(scope="module")
def model():
    return tiny.model()


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("records") / "examples.gz")
    write_records(stored(60), path)
    return file_records(path)


@pytest.fixture(scope="module")
def compared(model, records, tmp_path_factory):
    """(an export's task, model and labels) -> what is found when it is compared with the training path."""
    folder = tmp_path_factory.mktemp("skew")
    asked = str(folder / "requests")
    used = serving_skew.write_requests(asked, task_of(), tiny.CONFIG, model, tiny.LABELS, records)
    assert used == 60

    def compare(task, served_model=model, labels=tiny.LABELS):
        served = export.export_saved_model(
            task, tiny.CONFIG, served_model, str(folder / "export"), labels=labels
        )
        _, signatures = _loaded = serving_check.load(served)
        logs = serving_check.prediction_logs(asked, "requests")
        return serving_answers.compared(signatures, logs, TOLERANCE)

    return compare


def test_an_export_of_the_same_code_and_weights_agrees(compared):
    found = compared(task_of())
    assert found["stage"] is found["output"] is found["text"] is None
    assert found["examples"] == 60 and found["largest_difference"] < TOLERANCE / 10
    assert found["compared"] == sorted(serving_check.SIGNATURES)


@pytest.mark.parametrize(
    ("serve", "words"),
    [
        (pixels("nearest"), "the model's input 'pixels' in serving_default differs by"),
        (pixels("area"), "differs by"),
        (pixels(change=lambda p: p[..., ::-1]), "channels were in reverse order"),
        (pixels(change=lambda p: p * 255), "255 times as large plus"),
        (pixels(change=lambda p: p * 1.01), "1.01 times as large"),
        (pixels(change=lambda p: p[::-1]), "top and bottom were swapped"),
    ],
)
def test_serving_that_prepares_raw_inputs_in_another_way(compared, serve, words):
    found = compared(task_of(serve=serve))
    assert (found["stage"], found["output"]) == (RAW, "pixels")
    assert words in found["text"]


def test_records_that_are_prepared_in_another_way(compared):
    found = compared(task_of(prepare=pixels("nearest")))
    assert (found["stage"], found["output"]) == (RECORD, "pixels")
    transformed = dataclasses.replace(
        (task := task_of()),
        examples=dataclasses.replace(
            task.examples,
            transform=lambda features, config: (
                features
                | {
                    "image": tf.map_fn(
                        lambda png: tf.io.encode_png(255 - tf.io.decode_png(png)), features["image"]
                    )
                }
            ),
        ),
    )
    found = compared(transformed)
    assert found["stage"] == RECORD and "-1 times as large plus 1" in found["text"]


def test_another_model_other_names_and_outputs_that_are_gone(compared, model):
    found = compared(task_of(), tiny.model(seed=1))
    assert found["stage"] == ANSWER and "serving_tensors's " in found["text"]
    found = compared(task_of(), labels=tiny.LABELS[::-1])  # of an older run
    assert (found["stage"], found["output"]) == (ANSWER, "label")

    def fewer(*args):
        return {"label": tiny.TASK.serving.respond(*args)["label"]}

    found = compared(task_of(respond=fewer))
    assert (found["stage"], found["output"]) == (ANSWER, "probabilities")
    assert found["text"] == "serving_tensors lacks the output probabilities"


def test_evaluate_is_compared_too(compared):
    measures = dataclasses.replace(tiny.TASK.measures, columns=lambda targets, outputs: 2 * outputs)
    found = compared(dataclasses.replace(task_of(), measures=measures))
    assert (found["stage"], found["output"]) == (ANSWER, "logits")
    assert "evaluate's logits differs" in found["text"]


def test_an_export_without_names_in_its_graph(compared, monkeypatch):
    """Those of earlier versions; the stage follows from which signatures agree."""
    monkeypatch.setattr(signatures, "_marked", lambda inputs: inputs)
    assert compared(task_of())["stage"] is None
    assert compared(task_of(serve=pixels("nearest")))["stage"] == RAW
    assert compared(task_of(prepare=pixels("nearest")))["stage"] == RECORD
    assert compared(task_of(), tiny.model(seed=1))["stage"] == ANSWER


def test_weights_that_are_no_numbers(records, tmp_path):
    model = tiny.model()
    model.head.bias.assign([0.0, np.nan, 0.0])
    asked = str(tmp_path / "requests")
    serving_skew.write_requests(asked, task_of(), tiny.CONFIG, model, None, records.limit(4))
    folder = export.export_saved_model(task_of(), tiny.CONFIG, model, str(tmp_path / "m"))
    _, signatures = _loaded = serving_check.load(folder)
    logs = serving_check.prediction_logs(asked, "requests")
    found = serving_answers.compared(signatures, logs, TOLERANCE)
    assert found["stage"] == ANSWER and "numbers that are not finite" in found["text"]


def test_what_only_serve_does_is_compared_with_the_trained_models_own_serve(
    model, records, tmp_path
):
    """Raw inputs that training takes a part of; and outputs that only `serve` has."""
    half = lambda raw, config: tf.range(tf.shape(raw["image_bytes"])[0]) % 2 == 0  # noqa: E731

    def with_serve(change):
        task = task_of()

        def serve(model, raw, config, labels):
            answer = task_of(serve=pixels(change=change)).serving.serve(model, raw, config, labels)
            return answer | {"cut": tf.strings.length(raw["image_bytes"])}

        return dataclasses.replace(
            task, serving=dataclasses.replace(task.serving, serve=serve, as_trained=half)
        )

    asked = str(tmp_path / "requests")
    mirrored = with_serve(lambda p: p[::-1])
    serving_skew.write_requests(asked, mirrored, tiny.CONFIG, model, tiny.LABELS, records.limit(9))
    logs = [
        log
        for log in serving_check.prediction_logs(asked, "requests")
        if log.request.model_spec.signature_name == "serving_default"
    ]
    assert all("cut" in log.response.outputs for log in logs)
    alone = [log for log in logs if "model_input_pixels" not in log.response.outputs]
    assert len(alone) == 4
    folder = export.export_saved_model(
        mirrored, tiny.CONFIG, model, str(tmp_path / "m"), labels=tiny.LABELS
    )
    _, signatures = _loaded = serving_check.load(folder)
    assert serving_answers.compared(signatures, alone, TOLERANCE)["stage"] is None
    assert serving_answers.compared(signatures, logs, TOLERANCE)["stage"] == RAW


def test_large_or_slow_examples_are_fewer(model, records, tmp_path, monkeypatch):
    def used():
        path = str(tmp_path / "requests")
        return serving_skew.write_requests(
            path, task_of(), tiny.CONFIG, model, tiny.LABELS, records
        )

    assert used() == 60  # all that there are
    monkeypatch.setattr(serving_skew, "MOST_EXAMPLES", 10)
    assert used() == 10
    monkeypatch.setattr(serving_skew, "MOST_BYTES", 10_000)
    assert 1 < used() < 10
    monkeypatch.setattr(serving_skew, "MOST_SECONDS", 0.0)
    assert used() == 1


@pytest.mark.parametrize(
    ("first", "each", "least", "most"),
    [
        (30.0, 0.05, 200, 200),  # a loaded machine, on which the first example waits for much
        (1.0, 0.02, 200, 200),
        (9.0, 9.0, 3, 4),  # a full-size model
        (9.0, 0.2, 60, 120),
    ],
)
def test_how_many_examples_fit_in_the_time(
    first, each, least, most, model, records, tmp_path, monkeypatch
):
    """The clock is a pretended one: an example takes `each` seconds, the first one `first`."""
    now = [0.0]

    class Timed(serving_skew._Trained):
        def requests(self, chunk):
            now[0] += first if not now[0] else each * len(chunk)
            yield from super().requests(chunk[:1])

    monkeypatch.setattr(serving_skew, "_Trained", Timed)
    monkeypatch.setattr(serving_skew.time, "monotonic", lambda: now[0])
    path = str(tmp_path / "many.gz")
    write_records(stored(220), path)
    asked = str(tmp_path / "requests")
    used = serving_skew.write_requests(
        asked, task_of(), tiny.CONFIG, model, tiny.LABELS, file_records(path)
    )
    assert least <= used <= most
    assert now[0] <= first + serving_skew.MOST_SECONDS + max(each, first)
