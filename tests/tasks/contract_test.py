"""The contract, kept by every registered task on its `tiny` preset and its embedded data.

A task that is added to the registry is tested by being there.
"""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

import perceiver_keras as pk
from perceiver_keras.config_tree import from_json, to_json
from perceiver_keras.data.described.buckets import parse_slices
from perceiver_keras.data.described.example import describe
from perceiver_keras.data.described.measures import measure_of
from perceiver_keras.data.store import source
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.show.mistakes import Mistakes
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.model import TaskModel

BATCH = 6
ONE_SEED = tf.constant([1, 2], tf.int32)


@dataclasses.dataclass
class Subject:
    """A task with its tiny configuration, a few real examples and a model with fresh weights."""

    task: object
    config: object
    labels: list | None
    records: list
    inputs: object
    targets: object
    model: TaskModel


@pytest.fixture(scope="module", params=registry.names())
def subject(request):
    task = registry.get(request.param)
    config = task.presets["tiny"].config
    builder = source.open_builder(config.data.dataset)
    records = source.take(source.builder_records(builder, config.data.test_split), BATCH)
    inputs, targets = batch_of(task, config, records)
    keras.utils.set_random_seed(3)
    model = task.build(config).build_all()
    labels = source.label_names(builder, task.examples.label_key)
    return Subject(task, config, labels, records, inputs, targets, model)


def batch_of(task, config, records, training=False, seed=ONE_SEED):
    spec = task.examples.spec(config)
    examples = [
        task.examples.prepare(tf.io.parse_single_example(record, spec), config, training, seed)
        for record in records
    ]
    return tf.nest.map_structure(lambda *parts: tf.stack(parts), *examples)


def close(a, b, tolerance=1e-5):
    for x, y in zip(tf.nest.flatten(a), tf.nest.flatten(b), strict=True):
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        scale = max(np.abs(y).max(), 1e-30)
        assert np.abs(x - y).max() <= tolerance * scale


def test_a_model_says_what_it_takes_as_its_data_is_prepared(subject):
    """Files for other runtimes have these inputs, and the SavedModel those of the data: they are the same."""
    taken, given = subject.model.symbolic_inputs(), subject.inputs
    tf.nest.assert_same_structure(taken, given)
    for one, other in zip(tf.nest.flatten(taken), tf.nest.flatten(given), strict=True):
        assert (tuple(one.shape[1:]), one.dtype) == (tuple(other.shape[1:]), other.dtype)


def test_its_weights_are_those_that_a_call_would_make(subject):
    keras.utils.set_random_seed(3)
    called = subject.task.build(subject.config)
    called(called.symbolic_inputs())
    for one, other in zip(subject.model.weights, called.weights, strict=True):
        assert one.name.split("/")[1:] == other.name.split("/")[1:]
        np.testing.assert_array_equal(one, other)


# === What is measured of the data ===


def test_kinds_are_of_stored_features_and_slices_of_what_is_measured(subject):
    for preset in subject.task.presets.values():
        kinds = subject.task.examples.kinds(preset.config)
        assert kinds and kinds.keys() <= subject.task.examples.spec(preset.config).keys()
        parse_slices(subject.task.measures.slices(preset.config), kinds)


def test_the_embedded_examples_are_measured_and_fall_into_slices(subject):
    kinds = subject.task.examples.kinds(subject.config)
    cuts = parse_slices(subject.task.measures.slices(subject.config), kinds)
    spec = subject.task.examples.spec(subject.config)
    for record in subject.records:
        features = tf.io.parse_single_example(record, spec)
        stored = {name: tf.reshape(value, [-1]).numpy() for name, value in features.items()}
        found = describe(stored, kinds, subject.labels)
        assert [key for key in found if measure_of(key, kinds) is None] == []
        assert not any(value for key, value in found.items() if key.endswith("/undecodable"))
        assert cuts and all(cut.values(found) for cut in cuts)


# === Construction and configuration ===


def test_row_class_and_task_agree(subject):
    row = next(row for row in registry.ROWS if row.name == subject.task.name)
    assert row.summary == subject.task.summary
    assert row.model_class == subject.task.model.__name__
    assert getattr(pk, row.model_class) is subject.task.model
    assert subject.task.model.task_name == subject.task.name


