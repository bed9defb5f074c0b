"""A whole task in a few lines, for tests of export, serving and the components: 4x4 pictures, three classes."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras import config as c
from perceiver_keras.tasks.contract.asking import Asking
from perceiver_keras.tasks.contract.examples import Examples
from perceiver_keras.tasks.contract.measures import Measures
from perceiver_keras.tasks.contract.serving import Serving
from perceiver_keras.tasks.task import Preset, Task

LABELS = ["red", "green", "blue"]
CONFIG = c.TaskConfig(
    data=c.DataConfig(dataset="none"),
    model=c.PerceiverConfig(
        encode=c.EncodeConfig(num_latents=2, latent_dim=4),
        process=c.ProcessConfig(num_self_attention_layers=1, num_self_attention_heads=1),
        decode=c.DecodeConfig(),
    ),
    train=c.TrainConfig(steps=1, learning_rate=1e-3),
    evaluate=c.EvaluateConfig(),
)


class TinyModel(keras.Model):
    """Batch norm and dropout are here because they differ between training and inference."""

    def __init__(self, dtype="float32"):
        super().__init__(dtype=dtype)
        self.norm = keras.layers.BatchNormalization(dtype=dtype)
        self.drop = keras.layers.Dropout(0.5, dtype=dtype)
        self.head = keras.layers.Dense(3, dtype=dtype)

    def call(self, inputs, training=False):
        hidden = self.norm(tf.reshape(inputs["pixels"], [-1, 48]), training=training)
        return self.head(self.drop(hidden, training=training))


def _pixels(png):
    image = tf.io.decode_png(png, channels=3)
    return tf.ensure_shape(tf.cast(image, tf.float32) / 255.0, [4, 4, 3])


def _prepare(features, config, training, seed):
    return {"pixels": _pixels(features["image"])}, features.get("label")


def _serve(model, raw, config, labels):
    spec = tf.TensorSpec([4, 4, 3])
    inputs = {"pixels": tf.map_fn(_pixels, raw["image_bytes"], fn_output_signature=spec)}
    return _respond(inputs, model(inputs, training=False), config, labels)


def _respond(inputs, outputs, config, labels):
    probabilities = tf.nn.softmax(outputs)
    names = tf.constant(list(labels or LABELS))
    return {"probabilities": probabilities, "label": tf.gather(names, tf.argmax(outputs, -1))}


TASK = Task(
    name="tiny",
    summary="Tiny pictures to colours.",
    model=TinyModel,
    presets={"tiny": Preset(config=CONFIG, source="ours")},
    examples=Examples(
        spec=lambda config: {
            "image": tf.io.FixedLenFeature([], tf.string),
            "label": tf.io.FixedLenFeature([], tf.int64),
        },
        label_key="label",
        check=lambda features, config: None,
        check_dataset=lambda labels, config: None,
        prepare=_prepare,
        kinds=lambda config: {"image": "picture", "label": "label"},
    ),
    measures=Measures(
        loss=lambda config: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=lambda config: [],
        columns=lambda targets, outputs: outputs,
        column_metrics=lambda config: [],
        key="logits",
        baseline=lambda data, config: {},
        slices=lambda config: ("label",),
    ),
    serving=Serving(
        spec=lambda config: {"image_bytes": tf.TensorSpec([None], tf.string)},
        serve=_serve,
        respond=_respond,
    ),
    asking=Asking(
        pack=lambda files: {"image_bytes": np.array(files, object)},
        answers=lambda outputs, labels, top: [],
        report=lambda *args: {},
    ),
)


def model(dtype: str = "float32", seed: int = 0) -> TinyModel:
    """A model whose batch norm has seen data, so that inference and training differ."""
    keras.utils.set_random_seed(seed)
    built = TinyModel(dtype)
    for _ in range(3):
        built({"pixels": tf.random.stateless_uniform([16, 4, 4, 3], [seed, 1]) * 3}, training=True)
    return built


def pngs(count: int, seed: int = 0) -> list[bytes]:
    pixels = np.random.default_rng(seed).integers(0, 256, [count, 4, 4, 3], np.uint8)
    return [tf.io.encode_png(picture).numpy() for picture in pixels]


def examples(count: int, seed: int = 0, label: bool = True) -> list[bytes]:
    """Serialized tf.Examples {"image", "label"} of `pngs(count, seed)`."""
    result = []
    for index, png in enumerate(pngs(count, seed)):
        features = {"image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[png]))}
        if label:
            features["label"] = tf.train.Feature(int64_list=tf.train.Int64List(value=[index % 3]))
        example = tf.train.Example(features=tf.train.Features(feature=features))
        result.append(example.SerializeToString(deterministic=True))
    return result


def with_fields(part: str, **fields) -> Task:
    """The task with other fields in one part of its contract: "examples", "measures", "serving" or "asking"."""
    changed = dataclasses.replace(getattr(TASK, part), **fields)
    return dataclasses.replace(TASK, **{part: changed})
