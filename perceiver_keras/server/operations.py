"""What both protocols offer, on arrays: predict, classify, regress, metadata, status, reload."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from google.protobuf.wrappers_pb2 import StringValue
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from perceiver_keras.server import classify, parameter_files
from perceiver_keras.server.aside import LARGE, aside
from perceiver_keras.server.loaded import DEFAULT_SIGNATURE, Signature
from perceiver_keras.server.metrics import Metrics
from perceiver_keras.server.models import Models, Version
from perceiver_keras.server.scheduler import Scheduler
from perceiver_keras.server.status import Code, ServingError, invalid

Arrays = Mapping[str, np.ndarray]
SIGNATURE_DEF = "signature_def"  # the only metadata that TensorFlow Serving has
TASK_FIELD = "perceiver_task"  # what an export says of itself, as JSON; our client asks for it


@dataclass(frozen=True)
class Asked:
    """Which model a request names: the newest version, without a number and a label.

    Attributes:
      seconds: How long the client still waits for an answer; None: it does not say.
    """

    name: str
    version: int | None = None
    label: str | None = None
    signature: str = ""
    seconds: float | None = None


@dataclass(frozen=True)
class Answer:
    """Outputs, and what computed them."""

    version: int
    signature: str
    outputs: Arrays


class Operations:
    """The server behind its protocols."""

    def __init__(self, the_models: Models, scheduler: Scheduler, metrics: Metrics) -> None:
        self.models, self._scheduler, self.metrics = the_models, scheduler, metrics

    async def predict(
        self,
        asked: Asked,
        read: Callable[[Signature], Arrays],
        output_filter: tuple[str, ...] = (),
        unknown_signature: Code = Code.FAILED_PRECONDITION,
        large: bool = False,
    ) -> Answer:
        """Runs one signature.

        Args:
          asked: Which model and signature.
          read: Takes the signature, and returns the request's arrays, of its types.
          output_filter: The outputs to return; all, if empty.
          unknown_signature: How an unknown name is told: the two protocols of TensorFlow Serving differ.
          large: Whether to read outside of the event loop.
        """
        with self.models.using(asked.name, asked.version, asked.label) as version:
            name = asked.signature or DEFAULT_SIGNATURE
            signature = _signature(version, name)
            if signature is None:
                if unknown_signature == Code.FAILED_PRECONDITION:
                    words = f'Serving signature key "{name}" not found.'
                else:
                    words = f'Serving signature name: "{name}" not found in signature def'
                raise ServingError(unknown_signature, words)
            arrays = await aside(large, read, signature)
            signature.check(arrays)
            _check_filter(signature, output_filter)
            outputs = await self._scheduler.run(
                asked.name, version.loaded, signature, arrays, asked.seconds
            )
            self._count(asked.name, arrays)
            if output_filter:
                outputs = {name: outputs[name] for name in output_filter}
            return Answer(version.number, name, outputs)

    async def classify(self, asked: Asked, examples: Any) -> tuple[Answer, list]:
        """Classes of each example of an Input; see `classify.classifications`."""
        answer, rows = await self._on_examples(asked, examples, classify.check_classification)
        return answer, classify.classifications(answer.outputs, rows)

    async def regress(self, asked: Asked, examples: Any) -> tuple[Answer, np.ndarray]:
        """One number for each example of an Input."""
        answer, rows = await self._on_examples(asked, examples, classify.check_regression)
        return answer, classify.regressions(answer.outputs, rows)

    async def _on_examples(
        self, asked: Asked, examples: Any, check: Callable[[Signature], None]
    ) -> tuple[Answer, int]:
        with self.models.using(asked.name, asked.version, asked.label) as version:
            name = asked.signature or DEFAULT_SIGNATURE
            signature = _signature(version, name)
            if signature is None:
                raise invalid(f"No signature was found with the name: {name}")
            check(signature)
            large = examples.ByteSize() > LARGE
            arrays = {classify.INPUTS: await aside(large, classify.examples_of, examples)}
            signature.check(arrays)
            outputs = await self._scheduler.run(
                asked.name, version.loaded, signature, arrays, asked.seconds
            )
            self._count(asked.name, arrays)
            return Answer(version.number, name, outputs), len(arrays[classify.INPUTS])

    def _count(self, model_name: str, arrays: Arrays) -> None:
        first = next(iter(arrays.values()), None)
        if first is not None and first.ndim:
            self.metrics.examples.add(model_name, by=first.shape[0])

    def metadata(self, asked: Asked, fields: tuple[str, ...]) -> Any:
        """A GetModelMetadataResponse."""
        if not fields:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in fields:
            if field not in (SIGNATURE_DEF, TASK_FIELD):
                raise invalid(f"Metadata field {field} is not supported")
        with self.models.using(asked.name, asked.version, asked.label) as version:
            response = get_model_metadata_pb2.GetModelMetadataResponse()
            response.model_spec.name = asked.name
            response.model_spec.version.value = version.number
            response.metadata[SIGNATURE_DEF].Pack(_signature_defs(version))
            if TASK_FIELD in fields and version.loaded.about:
                text = json.dumps(version.loaded.about)
                response.metadata[TASK_FIELD].Pack(StringValue(value=text))
            return response

    def status(self, asked: Asked) -> Any:
        """A GetModelStatusResponse."""
        response = get_model_status_pb2.GetModelStatusResponse()
        for version in self.models.status(asked.name, asked.version, asked.label):
            row = response.model_version_status.add(version=version.number, state=version.state)
            row.status.SetInParent()  # OK is there, too
            if version.error is not None:
                row.status.error_code = int(version.error.code)
                row.status.error_message = version.error.message
        return response

    async def reload(self, config: Any) -> None:
        """Serves the models of a ModelServerConfig, of folders that the server was started with."""
        if config.WhichOneof("config") != "model_config_list":
            raise invalid(
                "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is "
                "currently supported"
            )
        try:
            sources = parameter_files.from_config(config)
        except ValueError as error:
            raise invalid(str(error)) from None
        await self.models.reload(sources)


def _signature(version: Version, name: str) -> Signature | None:
    return version.loaded.signatures.get(name)


def _signature_defs(version: Version) -> get_model_metadata_pb2.SignatureDefMap:
    found = get_model_metadata_pb2.SignatureDefMap()
    for name, definition in version.loaded.signature_defs.items():
        found.signature_def[name].CopyFrom(definition)
    return found


def _check_filter(signature: Signature, output_filter: tuple[str, ...]) -> None:
    for name in output_filter:
        if name not in signature.outputs:
            names = ",".join(signature.outputs)
            raise invalid(
                f"output tensor alias not found in signature: {name} Outputs expected to be in the set {{{names}}}."
            )
        if output_filter.count(name) > 1:
            raise invalid(f"duplicate output tensor alias: {name}")
