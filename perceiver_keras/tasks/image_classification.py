"""Pictures to classes (paper, section 4.5; SPEC: Released settings): the seven stages, top to bottom.

Inputs [B, H, W, C] float32, normalised; outputs logits [B, classes] float32.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras import config as c
from perceiver_keras.data import image
from perceiver_keras.decode import Decode
from perceiver_keras.encode import Encode
from perceiver_keras.errors import UsageError
from perceiver_keras.loss import SparseCrossEntropy
from perceiver_keras.postprocess.classification import ClassificationPostprocess
from perceiver_keras.preprocess.image import ImagePreprocess
from perceiver_keras.process import Process
from perceiver_keras.query import LearnedQuery
from perceiver_keras.tasks.model import TaskModel
from perceiver_keras.tasks.task import Labels, Preset, Task

# === Configuration ===


@c.frozen()
class ImageData(c.DataConfig):
    """How a stored picture becomes the model's input. `mean`, `std`: per channel, of values 0 to 255."""

    augment: Literal["none", "affine", "inception"] = "none"
    degrees: float = 8.0  # for augment="affine": largest turn,
    scale: float = 0.1  # change of each side,
    shift: float = 0.8  # and move in pixels
    mean: tuple[float, ...] = image.IMAGENET_MEAN
    std: tuple[float, ...] = image.IMAGENET_STDDEV


@c.frozen()
class ImageClassifierConfig(c.PerceiverConfig):
    """The model: a stem, positions, encode, process, one learned query of `query_dim` channels."""

    image_size: tuple[int, ...]  # height, width
    channels: int = 3
    num_classes: int
    stem: c.Stem
    position: c.Position
    query_dim: int


@c.frozen()
class ImageClassificationConfig(c.TaskConfig):
    data: ImageData
    model: ImageClassifierConfig


# === Data: one stored example -> one (picture, class) ===


def feature_spec(config: ImageClassificationConfig) -> dict[str, Any]:
    return {
        "image": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.int64),
    }


def check(features: Mapping[str, Any], config: ImageClassificationConfig) -> str | None:
    """Why a stored example can't be used, or None."""
    encoded, label = features.get("image"), features.get("label")
    if not encoded:
        return "feature 'image' is missing or empty"
    if not label:
        return "feature 'label' is missing or empty"
    if not 0 <= label[0] < config.model.num_classes:
        return f"label {label[0]} is not in 0 to {config.model.num_classes - 1}"
    return image.check_image(encoded[0])


def check_dataset(labels: Labels | None, config: ImageClassificationConfig) -> None:
    classes = config.model.num_classes
    if labels is not None and len(labels) != classes:
        raise UsageError(
            f"Data set {config.data.dataset!r} has {len(labels)} classes but model.num_classes is {classes}; "
            f"add --set model.num_classes={len(labels)}."
        )


