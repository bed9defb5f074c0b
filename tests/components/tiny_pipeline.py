"""A pipeline around the tiny task with the real gate; components that make a model and examples replace training."""

import contextlib
import dataclasses
import json
import os
import sys
import types
from unittest import mock

import numpy as np
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow import keras
from tensorflow_model_analysis.proto import config_pb2
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import pusher_pb2
from tfx.types import Channel, artifact_utils, standard_artifacts
from tfx.utils import path_utils

from perceiver_keras.components.atomic_pusher import AtomicPusher
from perceiver_keras.components.baseline import LatestBlessedOther
from perceiver_keras.components.evaluator import Evaluator
from perceiver_keras.components.gate import Gate
from perceiver_keras.components.serving_validator import ServingValidator
from perceiver_keras.components.trivial_guess import TrivialGuess
from perceiver_keras.config_tree import to_json
from perceiver_keras.export import export_saved_model
from perceiver_keras.tasks import registry
from tests import tiny_task as tiny

TEACHER = 2  # the seed of the model whose answers are the labels: it is always right
EXAMPLES = 60
THRESHOLDS = {"accuracy": 0.7}


def _baseline(batches, config):
    """Naming the commonest class."""
    labels = np.concatenate([targets.numpy() for _, targets in batches])
    return {"accuracy": float(np.bincount(labels).max() / len(labels))}


TASK = tiny.with_fields(
    "measures",
    column_metrics=lambda config: [keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    baseline=_baseline,
)


@contextlib.contextmanager
def registered():
    """The tiny task has a row in the registry, where components look for it."""
    module = types.ModuleType("perceiver_keras.tasks.tiny")
    module.TASK = TASK
    rows = (*registry.ROWS, registry.Row("tiny", "TinyModel", "For tests."))
    with (
        mock.patch.object(registry, "ROWS", rows),
        mock.patch.dict(sys.modules, {module.__name__: module}),
    ):
        yield


@component
def MakeModel(  # noqa: N802
    model: OutputArtifact[standard_artifacts.Model], seed: Parameter[int], warm: Parameter[int]
) -> None:
    """An export of fresh weights; ServingValidator refuses it without warm-up requests."""
    export_saved_model(
        tiny.TASK,
        tiny.CONFIG,
        tiny.model(seed=seed),
        path_utils.serving_model_dir(model.uri),
        labels=tiny.LABELS,
        warmup=tiny.examples(warm) if warm else [],
    )


@component
def MakeExamples(examples: OutputArtifact[standard_artifacts.Examples]) -> None:  # noqa: N802
    examples.split_names = artifact_utils.encode_split_names(["test"])
    examples.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    folder = os.path.join(examples.uri, "Split-test")
    os.makedirs(folder)
    path = os.path.join(folder, "data_tfrecord-00000-of-00001.gz")
    pixels = tf.stack([tiny._pixels(png) for png in tiny.pngs(EXAMPLES)])
    answers = tf.argmax(tiny.model(seed=TEACHER)({"pixels": pixels}, training=False), -1).numpy()
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for record, label in zip(tiny.examples(EXAMPLES), answers, strict=True):
            example = tf.train.Example.FromString(record)
            example.features.feature["label"].int64_list.value[:] = [label]
            writer.write(example.SerializeToString(deterministic=True))


def create(folder: str, *, seed: int, warm: int = 2, rebaseline: bool = False):
    """The pipeline in `folder`. The model of the seed `TEACHER` is right, with `warm` > 0 requests it can be served."""
    make_model, make_examples = MakeModel(seed=seed, warm=warm), MakeExamples()
    model, examples = make_model.outputs["model"], make_examples.outputs["examples"]
    evaluate = dataclasses.replace(tiny.CONFIG.evaluate, thresholds=THRESHOLDS)
    guess = TrivialGuess(
        examples=examples,
        task="tiny",
        config_json=to_json(tiny.CONFIG),
        thresholds_json=json.dumps(THRESHOLDS),
        state_dir=f"{folder}/state",
    )
    baseline = Resolver(
        strategy_class=LatestBlessedOther,
        config={"rebaseline": rebaseline},
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
        candidate=model,
    ).with_id("baseline")
    spec = {"signature_name": "evaluate", "label_key": "label", "prediction_key": "logits"}
    (metric,) = TASK.measures.column_metrics(tiny.CONFIG)
    evaluator = Evaluator(
        examples=examples,
        model=model,
        baseline_model=baseline.outputs["model"],
        eval_config=tfma.EvalConfig(
            model_specs=[
                tfma.ModelSpec(name=tfma.CANDIDATE_KEY, **spec),
                tfma.ModelSpec(name=tfma.BASELINE_KEY, is_baseline=True, **spec),
            ],
            slicing_specs=[tfma.SlicingSpec()],
            metrics_specs=tfma.metrics.specs_from_metrics([metric]),
            options=config_pb2.Options(
                compute_confidence_intervals={"value": True},
                confidence_intervals=config_pb2.ConfidenceIntervalOptions(
                    method=config_pb2.ConfidenceIntervalOptions.JACKKNIFE
                ),
            ),
        ),
    )
    validator = ServingValidator(model=model)
    gate = Gate(
        model=model,
        evaluation=evaluator.outputs["evaluation"],
        guess=guess.outputs["guess"],
        infra_blessing=validator.outputs["blessing"],
        baseline_model=baseline.outputs["model"],
        baseline_blessing=baseline.outputs["model_blessing"],
        task="tiny",
        evaluate_json=json.dumps(dataclasses.asdict(evaluate)),
    )
    pusher = AtomicPusher(
        model=model,
        model_blessing=gate.outputs["blessing"],
        infra_blessing=validator.outputs["blessing"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=f"{folder}/pushed")
        ),
    )
    return Pipeline(
        pipeline_name="tiny",
        pipeline_root=f"{folder}/artifacts",
        components=[make_model, make_examples, guess, baseline, evaluator, validator, gate, pusher],
        enable_cache=True,
        metadata_connection_config=metadata.sqlite_metadata_connection_config(
            f"{folder}/metadata.sqlite"
        ),
    )
