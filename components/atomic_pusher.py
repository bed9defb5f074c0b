"""TFX's Pusher, except that a version folder is either complete or not there at all.

TFX copies file by file into `<Unix seconds>/`: a server that looks during the copy, or a kill, finds half a model, and
of two pushes in the same second the second is lost although it is marked as pushed. Here the model is copied to a
folder next to the versions whose name is not a number, which TensorFlow Serving ignores, flushed to the disk, and
renamed. The version gets a model card, with all that was found out about it until then, and the name of the run: if
that is killed before the store knows of the version, `pipeline/interrupted_push.py` writes it down.
"""

from __future__ import annotations

import json
import os
from importlib import metadata as packages
from pathlib import Path
from typing import Any

import tensorflow as tf
from absl import logging
from tfx import types
from tfx.components.pusher import component, executor
from tfx.dsl.components.base import base_component, executor_spec
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, component_spec, standard_artifacts, standard_component_specs
from tfx.utils import io_utils, proto_utils

from perceiver_keras.components.model import facts
from perceiver_keras.components.model.publish import PUSH_FILE, publish
from perceiver_keras.errors import PerceiverError
from perceiver_keras.saved_model import missing_files
from perceiver_keras.show import model_card

EXAMPLES = "examples"
Artifacts = dict[str, list[types.Artifact]]


class AtomicPusherSpec(standard_component_specs.PusherSpec):
    """TFX's, with what the model card tells about the data."""

    INPUTS = {
        **standard_component_specs.PusherSpec.INPUTS,
        EXAMPLES: component_spec.ChannelParameter(type=standard_artifacts.Examples, optional=True),
    }


