"""The graph, in the order in which the data goes through it: the same for every task."""

from __future__ import annotations

import json

from tfx import v1 as tfx
from tfx.dsl.components.common.resolver import Resolver
from tfx.types import Channel, standard_artifacts

from perceiver_keras.components.accepted_schema import LatestAcceptedSchema
from perceiver_keras.components.atomic_pusher import AtomicPusher
from perceiver_keras.components.baseline import LatestBlessedOther
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
from perceiver_keras.components.trainer import Trainer
from perceiver_keras.components.trivial_guess import TrivialGuess
from perceiver_keras.config_tree import to_dict, to_json
from perceiver_keras.data.store import source
from perceiver_keras.pipeline.batch_sizes import fitted
from perceiver_keras.pipeline.code import CHECKS, code_fingerprint
from perceiver_keras.pipeline.eval_config import eval_config, slicing
from perceiver_keras.pipeline.settings import PipelineSettings
from perceiver_keras.pipeline.store import connection
from perceiver_keras.training import warm_start

SPLITS = ("train", "validation", "test")
# Bounds of what is served, which are None if there are none.
BOUNDS = ("max_latency_ms", "max_slowdown", "max_load_seconds", "max_memory_mb", "max_size_mb")


def create_pipeline(settings: PipelineSettings) -> tfx.dsl.Pipeline:
    """The task's pipeline, which keeps everything in `settings.run_dir`.

    Raises:
      UsageError: the data set does not fit the task, or the gate has no threshold.
      PerceiverError: the data set is unavailable.
    """
    settings = fitted(settings)
    task, config = settings.task, settings.config
    data = config.data
    builder = source.open_builder(
        data.dataset, data.data_dir, max_corrupt_share=data.max_corrupt_share
    )
    labels = source.label_names(builder, task.examples.label_of(config))
    task.examples.check_dataset(labels, config)
    measured = eval_config(task, config, labels)
    splits = {name: getattr(data, f"{name}_split") for name in SPLITS}
    fingerprint = source.fingerprint(builder, list(splits.values()))
    user_module = {
        "task": task.name,
        "preset": settings.preset,
        "code": code_fingerprint(task.name),
    }

    # Data: the records of a TFDS builder, byte for byte.
    data_config = json.dumps(settings.data_config(), sort_keys=True)
    example_gen = TfdsExampleGen(
        dataset=data.dataset,
        data_dir=data.data_dir,
        splits=splits,
        limits={name: data.max_examples for name in SPLITS} if data.max_examples else None,
        task=task.name,
        config_json=data_config,
        max_corrupt_share=data.max_corrupt_share,
        fingerprint=fingerprint,
    )
    examples = example_gen.outputs["examples"]

    # What the data looks like: numbers and names per example, their statistics, and examples that splits share.
    checks = code_fingerprint(task.name, CHECKS)
    describe = Describe(
        examples=examples,
        task=task.name,
        config_json=data_config,
        labels_json=json.dumps(labels),
        code=checks,
    )
    statistics_gen = tfx.components.StatisticsGen(
        examples=describe.outputs["described"], stats_options=statistics_options()
    )
    leak_detector = LeakDetector(
        fingerprints=describe.outputs["fingerprints"], limit=data.max_leak_share, code=checks
    )

    # Whether it is as the accepted schema says; if not, nothing below runs.
    statistics = statistics_gen.outputs["statistics"]
    schema_gen = SchemaGen(
        statistics=statistics,
        described=describe.outputs["described"],
        fingerprints=describe.outputs["fingerprints"],
        task=task.name,
        config_json=data_config,
        labels_json=json.dumps(labels),
        code=checks,
    )
    accepted_schema = Resolver(
        strategy_class=LatestAcceptedSchema,
        schema=Channel(type=standard_artifacts.Schema),
        anomalies=Channel(type=standard_artifacts.ExampleAnomalies),
        proposal=schema_gen.outputs["schema"],
    ).with_id("accepted_schema")
    example_validator = ExampleValidator(
        statistics=statistics,
        schema=schema_gen.outputs["schema"],
        accepted=accepted_schema.outputs["schema"],
        described=describe.outputs["described"],
        fingerprints=describe.outputs["fingerprints"],
        leaks=leak_detector.outputs["leaks"],
        on_anomaly=data.on_anomaly,
        max_leak_share=data.max_leak_share,
        max_drift=data.max_drift,
        max_class_drift=data.max_class_drift,
        max_corrupt_share=data.max_corrupt_share,
        run_dir=str(settings.run_dir),
        code=checks,
    )

    # Transform: what needs a full pass over the data, or must be the same in serving.
    schema = schema_gen.outputs["example_schema"]
    transform = tfx.components.Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn="perceiver_keras.pipeline.user_module.preprocessing_fn",
        splits_config=tfx.proto.SplitsConfig(analyze=["train"], transform=["train", "validation"]),
        custom_config={**user_module, "config": settings.data_config()},
    )
    transform.add_upstream_node(example_validator)

    # What a model must beat. A threshold below it would let any model pass, so that nothing is trained.
    trivial_guess = TrivialGuess(
        examples=examples,
        transform_graph=transform.outputs["transform_graph"],
        task=task.name,
        config_json=json.dumps(settings.train_config(), sort_keys=True),
        thresholds_json=json.dumps(config.evaluate.thresholds, sort_keys=True),
        state_dir=str(settings.training_state(fingerprint)),
    )

    # Search for settings if `train.search` says so, train, and export.
    training = {
        "examples": transform.outputs["transformed_examples"],
        "transform_graph": transform.outputs["transform_graph"],
        "schema": schema,
        "train_args": tfx.proto.TrainArgs(splits=["train"], num_steps=config.train.steps),
        "eval_args": tfx.proto.EvalArgs(splits=["validation"]),
        "custom_config": {
            **user_module,
            "config": settings.train_config(),
            "labels": labels,
            "init": warm_start.fingerprint(config.train.init),  # only for the cache
            "state_dir": str(settings.training_state(fingerprint)),
        },
    }
    tuners = []
    if config.train.search:
        tuners = [
            tfx.components.Tuner(
                tuner_fn="perceiver_keras.pipeline.user_module.tuner_fn", **training
            )
        ]
    trainer = Trainer(
        run_fn="perceiver_keras.pipeline.user_module.run_fn",
        raw_examples=examples,
        hyperparameters=tuners[0].outputs["best_hyperparameters"] if tuners else None,
        **training,
    )
    for component in (*tuners, trainer):
        component.add_upstream_node(trivial_guess)
    model = trainer.outputs["model"]

    # The gate: what is measured of the model, of the last blessed one on the same examples, and of serving it.
    baseline = Resolver(
        strategy_class=LatestBlessedOther,
        config={"rebaseline": settings.rebaseline},
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
        candidate=model,
    ).with_id("baseline")
    evaluator = Evaluator(
        examples=examples,
        model=model,
        baseline_model=baseline.outputs["model"],
        eval_config=measured,
        slicing=slicing(task, config, labels),
        task=task.name,
    )
    serving_validator = ServingValidator(
        model=model,
        examples=examples,
        transform_graph=transform.outputs["transform_graph"],
        baseline_model=baseline.outputs["model"],
        labels_json=json.dumps(labels),
        **{name: bound for name in BOUNDS if (bound := getattr(config.evaluate, name)) is not None},
    )
    gate = Gate(
        model=model,
        evaluation=evaluator.outputs["evaluation"],
        guess=trivial_guess.outputs["guess"],
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
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(
                base_directory=str(settings.folder("pushed"))
            )
        ),
        examples=examples,
        about={
            "code": user_module["code"],
            "init": training["custom_config"]["init"],
            "thresholds": config.evaluate.thresholds,
            "lower_is_better": list(task.measures.lower_is_better),
            "on_anomaly": data.on_anomaly,
        },
    )

    # For people.
    report_gen = ReportGen(
        task=task.name,
        config_json=to_json(config),
        model=model,
        model_run=trainer.outputs["model_run"],
        evaluation=evaluator.outputs["evaluation"],
        blessing=gate.outputs["blessing"],
        infra_blessing=serving_validator.outputs["blessing"],
        examples=examples,
        transform_graph=transform.outputs["transform_graph"],
        pushed_model=pusher.outputs["pushed_model"],
        guess=trivial_guess.outputs["guess"],
        statistics=statistics,
        schema=schema_gen.outputs["schema"],
        anomalies=example_validator.outputs["anomalies"],
        leaks=leak_detector.outputs["leaks"],
    )

    return tfx.dsl.Pipeline(
        pipeline_name=task.name,
        pipeline_root=str(settings.folder("artifacts")),
        components=[
            example_gen,
            describe,
            statistics_gen,
            leak_detector,
            schema_gen,
            accepted_schema,
            example_validator,
            transform,
            trivial_guess,
            *tuners,
            trainer,
            baseline,
            evaluator,
            serving_validator,
            gate,
            pusher,
            report_gen,
        ],
        enable_cache=settings.cache,
        metadata_connection_config=connection(settings.run_dir, settings.metadata_uri, create=True),
        beam_pipeline_args=list(settings.beam_args),
    )
