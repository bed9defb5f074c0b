"""The graph, in the order in which the data goes through it: the same for every task.

It has three parts: the data and its checks, the model, and the release of the model. Each hands its outputs to the next
ones as named channels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow_model_analysis as tfma

# Not from `tfx.v1`, which imports Google's cloud and Kubeflow as well: seconds before the first component.
from tfx.components import StatisticsGen, Tuner
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import pusher_pb2, trainer_pb2, transform_pb2
from tfx.types import BaseChannel

from perceiver_keras.components.atomic_pusher import AtomicPusher
from perceiver_keras.components.data.split_statistics import statistics_options
from perceiver_keras.components.describe_examples import Describe
from perceiver_keras.components.evaluator import Evaluator
from perceiver_keras.components.example_validator import ExampleValidator
from perceiver_keras.components.gate import Gate
from perceiver_keras.components.leak_detector import LeakDetector
from perceiver_keras.components.report_gen import ReportGen
from perceiver_keras.components.schema_gen import SchemaGen
from perceiver_keras.components.serving_validator import ServingValidator
from perceiver_keras.components.tfds_example_gen import TfdsExampleGen
from perceiver_keras.components.transform import Transform
from perceiver_keras.components.trivial_guess import TrivialGuess
from perceiver_keras.config import learns_vocabulary
from perceiver_keras.config_tree import to_dict, to_json
from perceiver_keras.data.store import source
from perceiver_keras.pipeline.batch_sizes import fitted
from perceiver_keras.pipeline.code import CHECKS, code_fingerprint
from perceiver_keras.pipeline.eval_config import eval_config, slicing
from perceiver_keras.pipeline.places import Places, RunFolder
from perceiver_keras.pipeline.settings import PipelineSettings
from perceiver_keras.training import warm_start

SPLITS = ("train", "validation", "test")
# Bounds of what is served, which are None if there are none.
BOUNDS = ("max_latency_ms", "max_slowdown", "max_load_seconds", "max_memory_mb", "max_size_mb")


def create_pipeline(settings: PipelineSettings, places: Places | None = None) -> Pipeline:
    """The task's pipeline.

    Args:
      settings: What to run.
      places: Where it keeps things; None: in `settings.run_dir`.

    Raises:
      UsageError: the data set does not fit the task, or the gate has no threshold.
      PerceiverError: the data set is unavailable.
    """
    settings = fitted(settings)
    run = _run(settings, places or RunFolder(settings))
    data = _data(run)
    model = _model(run, data)
    release = _release(run, data, model)
    return Pipeline(
        pipeline_name=run.places.name,
        pipeline_root=run.places.root,
        components=[*data.components, *model.components, *release],
        enable_cache=settings.cache,
        metadata_connection_config=run.places.metadata,
        beam_pipeline_args=list(settings.beam_args),
    )


@dataclass(frozen=True, kw_only=True)
class _Run:
    """What all parts need to know.

    Attributes:
      settings: With numbers for batch sizes.
      places: Where things are kept.
      labels: Names of the classes, if the data set has any.
      splits: {"train", "validation", "test"} -> TFDS split expression.
      fingerprint: Of these splits' contents.
      measured: What TFMA measures.
    """

    settings: PipelineSettings
    places: Places
    labels: list[str] | None
    splits: dict[str, str]
    fingerprint: str
    measured: tfma.EvalConfig

    @property
    def user_module(self) -> dict[str, str]:
        """What Transform, Tuner and Trainer need to find the task, and by whose code the cache knows them."""
        task = self.settings.task.name
        return {"task": task, "preset": self.settings.preset, "code": code_fingerprint(task)}


def _run(settings: PipelineSettings, places: Places) -> _Run:
    """Opens the data set, and raises what is wrong with it or with the gate's settings."""
    task, config = settings.task, settings.config
    data = config.data
    builder = source.open_builder(
        data.dataset, data.data_dir, max_corrupt_share=data.max_corrupt_share
    )
    labels = source.label_names(builder, task.examples.label_of(config))
    task.examples.check_dataset(labels, config)
    measured = eval_config(task, config, labels)
    splits = {name: getattr(data, f"{name}_split") for name in SPLITS}
    return _Run(
        settings=settings,
        places=places,
        labels=labels,
        splits=splits,
        fingerprint=source.fingerprint(builder, list(splits.values())),
        measured=measured,
    )


# === The data: stored, measured, and held against what was accepted ===