class Executor(executor.Executor):
    """Pushes to a local folder with `publish`; elsewhere (gs://, hdfs://) as TFX does, with saved_model.pb last."""

    def Do(  # noqa: N802 - TFX's name
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Marks `pushed_model` as TFX does: `pushed`, `pushed_destination`, `pushed_version`."""
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.PUSHED_MODEL_KEY]
        )
        if why := _taken_back(input_dict):
            logging.error("Not pushed, because this model was taken back: %s.", why)
            pushed.set_string_custom_property(facts.WITHDRAWN, why)
            self._MarkNotPushed(pushed)
            return
        wanted = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(
            exec_properties[standard_component_specs.PUSH_DESTINATION_KEY], wanted
        )
        destination = wanted.filesystem.base_directory
        about = json.loads(exec_properties.get("custom_config") or "null") or {}
        if "://" in destination:
            super().Do(input_dict, output_dict, exec_properties)
            _add_card(pushed, self.GetModelPath(input_dict), input_dict, about)
            return
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        model = self.GetModelPath(input_dict)
        if missing := missing_files(model):
            raise PerceiverError(
                f"{model} is not a complete SavedModel: {', '.join(missing)} missing."
            )

        def added(version: str) -> dict[str, str]:
            run = self._context._pipeline_run_id if self._context else None
            push = json.dumps({"version": version, "run": run}) + "\n"
            return _card_files(model, version, input_dict, about) | {PUSH_FILE: push}

        folder = publish(model, destination, added)
        # The artifact store keeps a copy, as with TFX's Pusher.
        io_utils.copy_dir(folder, pushed.uri)
        self._MarkPushed(pushed, pushed_destination=folder, pushed_version=os.path.basename(folder))
        logging.info("Pushed to %s.", folder)


def _taken_back(inputs: Artifacts) -> str:
    models = inputs.get(standard_component_specs.MODEL_KEY) or ()
    return next((m.get_string_custom_property(facts.WITHDRAWN) for m in models), "")


def _add_card(pushed: types.Artifact, model: str, inputs: Artifacts, about: dict[str, Any]) -> None:
    """Writes the card into a version that TFX has pushed to a remote folder."""
    if pushed.get_int_custom_property("pushed") != 1:
        return
    folder = pushed.get_string_custom_property("pushed_destination")
    version = pushed.get_string_custom_property("pushed_version")
    for name, text in _card_files(model, version, inputs, about).items():
        tf.io.gfile.makedirs(os.path.dirname(f"{folder}/{name}"))
        with tf.io.gfile.GFile(f"{folder}/{name}", "w") as file:
            file.write(text)


def _card_files(
    model: str, version: str, inputs: Artifacts, about: dict[str, Any]
) -> dict[str, str]:
    """The export's own card, with what the inputs know about the model; {path in the version: text}."""
    found = _known(inputs, about)
    found["push"] = {"version": version, "time": model_card.now()}
    exported = facts.read(Path(model) / model_card.JSON_FILE)
    found["serving"] = {"size_bytes": facts.size_of(Path(model))} | found["serving"]
    return model_card.files(model_card.judged(exported, found))


def _known(inputs: Artifacts, about: dict[str, Any]) -> dict[str, Any]:
    """A part of what `pipeline/lineage.py` finds in the store, from the inputs alone."""

    def one(name: str) -> tuple[Path, dict[str, Any], int]:
        artifact = next(iter(inputs.get(name) or ()), None)
        if artifact is None:
            return Path(os.devnull), {}, 0
        properties = {
            **artifact.mlmd_artifact.properties, **artifact.mlmd_artifact.custom_properties
        }  # fmt: skip
        # On a cluster all are JSON values.
        values = {
            key: artifact.get_json_value_custom_property(key)
            if v.HasField("struct_value")
            else getattr(v, v.WhichOneof("value"))
            for key, v in properties.items()
        }
        return Path(artifact.uri), values, artifact.id

    folder, _, number = one(standard_component_specs.MODEL_KEY)
    trained = facts.of_model(folder)
    blessing, verdict, _ = one(standard_component_specs.MODEL_BLESSING_KEY)
    infra, infra_verdict, _ = one(standard_component_specs.INFRA_BLESSING_KEY)
    _, counts, data = one(EXAMPLES)
    config = trained.get("config") or {}
    judged = facts.of_gate(blessing, verdict)
    judged["evaluation"]["thresholds"] = about.get("thresholds") or {}
    judged["evaluation"]["lower_is_better"] = about.get("lower_is_better") or []
    baseline = verdict.get("baseline_model")
    return {
        "model": {key: trained.get(key) for key in ("task", "preset", "parameters")}
        | {"artifact": number or None},
        "settings": {"config": config, "on_anomaly": about.get("on_anomaly")},
        "data": {
            "dataset": (config.get("data") or {}).get("dataset"),
            "classes": trained.get("classes"),
            "artifact": data or None,
            **facts.of_examples(counts),
        },
        "code": about.get("code"),
        "began_from": {
            "weights": (config.get("train") or {}).get("init"), "fingerprint": about.get("init")
        },
        "baseline": {"uri": baseline} if baseline else None,
        "packages": {name: packages.version(name) for name in ("tensorflow", "tfx")},
        "serving": facts.of_serving(infra, infra_verdict),
        **judged,
    }  # fmt: skip


class AtomicPusher(component.Pusher):
    """`tfx.components.Pusher` with the executor above and a model card in the version; its output is `pushed_model`."""

    SPEC_CLASS = AtomicPusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        push_destination: pusher_pb2.PushDestination,
        model_blessing: types.BaseChannel | None = None,
        infra_blessing: types.BaseChannel | None = None,
        examples: types.BaseChannel | None = None,
        about: dict[str, Any] | None = None,
    ) -> None:
        """Takes what TFX's Pusher takes, and what is for the card alone.

        Args:
          model: The Trainer's, of type `Model`.
          push_destination: `PushDestination(filesystem=PushDestination.Filesystem(base_directory=...))`.
          model_blessing: The Gate's, or the Evaluator's; without its blessing nothing is pushed.
          infra_blessing: The ServingValidator's; without its blessing nothing is pushed.
          examples: The stored ones, for their counts and fingerprint.
          about: {"code": fingerprint, "init": fingerprint of the weights that training began from, "thresholds",
            "lower_is_better", "on_anomaly"}, as JSON can hold it. A change pushes the model again: only what the model
            or its verdict depends on belongs here.
        """
        spec = AtomicPusherSpec(
            model=model,
            model_blessing=model_blessing,
            infra_blessing=infra_blessing,
            examples=examples,
            push_destination=push_destination,
            custom_config=json.dumps(about or {}, sort_keys=True),
            pushed_model=types.Channel(type=standard_artifacts.PushedModel),
        )
        # TFX's Pusher makes a spec of its own class.
        base_component.BaseComponent.__init__(self, spec=spec)