def test_every_preset_is_json_and_names_its_source(subject):
    for name, preset in subject.task.presets.items():
        assert preset.source, name
        assert from_json(type(preset.config), to_json(preset.config)) == preset.config
        metrics = {m.name for m in subject.task.measures.column_metrics(preset.config)}
        assert preset.config.evaluate.thresholds.keys() <= metrics, name
        assert preset.config.evaluate.thresholds, f"{name} could never be blessed"


def test_an_unknown_preset_names_the_nearest(subject):
    with pytest.raises(UsageError, match="Did you mean 'tiny'"):
        subject.task.preset("tinny")


def test_model_survives_get_config_and_a_keras_file(subject, tmp_path):
    again = type(subject.model).from_config(json.loads(json.dumps(subject.model.get_config())))
    assert again.config == subject.model.config
    path = str(tmp_path / "model.keras")
    subject.model.save(path)
    loaded = keras.models.load_model(path)
    close(loaded(subject.inputs), subject.model(subject.inputs), 0)


def test_preset_folder_round_trip(subject, tmp_path):
    folder = tmp_path / "saved"
    subject.model.save_to_preset(folder, task_config=subject.config, labels=subject.labels)
    assert sorted(p.name for p in folder.iterdir()) == [
        "README.md",
        "config.json",
        "model.weights.h5",
        "task.json",
    ]
    loaded = pk.load(folder)
    assert type(loaded) is subject.task.model
    assert loaded.labels == subject.labels
    assert loaded.task_config == subject.config
    close(loaded(subject.inputs), subject.model(subject.inputs), 0)
    subject.model.save_to_preset(folder, task_config=subject.config)  # replaces it whole
    (folder / "model.weights.h5").write_bytes(b"damaged")
    with pytest.raises(PerceiverError, match="is damaged"):
        pk.load(folder)
    (folder / "model.weights.h5").unlink()
    with pytest.raises(PerceiverError, match="lacks model.weights.h5"):
        pk.load(folder)


# === Numbers ===


def test_eager_graph_xla_and_symbolic_agree(subject):
    eager = subject.model(subject.inputs, training=False)
    close(tf.function(subject.model)(subject.inputs, training=False), eager)
    close(tf.function(subject.model, jit_compile=True)(subject.inputs, training=False), eager)
    symbolic = subject.model.symbolic_inputs()
    functional = keras.Model(symbolic, subject.model(symbolic))
    close(functional(subject.inputs), eager)


def test_any_batch_size_and_each_example_alone(subject):
    whole = subject.model(subject.inputs)
    first = subject.model(tf.nest.map_structure(lambda t: t[:1], subject.inputs))
    close(first, tf.nest.map_structure(lambda t: t[:1], whole))


def test_bfloat16_is_close_and_answers_in_float32(subject):
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        half = subject.task.build(subject.config).build_all()
    finally:
        keras.mixed_precision.set_global_policy("float32")
    half.set_weights(subject.model.get_weights())
    outputs = half(subject.inputs)
    assert all(t.dtype == tf.float32 for t in tf.nest.flatten(outputs))
    close(outputs, subject.model(subject.inputs), 0.05)


def test_training_reaches_every_weight_and_lowers_the_loss(subject):
    model = subject.task.build(subject.config).build_all()
    model.set_weights(subject.model.get_weights())
    loss = subject.task.measures.loss(subject.config)
    optimizer = keras.optimizers.AdamW(1e-3)

    def step():
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(loss(subject.targets, model(subject.inputs, training=True)))
        gradients = tape.gradient(value, model.trainable_variables)
        missing = [
            v.name for v, g in zip(model.trainable_variables, gradients, strict=True) if g is None
        ]
        assert not missing, missing
        assert all(np.isfinite(tf.convert_to_tensor(g)).all() for g in gradients)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return float(value)

    losses = [step() for _ in range(15)]
    assert losses[-1] < 0.9 * losses[0], losses