@dataclass(frozen=True, kw_only=True)
class _Data:
    """The first part. `checked` has let the data pass before anything reads it for training."""

    components: Sequence[BaseNode]
    examples: BaseChannel
    statistics: BaseChannel
    schema: BaseChannel
    example_schema: BaseChannel
    leaks: BaseChannel
    anomalies: BaseChannel
    checked: BaseNode


def _data(run: _Run) -> _Data:
    task, config = run.settings.task, run.settings.config
    data = config.data
    checks = code_fingerprint(task.name, CHECKS)
    about: dict[str, Any] = {
        "task": task.name,
        "config_json": json.dumps(run.settings.data_config(), sort_keys=True),
    }

    # The records of a TFDS builder, byte for byte.
    example_gen = TfdsExampleGen(
        dataset=data.dataset,
        data_dir=data.data_dir,
        splits=run.splits,
        limits={name: data.max_examples for name in SPLITS} if data.max_examples else None,
        max_corrupt_share=data.max_corrupt_share,
        fingerprint=run.fingerprint,
        span=data.span,
        **about,
    )
    examples = example_gen.outputs["examples"]

    # What the data looks like: numbers and names per example, their statistics, and examples that splits share.
    about |= {"labels_json": json.dumps(run.labels), "code": checks}
    describe = Describe(examples=examples, **about)
    described, fingerprints = (describe.outputs[name] for name in ("described", "fingerprints"))
    statistics_gen = StatisticsGen(examples=described, stats_options=statistics_options())
    statistics = statistics_gen.outputs["statistics"]
    leak_detector = LeakDetector(fingerprints=fingerprints, limit=data.max_leak_share, code=checks)

    # Whether it is as the accepted schema says; if not, nothing below runs.
    schema_gen = SchemaGen(
        statistics=statistics, described=described, fingerprints=fingerprints, **about
    )
    accepted_schema = run.places.accepted_schema(schema_gen.outputs["schema"])
    example_validator = ExampleValidator(
        statistics=statistics,
        schema=schema_gen.outputs["schema"],
        accepted=accepted_schema.outputs["schema"],
        described=described,
        fingerprints=fingerprints,
        leaks=leak_detector.outputs["leaks"],
        on_anomaly=data.on_anomaly,
        max_leak_share=data.max_leak_share,
        max_drift=data.max_drift,
        max_class_drift=data.max_class_drift,
        max_corrupt_share=data.max_corrupt_share,
        **run.places.told,
        code=checks,
    )
    keep_schema = run.places.keep_schema(
        proposal=schema_gen.outputs["schema"],
        fingerprints=fingerprints,
        anomalies=example_validator.outputs["anomalies"],
    )
    return _Data(
        components=[
            example_gen,
            describe,
            statistics_gen,
            leak_detector,
            schema_gen,
            accepted_schema,
            example_validator,
            *keep_schema,
        ],
        examples=examples,
        statistics=statistics,
        schema=schema_gen.outputs["schema"],
        example_schema=schema_gen.outputs["example_schema"],
        leaks=leak_detector.outputs["leaks"],
        anomalies=example_validator.outputs["anomalies"],
        checked=example_validator,
    )


# === The model: preprocessed, what it must beat, trained and exported ===


@dataclass(frozen=True, kw_only=True)
class _Model:
    """The second part. `init` is the fingerprint of the weights it began from, if there were any."""

    components: Sequence[BaseNode]
    transform_graph: BaseChannel
    guess: BaseChannel
    model: BaseChannel
    model_run: BaseChannel
    init: str | None


