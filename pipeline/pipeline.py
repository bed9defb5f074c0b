"""The graph, in the order in which the data goes through it: the same for every task."""

from __future__ import annotations

import json
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2
from tfx import v1 as tfx
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration.metadata import mysql_metadata_connection_config
from tfx.types import Channel, standard_artifacts

from perceiver_keras.components.atomic_pusher import AtomicPusher
from perceiver_keras.components.baseline import LatestBlessedOther
from perceiver_keras.components.report_gen import ReportGen
from perceiver_keras.components.serving_validator import ServingValidator
from perceiver_keras.components.tfds_example_gen import TfdsExampleGen
from perceiver_keras.config_tree import to_json
from perceiver_keras.data.store import source
from perceiver_keras.errors import UsageError
from perceiver_keras.pipeline.batch_sizes import fitted
from perceiver_keras.pipeline.code import code_fingerprint
from perceiver_keras.pipeline.eval_config import eval_config
from perceiver_keras.pipeline.settings import PipelineSettings
from perceiver_keras.training import warm_start

SPLITS = ("train", "validation", "test")


def create_pipeline(settings: PipelineSettings) -> tfx.dsl.Pipeline:
    """The task's pipeline, which keeps everything in `settings.run_dir`.

    Raises:
      UsageError: the data set does not fit the task, or the gate has no threshold.
      PerceiverError: the data set is unavailable.
    """
    settings = fitted(settings)
    task, config = settings.task, settings.config
    gate = eval_config(task, config)

    data = config.data
    builder = source.open_builder(
        data.dataset, data.data_dir, max_corrupt_share=data.max_corrupt_share
    )
    labels = source.label_names(builder, task.examples.label_of(config))
    task.examples.check_dataset(labels, config)
    splits = {name: getattr(data, f"{name}_split") for name in SPLITS}
    fingerprint = source.fingerprint(builder, list(splits.values()))
    user_module = {
        "task": task.name,
        "preset": settings.preset,
        "code": code_fingerprint(task.name),
    }

    # Data: the records of a TFDS builder, byte for byte.
    example_gen = TfdsExampleGen(
        dataset=data.dataset,
        data_dir=data.data_dir,
        splits=splits,
        limits={name: data.max_examples for name in SPLITS} if data.max_examples else None,
        task=task.name,
        config_json=json.dumps(settings.data_config(), sort_keys=True),
        max_corrupt_share=data.max_corrupt_share,
        fingerprint=fingerprint,
    )
    examples = example_gen.outputs["examples"]

    # What the data looks like, and whether it fits its schema.
    statistics_gen = tfx.components.StatisticsGen(examples=examples)
    schema_gen = tfx.components.SchemaGen(
        statistics=statistics_gen.outputs["statistics"], infer_feature_shape=True
    )
    schema = schema_gen.outputs["schema"]
    example_validator = tfx.components.ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema
    )

    # Transform: what needs a full pass over the data, or must be the same in serving.
    transform = tfx.components.Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn="perceiver_keras.pipeline.user_module.preprocessing_fn",
        splits_config=tfx.proto.SplitsConfig(analyze=["train"], transform=["train", "validation"]),
        custom_config={**user_module, "config": settings.data_config()},
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
    trainer = tfx.components.Trainer(
        run_fn="perceiver_keras.pipeline.user_module.run_fn",
        hyperparameters=tuners[0].outputs["best_hyperparameters"] if tuners else None,
        **training,
    )
    model = trainer.outputs["model"]

    # The gate: the model reaches its thresholds, is not worse than the last blessed one, and serves.
    baseline = Resolver(
        strategy_class=LatestBlessedOther,
        config={"rebaseline": settings.rebaseline},
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
        candidate=model,
    ).with_id("baseline")
    evaluator = tfx.components.Evaluator(
        examples=examples,
        example_splits=["test"],
        model=model,
        baseline_model=baseline.outputs["model"],
        eval_config=gate,
    )
    serving_validator = ServingValidator(model=model)
    pusher = AtomicPusher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=serving_validator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(
                base_directory=str(settings.folder("pushed"))
            )
        ),
    )

    # For people.
    report_gen = ReportGen(
        task=task.name,
        config_json=to_json(config),
        model=model,
        model_run=trainer.outputs["model_run"],
        evaluation=evaluator.outputs["evaluation"],
        blessing=evaluator.outputs["blessing"],
        infra_blessing=serving_validator.outputs["blessing"],
        examples=examples,
        transform_graph=transform.outputs["transform_graph"],
        pushed_model=pusher.outputs["pushed_model"],
    )

    return tfx.dsl.Pipeline(
        pipeline_name=task.name,
        pipeline_root=str(settings.folder("artifacts")),
        components=[
            example_gen,
            statistics_gen,
            schema_gen,
            example_validator,
            transform,
            *tuners,
            trainer,
            baseline,
            evaluator,
            serving_validator,
            pusher,
            report_gen,
        ],
        enable_cache=settings.cache,
        metadata_connection_config=_metadata(settings),
        beam_pipeline_args=list(settings.beam_args),
    )


def sqlite_connection(path: Path) -> metadata_store_pb2.ConnectionConfig:
    """As TFX's `sqlite_metadata_connection_config`, which already makes the folder."""
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(path)
    connection.sqlite.connection_mode = (
        metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    )
    return connection


def _metadata(settings: PipelineSettings):
    if settings.metadata_uri is None:
        return sqlite_connection(settings.folder("metadata.sqlite"))
    from urllib.parse import urlparse

    uri = urlparse(settings.metadata_uri)
    if uri.scheme != "mysql" or not (uri.hostname and uri.username and uri.path.strip("/")):
        raise UsageError(
            f"metadata {settings.metadata_uri!r} is not a MySQL address; "
            "write mysql://USER:PASSWORD@HOST:PORT/DATABASE, or omit it for SQLite."
        )
    return mysql_metadata_connection_config(
        host=uri.hostname,
        port=uri.port or 3306,
        database=uri.path.strip("/"),
        username=uri.username,
        password=uri.password or "",
    )
