"""A pipeline around the tiny task with the real gate; components that make a model and examples replace training."""

import os

import tensorflow as tf
import tensorflow_model_analysis as tfma
from tfx import v1 as tfx
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.common.resolver import Resolver
from tfx.types import Channel, artifact_utils, standard_artifacts
from tfx.utils import path_utils

from perceiver_keras.components.atomic_pusher import AtomicPusher
from perceiver_keras.components.baseline import LatestBlessedOther
from perceiver_keras.components.serving_validator import ServingValidator
from perceiver_keras.export import export_saved_model
from tests import tiny_task as tiny


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
        warmup=tiny.examples(2) if warm else [],
    )


@component
def MakeExamples(examples: OutputArtifact[standard_artifacts.Examples]) -> None:  # noqa: N802
    examples.split_names = artifact_utils.encode_split_names(["test"])
    examples.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    folder = os.path.join(examples.uri, "Split-test")
    os.makedirs(folder)
    path = os.path.join(folder, "data_tfrecord-00000-of-00001.gz")
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for example in tiny.examples(12):
            writer.write(example)


def create(folder: str, *, seed: int, warm: bool = True, rebaseline: bool = False):
    """The pipeline in `folder`; no finite model fails its gate's thresholds or comparison."""
    make_model, make_examples = MakeModel(seed=seed, warm=int(warm)), MakeExamples()
    model = make_model.outputs["model"]
    baseline = Resolver(
        strategy_class=LatestBlessedOther,
        config={"rebaseline": rebaseline},
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
        candidate=model,
    ).with_id("baseline")
    spec = {"signature_name": "evaluate", "label_key": "label", "prediction_key": "logits"}
    evaluator = tfx.components.Evaluator(
        examples=make_examples.outputs["examples"],
        example_splits=["test"],
        model=model,
        baseline_model=baseline.outputs["model"],
        eval_config=tfma.EvalConfig(
            model_specs=[
                tfma.ModelSpec(name=tfma.CANDIDATE_KEY, **spec),
                tfma.ModelSpec(name=tfma.BASELINE_KEY, is_baseline=True, **spec),
            ],
            slicing_specs=[tfma.SlicingSpec()],
            metrics_specs=[
                tfma.MetricsSpec(
                    metrics=[
                        tfma.MetricConfig(
                            class_name="SparseCategoricalAccuracy",
                            threshold=tfma.MetricThreshold(
                                value_threshold=tfma.GenericValueThreshold(
                                    lower_bound={"value": -1}
                                ),
                                change_threshold=tfma.GenericChangeThreshold(
                                    direction=tfma.MetricDirection.HIGHER_IS_BETTER,
                                    absolute={"value": -2},
                                ),
                            ),
                        )
                    ]
                )
            ],
        ),
    )
    validator = ServingValidator(model=model)
    pusher = AtomicPusher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=validator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=f"{folder}/pushed")
        ),
    )
    return tfx.dsl.Pipeline(
        pipeline_name="tiny",
        pipeline_root=f"{folder}/artifacts",
        components=[make_model, make_examples, baseline, evaluator, validator, pusher],
        enable_cache=True,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            f"{folder}/metadata.sqlite"
        ),
    )