def _model(run: _Run, data: _Data) -> _Model:
    settings, config = run.settings, run.settings.config

    # Transform: what needs a full pass over the data, or must be the same in serving.
    transform = Transform(
        examples=data.examples,
        schema=data.example_schema,
        preprocessing_fn="perceiver_keras.pipeline.user_module.preprocessing_fn",
        splits_config=transform_pb2.SplitsConfig(
            analyze=["train"], transform=["train", "validation"]
        ),
        custom_config={**run.user_module, "config": settings.data_config()},
        disable_statistics=True,  # those of Describe's rows say more, and are one pass over the data less
    )
    transform.add_upstream_node(data.checked)
    transform_graph = transform.outputs["transform_graph"]

    # What a model must beat. A threshold below it would let any model pass, so that nothing is trained.
    trivial_guess = TrivialGuess(
        examples=data.examples,
        transform_graph=transform_graph,
        task=settings.task.name,
        config_json=json.dumps(settings.data_config(), sort_keys=True),
        thresholds_json=json.dumps(config.evaluate.thresholds, sort_keys=True),
        state_dir=run.places.words(run.fingerprint),
    )

    # A vocabulary that is learned from the data is the guess's and the model's.
    vocabulary = {}
    if learns_vocabulary(config):
        vocabulary = {"vocabulary_dir": run.places.words(run.fingerprint)}

    # Search for settings if `train.search` says so, train, and export.
    init = warm_start.fingerprint(config.train.init)  # only for the cache
    training = {
        "examples": transform.outputs["transformed_examples"],
        "transform_graph": transform_graph,
        "schema": data.example_schema,
        "train_args": trainer_pb2.TrainArgs(splits=["train"], num_steps=config.train.steps),
        "eval_args": trainer_pb2.EvalArgs(splits=["validation"]),
        "custom_config": {
            **run.user_module,
            "config": settings.train_config(),
            "labels": run.labels,
            "init": init,
            "state_dir": run.places.state(run.fingerprint),
            **vocabulary,
        },
    }
    tuners = []
    if config.train.search:
        tuners = [Tuner(tuner_fn="perceiver_keras.pipeline.user_module.tuner_fn", **training)]
    trainer = run.places.trainer(
        run_fn="perceiver_keras.pipeline.user_module.run_fn",
        raw_examples=data.examples,
        hyperparameters=tuners[0].outputs["best_hyperparameters"] if tuners else None,
        **training,
    )
    for component in (*tuners, trainer):
        component.add_upstream_node(trivial_guess)
    return _Model(
        components=[transform, trivial_guess, *tuners, trainer],
        transform_graph=transform_graph,
        guess=trivial_guess.outputs["guess"],
        model=trainer.outputs["model"],
        model_run=trainer.outputs["model_run"],
        init=init,
    )


# === The release: measured, compared with the last blessed model, judged, pushed, reported ===


def _release(run: _Run, data: _Data, made: _Model) -> list[BaseNode]:
    task, config = run.settings.task, run.settings.config
    examples, model = data.examples, made.model

    # What is measured of the model, of the last blessed one on the same examples, and of serving it.
    baseline = run.places.baseline(model)
    evaluator = Evaluator(
        examples=examples,
        model=model,
        baseline_model=baseline.outputs["model"],
        eval_config=run.measured,
        slicing=slicing(task, config, run.labels),
        task=task.name,
    )
    serving_validator = ServingValidator(
        model=model,
        examples=examples,
        transform_graph=made.transform_graph,
        baseline_model=baseline.outputs["model"],
        labels_json=json.dumps(run.labels),
        **{name: bound for name in BOUNDS if (bound := getattr(config.evaluate, name)) is not None},
    )

    # The gate, and what passes it.
    gate = Gate(
        model=model,
        evaluation=evaluator.outputs["evaluation"],
        guess=made.guess,
        infra_blessing=serving_validator.outputs["blessing"],
        baseline_model=baseline.outputs["model"],
        baseline_blessing=baseline.outputs["model_blessing"],
        task=task.name,
        evaluate_json=json.dumps(to_dict(config.evaluate), sort_keys=True),
    )
    pusher = AtomicPusher(
        model=model,
        model_blessing=gate.outputs["blessing"],
        infra_blessing=serving_validator.outputs["blessing"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=run.places.pushed)
        ),
        examples=examples,
        about={
            "code": run.user_module["code"],
            "init": made.init,
            "thresholds": config.evaluate.thresholds,
            "lower_is_better": list(task.measures.lower_is_better),
            "on_anomaly": config.data.on_anomaly,
        },
    )

    keep_baseline = run.places.keep_baseline(
        model=model,
        blessing=gate.outputs["blessing"],
        pushed_model=pusher.outputs["pushed_model"],
    )

    # For people.
    report_gen = ReportGen(
        task=task.name,
        config_json=to_json(config),
        model=model,
        model_run=made.model_run,
        evaluation=evaluator.outputs["evaluation"],
        blessing=gate.outputs["blessing"],
        infra_blessing=serving_validator.outputs["blessing"],
        examples=examples,
        transform_graph=made.transform_graph,
        pushed_model=pusher.outputs["pushed_model"],
        guess=made.guess,
        statistics=data.statistics,
        schema=data.schema,
        anomalies=data.anomalies,
        leaks=data.leaks,
    )
    return [baseline, evaluator, serving_validator, gate, pusher, *keep_baseline, report_gen]
