"""Sets of game units to their embeddings (paper, section 4.4: StarCraft II's entity encoder): the seven stages.

The model and its inputs and outputs are in `starcraft_model.py`. In AlphaStar the encoder is trained by what the
agent does with it; here by the target that was chosen and the side that won.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras import config as c
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.metrics import ColumnRatio
from perceiver_keras.tasks.requests import Request, expand, read
from perceiver_keras.tasks.starcraft_model import (
    EntityEncoder,
    EntityEncoderConfig,
    EntityTrain,
    StarcraftEntitiesConfig,
    as_set,
)
from perceiver_keras.tasks.task import Labels, Preset, Task

# === Data: one stored example -> (entities, answers) ===


def feature_spec(config: StarcraftEntitiesConfig) -> dict[str, Any]:
    m = config.model
    return {
        "entities": tf.io.FixedLenFeature([m.max_entities, len(m.features)], tf.float32),
        "mask": tf.io.FixedLenFeature([m.max_entities], tf.int64),
        "label": tf.io.FixedLenFeature([2], tf.int64),  # the target's row; whether the side wins
    }


def check(features: Mapping[str, Any], config: StarcraftEntitiesConfig) -> str | None:
    """Why a stored example can't be used, or None."""
    m = config.model
    sizes = {"entities": m.max_entities * len(m.features), "mask": m.max_entities, "label": 2}
    for name, size in sizes.items():
        if len(features.get(name) or ()) != size:
            return f"feature {name!r} has {len(features.get(name) or ())} numbers, not {size}"
    if not all(map(math.isfinite, features["entities"])):
        return "feature 'entities' has numbers that are not finite"
    target, won = features["label"]
    if not 0 <= target < m.max_entities or not features["mask"][target]:
        return f"label: row {target} holds no entity to be the target"
    return None if won in (0, 1) else f"label: the outcome is {won}; expected 0 or 1"


def check_dataset(labels: Labels | None, config: StarcraftEntitiesConfig) -> None:
    """Nothing to compare: the answers have no names."""


def prepare(
    features: Mapping[str, tf.Tensor],
    config: StarcraftEntitiesConfig,
    training: bool,
    seed: tf.Tensor,
) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor] | None]:
    inputs = {"entities": features["entities"], "mask": features["mask"]}
    if "label" not in features:
        return inputs, None
    label = features["label"]
    return inputs, {"target": label[0], "won": label[1]}


# === Loss and metrics ===


@keras.saving.register_keras_serializable(package="perceiver_keras")
class BattleLoss(keras.losses.Loss):
    """Cross-entropies of the target and, weighed, of the outcome; nats.

    Call: {"target": rows [B], "won": 0 or 1 [B]}, {"pointer": [B, E], "winning": [B], …} -> float32 [B].
    """

    def __init__(self, winner_weight: float, name: str = "battle_loss", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.winner_weight = winner_weight

    def call(self, y_true: Mapping[str, tf.Tensor], y_pred: Mapping[str, tf.Tensor]) -> tf.Tensor:
        chosen = tf.gather(y_pred["pointer"], y_true["target"], batch_dims=1)
        outcome = tf.nn.sigmoid_cross_entropy_with_logits(
            labels=tf.cast(y_true["won"], tf.float32), logits=y_pred["winning"]
        )
        return self.winner_weight * outcome - tf.math.log(chosen + 1e-9)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"winner_weight": self.winner_weight}


def loss(config: StarcraftEntitiesConfig) -> keras.losses.Loss:
    return BattleLoss(config.train.winner_weight)


COLUMNS = ("target_accuracy", "winner_accuracy", "examples")


