"""AutoGraph rewrites a user's functions, which may go by tensors, and none of our own tasks'."""

from __future__ import annotations

import dataclasses

import pytest
import tensorflow as tf
from tensorflow.python.autograph.pyct import transpiler

from perceiver_keras import export
from perceiver_keras.autograph import unconverted
from perceiver_keras.config_tree import override
from perceiver_keras.data.store import source
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.batches import train_batches
from perceiver_keras.training.step import TrainStep
from tests import tiny_task as tiny


@pytest.fixture
def converted(monkeypatch) -> list[str]:
    """The names of the functions that AutoGraph has rewritten since the test began."""
    names = []
    convert = transpiler.GenericTranspiler.transform_function

    def noted(self, function, context):
        names.append(f"{function.__module__}.{function.__qualname__}")
        return convert(self, function, context)

    monkeypatch.setattr(transpiler.GenericTranspiler, "transform_function", noted)
    return names


def _sign(x):
    if x > 0:
        return 1
    return -1


def test_it_stays_what_it_was_for_keras_and_for_eager_calls():
    @unconverted
    def call(inputs, mask=None, *, training=False):
        """Adds."""
        return inputs + 1

    assert (call.__name__, call.__doc__) == ("call", "Adds.")
    assert list(call.__signature__.parameters) == ["inputs", "mask", "training"]
    assert call(1) == 2
    assert int(tf.function(_sign)(tf.constant(-3))) == -1
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError):
        tf.function(unconverted(_sign))(tf.constant(-3))


def test_errors_pass_through_a_graph_as_they_are():
    def call(self, inputs, training=None):
        raise UsageError("one line")

    layer = type("Failing", (tf.keras.layers.Layer,), {"call": unconverted(call)})()
    assert layer._call_spec.arg_names == ["inputs", "training"]
    with pytest.raises(UsageError, match=r"^one line"):
        layer.call(tf.keras.Input([3]))


@pytest.mark.parametrize(
    "name", ["image_classification", "language_mlm", "multimodal_autoencoding"]
)
def test_our_tasks_are_traced_as_they_are(name, converted):
    task = registry.get(name)
    config = override(task.presets["tiny"].config, "data.batch_size=2")
    loss = task.measures.loss(config)
    model = task.build(config).build_all()
    builder = source.open_builder(config.data.dataset)
    batches = train_batches(task, config, source.builder_records(builder, config.data.train_split))

    @tf.function
    def judged(inputs, targets):
        outputs = model(inputs, training=True)
        return loss(targets, outputs), task.measures.columns(targets, outputs)

    @tf.function
    def served(raw):
        return task.serving.serve(model, raw, config, None)

    judged.get_concrete_function(*batches.element_spec)
    served.get_concrete_function(task.serving.spec(config))
    assert [one for one in converted if one.startswith(f"perceiver_keras.tasks.{name}")] == []


def test_a_users_functions_may_go_by_tensors(tmp_path, converted):
    """Each of these would fail in a graph if AutoGraph left it as it is."""

    def checked(x):
        if tf.reduce_sum(tf.cast(x, tf.float32)) > 1e9:
            x = tf.zeros_like(x)
        return x

    class Model(tiny.TinyModel):
        def call(self, inputs, training=False):
            return checked(super().call(inputs, training=training))

    class Loss(tf.keras.losses.SparseCategoricalCrossentropy):
        def call(self, targets, outputs):
            return checked(super().call(targets, outputs))

    def prepare(features, config, training, seed):
        inputs, label = tiny._prepare(features, config, training, seed)
        return {"pixels": checked(inputs["pixels"])}, label

    def serve(model, raw, config, labels):
        return {"shares": checked(tiny._serve(model, raw, config, labels)["probabilities"])}

    def respond(inputs, outputs, config, labels):
        return {"shares": checked(tf.nn.softmax(outputs))}

    def columns(targets, outputs):
        return checked(outputs)

    task = dataclasses.replace(
        tiny.TASK,
        model=Model,
        examples=dataclasses.replace(tiny.TASK.examples, prepare=prepare),
        measures=dataclasses.replace(
            tiny.TASK.measures, loss=lambda config: Loss(from_logits=True), columns=columns
        ),
        serving=dataclasses.replace(tiny.TASK.serving, serve=serve, respond=respond),
    )
    model = Model()
    model({"pixels": tf.zeros([1, 4, 4, 3])})
    folder = export.export_saved_model(task, tiny.CONFIG, model, str(tmp_path / "1"))
    serving = tf.saved_model.load(folder).signatures["serving_default"]
    assert serving(image_bytes=tf.constant(tiny.pngs(2)))["shares"].shape == (2, 3)

    spec = task.examples.spec(tiny.CONFIG)
    data = tf.data.Dataset.from_tensor_slices(tiny.examples(4)).repeat()
    data = data.map(
        lambda example: prepare(tf.io.parse_single_example(example, spec), tiny.CONFIG, True, None)
    )
    step = TrainStep(task, tiny.CONFIG, model, tf.distribute.get_strategy())
    step.run(iter(data.batch(2)), tf.constant(2))
    assert int(step.bad.read_value()) == -1
    theirs = {one.split(".")[-1] for one in converted if "_test." in one}
    assert {"checked", "call", "prepare", "serve", "respond", "columns"} <= theirs