def test_keras_fit_evaluate_and_predict(subject):
    model = subject.task.build(subject.config)
    model.compile(
        optimizer="sgd",
        loss=subject.task.measures.loss(subject.config),
        metrics=subject.task.measures.metrics(subject.config),
    )
    history = model.fit(subject.inputs, subject.targets, epochs=2, batch_size=3, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert set(model.evaluate(subject.inputs, subject.targets, return_dict=True, verbose=0)) == {
        "loss",
        *(m.name for m in subject.task.measures.metrics(subject.config)),
    }
    predicted = model.predict(subject.inputs, verbose=0)
    close(predicted, model(subject.inputs))


# === Data ===


def test_prepare_depends_on_its_seed_alone(subject):
    once = batch_of(subject.task, subject.config, subject.records, True)
    again = batch_of(subject.task, subject.config, subject.records, True)
    close(once, again, 0)
    still = batch_of(subject.task, subject.config, subject.records, False, tf.constant([9, 9]))
    close(still, batch_of(subject.task, subject.config, subject.records, False), 0)


def test_check_takes_the_embedded_examples_and_names_what_is_missing(subject):
    features = {
        name: list(getattr(value, value.WhichOneof("kind")).value)
        for name, value in tf.train.Example.FromString(subject.records[0]).features.feature.items()
    }
    assert subject.task.examples.check(features, subject.config) is None
    for name in subject.task.examples.spec(subject.config):
        reason = subject.task.examples.check({**features, name: []}, subject.config)
        assert reason and name in reason


def test_check_dataset_takes_the_embedded_labels(subject):
    subject.task.examples.check_dataset(subject.labels, subject.config)


# === Measures and pictures ===


def test_columns_give_the_metrics_of_training(subject):
    measures = subject.task.measures
    outputs = subject.model(subject.inputs)
    columns = measures.columns(subject.targets, outputs)
    of_columns = {m.name: m for m in measures.column_metrics(subject.config)}
    for metric in measures.metrics(subject.config):
        metric.update_state(subject.targets, outputs)
        other = of_columns[metric.name]
        other.update_state(subject.targets, columns)
        np.testing.assert_allclose(metric.result(), other.result(), rtol=1e-6)


def test_baseline_has_the_gate_s_metrics(subject):
    dataset = tf.data.Dataset.from_tensors((subject.inputs, subject.targets))
    values = subject.task.measures.baseline(dataset, subject.config)
    assert subject.config.evaluate.thresholds.keys() <= values.keys()
    assert all(np.isfinite(list(values.values())))


def test_the_report_has_pictures(subject):
    pictures = subject.task.asking.report(
        subject.model, subject.inputs, subject.targets, subject.config, subject.labels
    )
    assert pictures
    for title, picture in pictures.items():
        assert title
        picture.canvas.draw()
        assert np.asarray(picture.canvas.buffer_rgba()).std() > 0


def test_verdicts_are_one_per_answer_and_can_be_shown(subject):
    """Mistakes of the report; None where a task's answers are not classes."""
    if subject.task.asking.verdicts is None:
        return
    said = subject.task.asking.verdicts(
        subject.model, subject.inputs, subject.targets, subject.config
    )
    count, classes = said.probabilities.shape
    assert said.truth.shape in ((count,), (count, classes)) and count
    found = Mistakes(said.names or subject.labels or range(classes))
    assert len(found.names) == classes
    found.add(said.truth, said.probabilities, said.example)
    for one in found.summary()["mistakes"]:
        assert one.get("text") or one["picture"].startswith("data:image/")


# === Errors ===


def test_loading_what_is_not_there_is_a_readable_error(subject, tmp_path):
    with pytest.raises(UsageError, match="is neither a folder nor a preset"):
        pk.load(str(tmp_path / "nothing"))
    with pytest.raises(PerceiverError, match="is not a preset folder: it lacks config.json"):
        pk.load(tmp_path)
    with pytest.raises(PerceiverError, match="No weights at"):
        subject.task.model.from_preset("tiny", weights=str(tmp_path / "w.weights.h5"))
    with pytest.raises(UsageError, match="Unknown configuration key"):
        subject.task.model.from_preset("tiny", no_such_key=1)
