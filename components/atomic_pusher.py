"""TFX's Pusher, except that a version folder is either complete or not there at all.

TFX copies file by file into `<Unix seconds>/`: a server that looks during the copy, or a kill, finds half a model, and
of two pushes in the same second the second is lost although it is marked as pushed. Here the model is copied to a
folder next to the versions whose name is not a number, which TensorFlow Serving ignores, flushed to the disk, and
renamed.
"""

from __future__ import annotations

import os
from typing import Any

from absl import logging
from tfx import types
from tfx.components.pusher import component, executor
from tfx.dsl.components.base import executor_spec
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, proto_utils

from perceiver_keras.components.publish import publish
from perceiver_keras.errors import PerceiverError
from perceiver_keras.saved_model import missing_files


class Executor(executor.Executor):
    """Pushes to a local folder with `publish`; elsewhere (gs://, hdfs://) as TFX does, with saved_model.pb last."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Marks `pushed_model` as TFX does: `pushed`, `pushed_destination`, `pushed_version`."""
        wanted = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(
            exec_properties[standard_component_specs.PUSH_DESTINATION_KEY], wanted
        )
        destination = wanted.filesystem.base_directory
        if "://" in destination:
            super().Do(input_dict, output_dict, exec_properties)
            return
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.PUSHED_MODEL_KEY]
        )
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        model = self.GetModelPath(input_dict)
        if missing := missing_files(model):
            raise PerceiverError(
                f"{model} is not a complete SavedModel: {', '.join(missing)} missing."
            )
        folder = publish(model, destination)
        io_utils.copy_dir(
            model, pushed.uri
        )  # the artifact store keeps a copy, as with TFX's Pusher
        self._MarkPushed(pushed, pushed_destination=folder, pushed_version=os.path.basename(folder))
        logging.info("Pushed to %s.", folder)


class AtomicPusher(component.Pusher):
    """`tfx.components.Pusher` with the executor above; it has the same arguments and the same output `pushed_model`."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        push_destination: pusher_pb2.PushDestination,
        model_blessing: types.BaseChannel | None = None,
        infra_blessing: types.BaseChannel | None = None,
    ) -> None:
        """Takes what TFX's Pusher takes.

        Args:
          model: The Trainer's, of type `Model`.
          push_destination: `PushDestination(filesystem=PushDestination.Filesystem(base_directory=...))`.
          model_blessing: The Evaluator's; without its blessing nothing is pushed.
          infra_blessing: The ServingValidator's; without its blessing nothing is pushed.
        """
        super().__init__(
            model=model,
            model_blessing=model_blessing,
            infra_blessing=infra_blessing,
            push_destination=push_destination,
        )
