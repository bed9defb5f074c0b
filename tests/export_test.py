"""The export: four signatures that agree with the model, whole or not there, and nothing that isn't served."""

import dataclasses
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras
from tensorflow_serving.apis import prediction_log_pb2

from perceiver_keras import export
from perceiver_keras.components.serving import serving_check
from perceiver_keras.config_tree import to_dict
from perceiver_keras.data.store import source
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.saved_model import SIGNATURES, disallowed_ops, graph_ops
from perceiver_keras.serve import Servable
from perceiver_keras.signatures import ATTENTION, names_of
from perceiver_keras.tasks import registry, warm_up_examples
from tests import tiny_task as tiny


@pytest.fixture(scope="module")
def model():
    return tiny.model()


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("export") / "model")
    return export.export_saved_model(
        tiny.TASK,
        tiny.CONFIG,
        model,
        folder,
        labels=tiny.LABELS,
        warmup=tiny.examples(9),
        preset="tiny",
    )


def expected(model, count, seed=0):
    """The same answers in NumPy from the layers' own weights."""
    pixels = np.stack([tf.io.decode_png(png).numpy() for png in tiny.pngs(count, seed)])
    flat = pixels.reshape(count, 48).astype(np.float64) / 255
    gamma, beta, mean, variance = (w.numpy() for w in model.norm.weights)
    normal = (flat - mean) / np.sqrt(variance + model.norm.epsilon) * gamma + beta
    kernel, bias = (w.numpy() for w in model.head.weights)
    logits = normal @ kernel + bias
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return logits, shares, [tiny.LABELS[i].encode() for i in logits.argmax(-1)]