def columns(targets: Mapping[str, tf.Tensor], outputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """float32 [B, 3]: whether the target is right, whether the winner is, and 1."""
    target = tf.equal(tf.argmax(outputs["pointer"], axis=-1), targets["target"])
    winner = tf.equal(outputs["winning"] > 0, targets["won"] > 0)
    return tf.stack([tf.cast(x, tf.float32) for x in (target, winner, target | True)], axis=-1)


def metrics(config: StarcraftEntitiesConfig) -> list[keras.metrics.Metric]:
    return [ColumnRatio(i, 2, name, columns) for i, name in enumerate(COLUMNS[:2])]


def figures(
    outputs: Mapping[str, tf.Tensor],
    targets: Mapping[str, tf.Tensor],
    config: StarcraftEntitiesConfig,
) -> dict[str, tf.Tensor]:
    return {"columns": columns(targets, outputs)}


def figure_metrics(config: StarcraftEntitiesConfig) -> list[keras.metrics.Metric]:
    return [ColumnRatio(i, 2, name) for i, name in enumerate(COLUMNS[:2])]


def baseline(dataset: tf.data.Dataset, config: StarcraftEntitiesConfig) -> dict[str, float]:
    """A random target, among the enemies where one of the numbers tells them; the commoner outcome."""
    hits, won, count = 0.0, 0.0, 0
    for inputs, targets in dataset:
        able = inputs["mask"].numpy() > 0
        if "enemy" in config.model.features:
            able &= inputs["entities"].numpy()[..., config.model.features.index("enemy")] > 0
        hits += float((1 / np.maximum(able.sum(1), 1)).sum())
        won += float(targets["won"].numpy().sum())
        count += len(able)
    share = won / max(count, 1)
    return {"target_accuracy": hits / max(count, 1), "winner_accuracy": max(share, 1 - share)}


# === Serve ===


def serving_spec(config: StarcraftEntitiesConfig) -> dict[str, tf.TensorSpec]:
    return {
        "entities": tf.TensorSpec([None, None, len(config.model.features)], tf.float32),
        "mask": tf.TensorSpec([None, None], tf.int64),
    }


def serve(
    model: keras.Model,
    raw: Mapping[str, Any],
    config: StarcraftEntitiesConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    """`entities` [B, E, F], `mask` [B, E] (1: an entity) -> `embeddings`, `pooled`, `pointer`, `winning`."""
    inputs = {
        "entities": tf.cast(raw["entities"], tf.float32),
        "mask": tf.cast(raw["mask"], tf.int64),
    }
    return respond(model(inputs, training=False), config, labels)


def respond(
    outputs: Mapping[str, tf.Tensor], config: StarcraftEntitiesConfig, labels: Labels | None
) -> dict[str, tf.Tensor]:
    """The model's outputs, `winning` as a probability."""
    return {**outputs, "winning": tf.sigmoid(outputs["winning"])}


def requests(names: Sequence[str]) -> Iterator[Request]:
    """Each set in the JSON files: a file holds one object {"entities": rows} or a list of such."""
    for name in expand(names):
        given = read(name)
        if given.error:
            yield given
            continue
        try:
            found = json.loads(given.content)
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            yield Request(name, None, f"not JSON: {error}")
            continue
        several = isinstance(found, list) and found and isinstance(found[0], Mapping)
        for number, one in enumerate(found if several else [found]):
            label = f"{name}#{number}" if several else name
            try:
                yield Request(label, as_set(one))
            except PerceiverError as error:
                yield Request(label, None, str(error))


def as_inputs(contents: Sequence[Any]) -> dict[str, np.ndarray]:
    """Sets of any sizes, padded to the largest."""
    sets = [as_set(content) for content in contents]
    most, width = max(map(len, sets)), sets[0].shape[1]
    if any(one.shape[1] != width for one in sets):
        raise UsageError("The sets have different numbers of columns.")
    entities = np.zeros((len(sets), most, width), np.float32)
    mask = np.zeros((len(sets), most), np.int64)
    for row, one in enumerate(sets):
        entities[row, : len(one)], mask[row, : len(one)] = one, 1
    return {"entities": entities, "mask": mask}


def answer(
    outputs: Mapping[str, np.ndarray], labels: Labels | None, top: int
) -> list[list[dict[str, Any]]]:
    """The likeliest targets of each set, by the number of their row, with Hugging Face's keys."""
    return [
        [
            {"label": f"entity {i}", "score": round(float(row[i]), 6)}
            for i in np.argsort(-row, kind="stable")[:top]
            if row[i] > 0
        ]
        for row in outputs["pointer"]
    ]


# === Show ===


def picture(contents: Sequence[Any], outputs: Sequence[Any], answers: Sequence[Any]) -> Any:
    from perceiver_keras.show import entities

    pointers = [np.asarray(numbers["pointer"]) for numbers in outputs]
    winning = [float(numbers["winning"]) for numbers in outputs]
    return entities.pointers(pointers, [f"wins {chance:.0%}" for chance in winning])


def show(
    model: keras.Model,
    inputs: Mapping[str, tf.Tensor],
    targets: Mapping[str, tf.Tensor],
    config: StarcraftEntitiesConfig,
    labels: Labels | None,
) -> dict[str, Any]:
    """Battlefields with the target that was chosen and the one that is said to be."""
    from perceiver_keras.show import entities

    outputs = {name: value.numpy() for name, value in model(inputs, training=False).items()}
    names, rows = config.model.features, np.asarray(inputs["entities"])
    truth, won = np.asarray(targets["target"]), np.asarray(targets["won"])
    right = (outputs["pointer"].argmax(1) == truth, (outputs["winning"] > 0) == (won > 0))
    figures = {
        "Right by the number of entities": entities.by_size(np.asarray(inputs["mask"]), *right)
    }
    if {"x", "y", "enemy", "acting", "health"} <= set(names):
        columns_of = {name: rows[..., names.index(name)] for name in names}
        figures["Battlefields"] = entities.battlefields(
            columns_of, np.asarray(inputs["mask"]) > 0, truth, outputs["pointer"].argmax(1)
        )
    return figures


# === Presets ===

TINY = StarcraftEntitiesConfig(
    data=c.DataConfig(dataset="perceiver_battles", shuffle_buffer=8000),
    model=EntityEncoderConfig(
        max_entities=10,
        features=("archer", "soldier", "cannon", "enemy", "acting", "health", "share", "x", "y"),
        channels=64,
        encode=c.EncodeConfig(
            num_latents=16, latent_dim=64, num_cross_attention_heads=4, widening_factor=2
        ),
        process=c.ProcessConfig(
            num_self_attention_layers=2, num_self_attention_heads=4, widening_factor=2
        ),
        decode=c.DecodeConfig(
            num_cross_attention_heads=4, use_query_residual=True, widening_factor=2, output_dim=64
        ),
    ),
    train=EntityTrain(
        steps=1500,
        learning_rate=4e-3,
        warmup_steps=100,
        clip_norm=10.0,
        weight_decay=0.01,
        ema_decay=0.99,
    ),
    evaluate=c.EvaluateConfig(
        thresholds={"target_accuracy": 0.9, "winner_accuracy": 0.85}, batch_size=500
    ),
)

PRESETS = {
    "tiny": Preset(config=TINY, source="ours: moments of simulated battles"),
    "starcraft_entities": Preset(
        config=StarcraftEntitiesConfig(
            data=c.DataConfig(dataset="starcraft_replays", batch_size=512),
            model=EntityEncoderConfig(
                max_entities=512,
                features=tuple(f"feature_{i}" for i in range(256)),
                channels=128,
                encode=c.EncodeConfig(
                    num_latents=32, latent_dim=128, num_cross_attention_heads=2, widening_factor=8
                ),
                process=c.ProcessConfig(
                    num_self_attention_layers=3, num_self_attention_heads=2, widening_factor=8
                ),
                decode=c.DecodeConfig(
                    num_cross_attention_heads=2,
                    use_query_residual=True,
                    widening_factor=8,
                    output_dim=256,
                ),
            ),
            train=EntityTrain(
                steps=137_625,
                learning_rate=2e-3,
                schedule="constant_then_cosine",
                weight_decay=0.1,
                clip_norm=10.0,
                evaluate_every=5000,
                checkpoint_every=1000,
            ),
            evaluate=c.EvaluateConfig(thresholds={"target_accuracy": 0.5}, batch_size=256),
        ),
        source="paper Sec. 4.4 and Tab. 9: 32 latents, 3 layers, heads, widths and output of the "
        "Transformer it replaces, optimizer as ImageNet's; 256 numbers an entity and batch are ours",
    ),
}

TASK = Task(
    name="starcraft_entities",
    summary="Sets of game units: embeddings, target, winner.",
    model_class=EntityEncoder,
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
    prediction_key="columns",
    serving_spec=serving_spec,
    serve=serve,
    respond=respond,
    requests=requests,
    read=as_inputs,
    answer=answer,
    picture=picture,
    baseline=baseline,
    show=show,
)
