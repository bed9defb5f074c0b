"""Our Trainer as a custom job of Vertex AI: with machines and accelerators of its own, and several workers.

The pipeline's task starts the job and waits for it (TFX's `google_cloud_ai_platform`). Each worker of the job runs
TFX's `run_executor` with our executor, on copies of the artifacts on its machine; the chief copies the model back.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from tfx.dsl.components.base import executor_spec
from tfx.extensions.google_cloud_ai_platform.trainer import executor as vertex_executor
from tfx.types import Artifact, standard_component_specs
from tfx.utils import path_utils

from perceiver_keras.components import trainer
from perceiver_keras.components.cluster.staging import local_copies
from perceiver_keras.training import cluster

Artifacts = dict[str, Sequence[Artifact]]


class StagedExecutor(trainer.Executor):
    """What runs in the job."""

    def Do(  # noqa: N802 - TFX's name
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        is_chief = cluster.is_chief_here()
        with local_copies(input_dict, output_dict, upload=is_chief):
            if not is_chief:
                # TFX wants a model of every worker; this one's is not copied back.
                for model in output_dict[standard_component_specs.MODEL_KEY]:
                    os.makedirs(path_utils.serving_model_dir(model.uri), exist_ok=True)
            super().Do(input_dict, output_dict, exec_properties)


class Executor(vertex_executor.GenericExecutor):
    """What runs in the pipeline's task: starts the job of `custom_config`, and waits for its end."""

    # The job reads and writes the artifacts where they are (`pipeline/container.py`).
    WANTS_REMOTE = True

    def _GetExecutorClass(self) -> type:  # noqa: N802 - TFX's name
        return StagedExecutor


class VertexTrainer(trainer.Trainer):
    """`Trainer`, with a `custom_config` that describes the job as TFX has it: "ai_platform_training_args" and more."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