def prepare(
    features: Mapping[str, tf.Tensor],
    config: ImageClassificationConfig,
    training: bool,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Decode, augment (stateless, by `seed`), normalise: float32 [H, W, C] and the class, int64 []."""
    picture = to_input(features["image"], config, training, seed)
    return picture, features.get("label")


def to_input(
    encoded: tf.Tensor,
    config: ImageClassificationConfig,
    training: bool = False,
    seed: tf.Tensor | None = None,
) -> tf.Tensor:
    """An encoded picture as the model's input, float32 [H, W, C]."""
    data, size, channels = config.data, config.model.image_size, config.model.channels
    if data.augment == "inception" and training:
        pixels = image.decode_random_crop_flip(encoded, channels, size[0], seed)
    elif data.augment == "inception":
        pixels = image.central_crop(image.decode_image(encoded, channels), size[0])
    else:
        pixels = image.resize(image.decode_image(encoded, channels), size)
        if training and data.augment == "affine":
            pixels = image.random_affine(pixels, data.degrees, data.scale, data.shift, seed)
    return image.normalise(pixels, data.mean, data.std)


# === Preprocess, encode, process, decode, postprocess: the model ===


@keras.saving.register_keras_serializable(package="perceiver_keras")
class ImageClassifier(TaskModel):
    """Perceiver IO for pictures: [B, H, W, C] normalised pixels -> logits [B, classes], float32."""

    task_name = "image_classification"
    config_class = ImageClassifierConfig

    def __init__(self, config: ImageClassifierConfig, **kwargs: Any):
        shared = {
            "activation": config.activation,
            "attention_memory_mb": config.attention_memory_mb,
        }
        super().__init__(
            config,
            preprocess=ImagePreprocess(
                stem=config.stem, position=config.position, name="preprocess"
            ),
            encode=Encode(config.encode, **shared, name="encode"),
            process=Process(config.process, **shared, name="process"),
            query=LearnedQuery(channels=config.query_dim, name="query"),
            decode=Decode(
                dataclasses.replace(config.decode, output_dim=config.num_classes),
                **shared,
                name="decode",
            ),
            postprocess=ClassificationPostprocess(name="postprocess"),
            **kwargs,
        )

    def symbolic_inputs(self) -> Any:
        return keras.Input([*self.config.image_size, self.config.channels], name="image")

    def classify(self, pictures: Sequence[bytes], top: int = 5) -> list[list[dict[str, Any]]]:
        """Encoded pictures to their top classes: [[{"label": …, "score": …}, …], …]."""
        return self.answer(pictures, top)


# === Loss and metrics ===


def loss(config: ImageClassificationConfig) -> keras.losses.Loss:
    return SparseCrossEntropy(label_smoothing=config.train.label_smoothing)


def metrics(config: ImageClassificationConfig) -> list[keras.metrics.Metric]:
    """Of (classes, logits or probabilities): ranks are the same for both."""
    chosen = [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
    if config.model.num_classes > 10:
        chosen.append(keras.metrics.SparseTopKCategoricalAccuracy(k=5, name="top_5_accuracy"))
    return chosen


def figures(
    logits: tf.Tensor, targets: tf.Tensor, config: ImageClassificationConfig
) -> dict[str, tf.Tensor]:
    return {"probabilities": tf.nn.softmax(logits)}


def figure_metrics(config: ImageClassificationConfig) -> list[keras.metrics.Metric]:
    return [*metrics(config), keras.metrics.SparseCategoricalCrossentropy(name="cross_entropy")]


def baseline(dataset: tf.data.Dataset, config: ImageClassificationConfig) -> dict[str, float]:
    """The accuracy of always naming the commonest class."""
    counts = np.zeros(config.model.num_classes, np.int64)
    for _, targets in dataset:
        counts += np.bincount(targets.numpy(), minlength=len(counts))
    return {"accuracy": float(counts.max() / max(counts.sum(), 1))}


# === Serve ===


def serving_spec(config: ImageClassificationConfig) -> dict[str, tf.TensorSpec]:
    return {"image_bytes": tf.TensorSpec([None], tf.string)}


def serve(
    model: keras.Model,
    raw: Mapping[str, Any],
    config: ImageClassificationConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    """Encoded pictures, string [B] -> `probabilities` [B, classes], `label` string [B]."""
    pictures = tf.map_fn(
        lambda encoded: to_input(encoded, config),
        tf.convert_to_tensor(raw["image_bytes"]),
        fn_output_signature=tf.TensorSpec(
            [*config.model.image_size, config.model.channels], tf.float32
        ),
    )
    return respond(model(pictures, training=False), config, labels)


def respond(
    logits: tf.Tensor, config: ImageClassificationConfig, labels: Labels | None
) -> dict[str, tf.Tensor]:
    probabilities = tf.nn.softmax(logits)
    names = tf.constant(labels or [str(i) for i in range(config.model.num_classes)])
    return {
        "probabilities": probabilities,
        "label": tf.gather(names, tf.argmax(probabilities, axis=-1)),
    }


def read(contents: Sequence[bytes]) -> dict[str, Any]:
    return {"image_bytes": np.array(contents, dtype=object)}


def answer(
    outputs: Mapping[str, np.ndarray], labels: Labels | None, top: int
) -> list[list[dict[str, Any]]]:
    """The `top` classes of each picture, best first, with Hugging Face's keys."""
    return [
        [
            {"label": labels[i] if labels else str(i), "score": round(float(row[i]), 6)}
            for i in np.argsort(-row, kind="stable")[:top]
        ]
        for row in outputs["probabilities"]
    ]


# === Show ===


def show(
    model: keras.Model,
    inputs: tf.Tensor,
    targets: tf.Tensor,
    config: ImageClassificationConfig,
    labels: Labels | None,
) -> dict[str, Any]:
    """Pictures for the report: predictions, the confusion matrix, what the latents attend to."""
    from perceiver_keras.show import attention, classification

    names = labels or [str(i) for i in range(config.model.num_classes)]
    logits, maps = model(inputs, training=False, return_attention=True)
    probabilities = tf.nn.softmax(logits).numpy()
    pictures = np.asarray(inputs) * config.data.std + config.data.mean  # 0 to 255
    truth = targets.numpy()
    return {
        "Right and wrong": classification.prediction_grid(pictures, truth, probabilities, names),
        "Confusion matrix": classification.confusion_matrix(truth, probabilities, names),
        "What the latents attend to": attention.attention_over_pictures(
            pictures, maps["encode"].numpy()
        ),
    }


# === Presets ===

TINY = ImageClassificationConfig(
    data=ImageData(
        dataset="perceiver_digits",
        augment="affine",
        mean=(127.5,),
        std=(127.5,),
        batch_size=64,
        shuffle_buffer=2000,
    ),
    model=ImageClassifierConfig(
        image_size=(8, 8),
        channels=1,
        num_classes=10,
        stem=c.PatchStem(spatial_downsample=2),
        position=c.FourierPosition(num_bands=4),
        query_dim=64,
        encode=c.EncodeConfig(
            num_latents=16,
            latent_dim=64,
            num_cross_attention_heads=4,
            qk_dim=64,
            v_dim=64,
            dropout=0.1,
        ),
        process=c.ProcessConfig(
            num_self_attention_layers=3, num_self_attention_heads=4, dropout=0.1
        ),
        decode=c.DecodeConfig(),
    ),
    train=c.TrainConfig(
        steps=2400,
        learning_rate=4e-3,
        warmup_steps=200,
        clip_norm=10.0,
        weight_decay=0.01,
        label_smoothing=0.1,
        ema_decay=0.995,
    ),
    evaluate=c.EvaluateConfig(thresholds={"accuracy": 0.97}, batch_size=256),
)


def _imagenet(
    stem: c.Stem, position: c.Position, use_query_residual: bool
) -> ImageClassificationConfig:
    """Configuration A (paper, Tab. 7) with the recipe of App. A.1: 110 epochs of 1,281,167 at batch 1024."""
    return ImageClassificationConfig(
        data=ImageData(
            dataset="imagenet2012",
            test_split="validation",
            train_split="train[10000:]",
            validation_split="train[:10000]",
            augment="inception",
            batch_size=1024,
        ),
        model=ImageClassifierConfig(
            image_size=(224, 224),
            num_classes=1000,
            stem=stem,
            position=position,
            query_dim=1024,
            encode=c.EncodeConfig(num_latents=512, latent_dim=1024),
            process=c.ProcessConfig(
                num_self_attention_layers=6, num_self_attention_heads=8, num_blocks=8
            ),
            decode=c.DecodeConfig(use_query_residual=use_query_residual),
        ),
        train=c.TrainConfig(
            steps=137_625,
            learning_rate=2e-3,
            schedule="constant_then_cosine",
            weight_decay=0.1,
            clip_norm=10.0,
            label_smoothing=0.1,
            precision="mixed_bfloat16",
            evaluate_every=5000,
            checkpoint_every=1000,
        ),
        evaluate=c.EvaluateConfig(thresholds={"accuracy": 0.7}, batch_size=256),
    )


PRESETS = {
    "tiny": Preset(config=TINY, source="ours: real 8x8 digits, two minutes on two CPU cores"),
    "imagenet_learned_position_encoding": Preset(
        config=_imagenet(
            c.Conv1x1Stem(channels=256), c.LearnedPosition(channels=256, project_dim=256), False
        ),
        source="released; paper Tab. 7: 72.7 % top-1",
    ),
    "imagenet_fourier_position_encoding": Preset(
        config=_imagenet(c.PixelStem(), c.FourierPosition(num_bands=64), True),
        source="released; paper Tab. 7: 79.0 % top-1",
    ),
    "imagenet_conv_preprocessing": Preset(
        config=_imagenet(c.ConvStem(), c.FourierPosition(num_bands=64), True),
        source="released; paper Tab. 7: 82.1 % top-1",
    ),
}

TASK = Task(
    name="image_classification",
    summary="Pictures to classes: digits, ImageNet.",
    model_class=ImageClassifier,
    presets=PRESETS,
    feature_spec=feature_spec,
    label_key="label",
    check=check,
    check_dataset=check_dataset,
    prepare=prepare,
    loss=loss,
    metrics=metrics,
    figures=figures,
    figure_metrics=figure_metrics,
    prediction_key="probabilities",
    serving_spec=serving_spec,
    serve=serve,
    respond=respond,
    read=read,
    answer=answer,
    baseline=baseline,
    show=show,
    lower_is_better=("cross_entropy",),
)