def test_the_signatures_answer_as_the_weights_say(folder, model):
    loaded = tf.saved_model.load(folder).signatures
    assert sorted(loaded) == sorted(SIGNATURES)
    logits, shares, names = expected(model, 5, seed=3)
    pngs = tiny.pngs(5, seed=3)
    pixels = tf.stack([tf.io.decode_png(png) for png in pngs])
    without_label = tf.constant(tiny.examples(5, seed=3, label=False))
    answers = {
        "serving_default": loaded["serving_default"](image_bytes=tf.constant(pngs)),
        "serving_examples": loaded["serving_examples"](examples=without_label),
        "serving_tensors": loaded["serving_tensors"](pixels=tf.cast(pixels, tf.float32) / 255),
    }
    for answer in answers.values():
        np.testing.assert_allclose(answer["probabilities"], shares, rtol=2e-5)
        assert answer["label"].numpy().tolist() == names
    columns = loaded["evaluate"](examples=tf.constant(tiny.examples(5, seed=3)))
    assert columns.keys() == {"logits"}
    np.testing.assert_allclose(columns["logits"], logits, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("batch", [0, 1, 3])
def test_any_batch_size(folder, batch):
    loaded = tf.saved_model.load(folder).signatures
    pngs = tf.constant(tiny.pngs(batch) if batch else [], tf.string)
    assert loaded["serving_default"](image_bytes=pngs)["probabilities"].shape == (batch, 3)
    texts = tf.constant(tiny.examples(batch) if batch else [], tf.string)
    assert loaded["serving_examples"](examples=texts)["probabilities"].shape == (batch, 3)
    assert loaded["evaluate"](examples=texts)["logits"].shape == (batch, 3)


def test_no_optimizer_no_average_only_what_is_read(tmp_path):
    model = tiny.model()
    model.compile("adam", loss=tiny.TASK.measures.loss(tiny.CONFIG), metrics=["accuracy"])
    model.unused = model.add_weight(name="average_of_the_head", shape=[7])
    model.fit({"pixels": np.ones([4, 4, 4, 3], np.float32)}, np.array([0, 1, 2, 0]), verbose=0)
    folder = export.export_saved_model(tiny.TASK, tiny.CONFIG, model, str(tmp_path / "m"))
    shapes = [
        shape for name, shape in tf.train.list_variables(f"{folder}/variables/variables") if shape
    ]
    assert sorted(shapes) == sorted([[48]] * 4 + [[48, 3], [3]])
    assert not {"RandomUniform", "StatelessRandomUniformV2"} & graph_ops(folder)  # dropout


def test_warmup_has_each_signature_with_the_models_answers(folder, model):
    records = tf.data.TFRecordDataset(f"{folder}/{export.WARMUP_FILE}").as_numpy_iterator()
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    assert 4 <= len(logs) <= 1000
    sizes = {name: [] for name in SIGNATURES}
    _, shares, _ = expected(model, 8)
    for log in logs:
        name = log.predict_log.request.model_spec.signature_name
        inputs = [tf.make_ndarray(v) for v in log.predict_log.request.inputs.values()]
        sizes[name].append(len(inputs[0]))
        if name != "evaluate":
            answer = tf.make_ndarray(log.predict_log.response.outputs["probabilities"])
            np.testing.assert_allclose(answer, shares[: len(answer)], rtol=2e-5)
    assert all(found == [1, 8] for found in sizes.values())


def test_task_json_says_what_it_is(folder):
    with open(f"{folder}/assets.extra/task.json") as file:
        about = json.load(file)
    config = json.loads(json.dumps(to_dict(tiny.CONFIG)))
    assert about == {"task": "tiny", "preset": "tiny", "config": config, "labels": tiny.LABELS}


def test_the_card_says_what_is_known_without_a_run(folder, model):
    with open(f"{folder}/assets.extra/model_card.json") as file:
        card = json.load(file)
    parts = card["model_parameters"]
    assert parts["input_format"] == "image_bytes: string [B]"
    assert parts["output_format"] == "label: string [B]; probabilities: float32 [B, 3]"
    assert parts["signatures"]["serving_tensors"]["inputs"] == {"pixels": "float32 [B, 4, 4, 3]"}
    assert parts["parameters"] == model.count_params() and parts["classes"] == tiny.LABELS
    with open(f"{folder}/assets.extra/MODEL_CARD.md") as file:
        text = file.read()
    assert "Tiny pictures to colours." in text and "was not recorded in this export" in text
    assert f"tensorflow {tf.__version__}" in text


def test_exporting_twice_gives_the_same_answers(folder, model, tmp_path):
    again = export.export_saved_model(
        tiny.TASK,
        tiny.CONFIG,
        model,
        str(tmp_path / "m"),
        labels=tiny.LABELS,
        warmup=tiny.examples(9),
    )
    for name in (export.WARMUP_FILE, "variables/variables.data-00000-of-00001"):
        with open(f"{folder}/{name}", "rb") as one, open(f"{again}/{name}", "rb") as two:
            assert one.read() == two.read(), name


def test_transform_and_its_vocabulary_go_along(tmp_path):
    """As a TransformFeaturesLayer: a Keras model that holds a table initialised from a file."""
    vocabulary = tmp_path / "vocabulary.txt"
    vocabulary.write_text("blue\ngreen\nred\n")

    class Transform(keras.Model):
        def __init__(self):
            super().__init__()
            line, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
            init = tf.lookup.TextFileInitializer(str(vocabulary), tf.string, line, tf.int64, number)
            self.table = tf.lookup.StaticHashTable(init, -1)

        def call(self, features):
            known = {k: v for k, v in features.items() if k != "label"}
            return known | (
                {"label": self.table.lookup(features["label"])} if "label" in features else {}
            )

    task = tiny.with_fields(
        "examples",
        spec=lambda config: {k: tf.io.FixedLenFeature([], tf.string) for k in ("image", "label")},
    )
    measures = dataclasses.replace(
        task.measures, columns=lambda targets, outputs: targets[:, tf.newaxis], key="classes"
    )
    task = dataclasses.replace(task, measures=measures)

    def example(png, label):
        return tf.train.Example(
            features=tf.train.Features(
                feature={
                    "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[png])),
                    "label": tf.train.Feature(bytes_list=tf.train.BytesList(value=[label])),
                }
            )
        ).SerializeToString()

    examples = [
        example(png, name)
        for png, name in zip(tiny.pngs(3), [b"red", b"blue", b"green"], strict=True)
    ]
    folder = export.export_saved_model(
        task, tiny.CONFIG, tiny.model(), str(tmp_path / "m"), transform=Transform(), warmup=examples
    )
    vocabulary.unlink()
    assert os.listdir(f"{folder}/assets") == ["vocabulary.txt"]
    columns = tf.saved_model.load(folder).signatures["evaluate"](examples=tf.constant(examples))
    assert columns["classes"].numpy().tolist() == [[2], [0], [1]]


def test_a_table_in_the_model_goes_along(tmp_path):
    model = tiny.model()
    init = tf.lookup.KeyValueTensorInitializer(
        np.arange(3), np.array(["x", "y", "z"]), tf.int64, tf.string
    )
    model.table = tf.lookup.StaticHashTable(init, "?")
    task = tiny.with_fields(
        "serving",
        respond=lambda inputs, outputs, config, labels: {
            "label": model.table.lookup(tf.argmax(outputs, -1))
        },
    )
    folder = export.export_saved_model(task, tiny.CONFIG, model, str(tmp_path / "m"))
    answer = tf.saved_model.load(folder).signatures["serving_examples"](
        examples=tf.constant(tiny.examples(4))
    )
    logits = expected(model, 4)[0]
    assert answer["label"].numpy().tolist() == ["xyz"[i].encode() for i in logits.argmax(-1)]


def test_a_model_trained_under_a_strategy(tmp_path):
    """Its variables are MirroredVariables, which have no handle of their own."""
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        model = tiny.model()
    assert isinstance(model.head.kernel, tf.distribute.DistributedValues)
    folder = export.export_saved_model(
        tiny.TASK,
        tiny.CONFIG,
        model,
        str(tmp_path / "m"),
        labels=tiny.LABELS,
        warmup=tiny.examples(3),
    )
    assert serving_check.check(folder, 1e-5)["cause"] is None
    answer = Servable(folder).predict("serving_examples", examples=tiny.examples(3))
    np.testing.assert_allclose(answer["probabilities"], expected(model, 3)[1], rtol=2e-5)


def test_a_failed_export_leaves_nothing(tmp_path, monkeypatch):
    def broken(*args, **kwargs):
        (Path(args[1]) / "half").write_text("of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", broken)
    with pytest.raises(PerceiverError, match="no space left on the disk"):
        export.export_saved_model(tiny.TASK, tiny.CONFIG, tiny.model(), str(tmp_path / "m"))
    assert os.listdir(tmp_path) == []


def test_an_older_export_is_replaced_other_files_are_not(folder, model, tmp_path):
    target = str(tmp_path / "m")
    export.export_saved_model(tiny.TASK, tiny.CONFIG, model, target, labels=["a", "b", "c"])
    export.export_saved_model(tiny.TASK, tiny.CONFIG, model, target, labels=["d", "e", "f"])
    with open(f"{target}/assets.extra/task.json") as file:
        assert json.load(file)["labels"] == ["d", "e", "f"]
    assert os.listdir(tmp_path) == ["m"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years")
    with pytest.raises(PerceiverError, match="something other than a SavedModel"):
        export.export_saved_model(tiny.TASK, tiny.CONFIG, model, str(tmp_path / "mine"))


def test_warmup_that_does_not_fit_is_a_readable_error(model, tmp_path):
    def make(warmup, task=tiny.TASK):
        export.export_saved_model(task, tiny.CONFIG, model, str(tmp_path / "m"), warmup=warmup)

    with pytest.raises(PerceiverError, match="warm-up examples don't fit the task tiny.*label"):
        make(tiny.examples(2, label=False))
    task = tiny.with_fields(
        "serving",
        spec=lambda config: {"picture": tf.TensorSpec([None], tf.string)},
        serve=lambda model, raw, config, labels: tiny.TASK.serving.serve(
            model, {"image_bytes": raw["picture"]}, config, labels
        ),
    )
    with pytest.raises(PerceiverError, match="'picture'.*requests"):
        make(tiny.examples(2), task)


def test_saved_model_cli_runs_it_without_our_code(folder, tmp_path):
    np.save(tmp_path / "pixels.npy", np.full([2, 4, 4, 3], 0.5, np.float32))
    cli = os.path.join(os.path.dirname(sys.executable), "saved_model_cli")
    command = [sys.executable, "-I", cli, "run", "--dir", folder, "--tag_set", "serve"]
    command += ["--signature_def", "serving_tensors", "--inputs", "pixels=pixels.npy"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Result for output key probabilities:" in done.stdout


# === Every registered task ===


@pytest.fixture(scope="module", params=registry.names())
def exported(request, tmp_path_factory):
    """(task, config, labels, model with fresh weights, serialized examples, the export, loaded once)."""
    task = registry.get(request.param)
    config = task.presets["tiny"].config
    builder = source.open_builder(config.data.dataset)
    labels = source.label_names(builder, task.examples.label_key)
    examples = source.take(source.builder_records(builder, config.data.test_split), 4)
    keras.utils.set_random_seed(5)
    model = task.build(config).build_all()
    folder = str(tmp_path_factory.mktemp("task") / "model")
    attention = bool(task.serving.attended)
    export.export_saved_model(
        task, config, model, folder, labels=labels, warmup=examples, attention=attention
    )
    return task, config, labels, model, examples, Servable(folder)


def test_a_task_serves_what_its_model_says_and_its_warmup_is_answered_alike(exported):
    """In one test, for the first call of a signature takes longest; the replay is that of `serving_check.check`."""
    task, config, labels, model, examples, servable = exported
    assert servable.task["labels"] == labels and disallowed_ops(servable.folder) == set()
    for stored in (examples, [warm_up_examples.made_up(task, config)]):
        says_what_its_model_says(servable, task, config, labels, model, stored)
    logs = serving_check.warmup_logs(servable.folder)
    tried = {serving_check.replay(servable._functions, log, 1e-5) for log in logs}
    more = {ATTENTION} if task.serving.attended else set()
    assert tried == {*SIGNATURES, *more}
    if more:
        shows_what_its_model_attends_to(servable, task, config, model, examples)


def says_what_its_model_says(servable, task, config, labels, model, examples):
    seed = tf.zeros([2], tf.int32)
    parsed = [tf.io.parse_single_example(e, task.examples.spec(config)) for e in examples]
    prepared = [task.examples.prepare(features, config, False, seed) for features in parsed]
    inputs, targets = tf.nest.map_structure(lambda *parts: tf.stack(parts), *prepared)
    outputs = model(inputs, training=False)
    named = dict(zip(names_of(inputs), tf.nest.flatten(inputs), strict=True))
    response = task.serving.respond(inputs, outputs, config, labels)
    columns = {task.measures.key: task.measures.columns(targets, outputs)}
    for wanted, got in (
        (response, servable.predict("serving_tensors", **named)),
        (response, servable.predict("serving_examples", examples=examples)),
        (columns, servable.predict("evaluate", examples=examples)),
    ):
        assert wanted.keys() == got.keys()
        for name, value in wanted.items():
            same = (
                np.testing.assert_array_equal
                if value.dtype == tf.string
                else np.testing.assert_allclose
            )
            tolerance = {} if value.dtype == tf.string else {"rtol": 1e-4, "atol": 1e-5}
            same(got[name], value.numpy(), **tolerance)


def shows_what_its_model_attends_to(servable, task, config, model, examples):
    raw = export.raw_inputs(task, config, tf.constant(examples))
    answer = servable.predict(ATTENTION, **raw)
    shares = answer[ATTENTION].reshape(len(examples), -1)
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-5)
    expected = task.serving.attended(model, raw, config)
    assert answer.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(answer[name], value, rtol=1e-4, atol=1e-7)
    card = Path(servable.folder, "assets.extra/MODEL_CARD.md").read_text()
    assert "- The signature `attention` takes the same and returns attention: float32 [B, " in card


def test_a_task_without_maps_has_no_such_signature(model, tmp_path):
    with pytest.raises(UsageError, match="tiny has no map of what the latents attended to"):
        export.export_saved_model(
            tiny.TASK, tiny.CONFIG, model, str(tmp_path / "model"), attention=True
        )
    assert list(tmp_path.iterdir()) == []
