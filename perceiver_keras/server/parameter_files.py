"""The files that tensorflow_model_server takes, protocol buffers in text form: models, batching, monitoring."""

from __future__ import annotations

import functools
import posixpath
from collections.abc import Sequence
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, text_format
from tensorflow_serving.config import model_server_config_pb2

from perceiver_keras.server.settings import METRICS_PATH, Batching, ModelSource
from perceiver_keras.stack import message_class

# tensorflow-serving-api lacks these two files' messages. Names, numbers and types are TensorFlow Serving's.
_WRAPPED = (
    ("max_batch_size", 1),
    ("batch_timeout_micros", 2),
    ("max_enqueued_batches", 3),
    ("num_batch_threads", 4),
)


def models_text(models: Sequence[ModelSource]) -> str:
    """A model_config_file."""
    config = model_server_config_pb2.ModelServerConfig()
    for model in models:
        row = config.model_config_list.config.add(
            name=model.name, base_path=model.base_path, model_platform="tensorflow"
        )
        if model.policy == "all":
            row.model_version_policy.all.SetInParent()
        elif model.policy == "specific":
            row.model_version_policy.specific.versions.extend(model.versions)
        elif model.count != 1:
            row.model_version_policy.latest.num_versions = model.count
        row.version_labels.update(model.labels)
    return text_format.MessageToString(config)


def read_models(text: str) -> list[ModelSource]:
    """The models of a model_config_file; raises ValueError that says what is wrong."""
    config = model_server_config_pb2.ModelServerConfig()
    try:
        text_format.Parse(text, config)
    except text_format.ParseError as error:
        raise ValueError(f"not a ModelServerConfig in text form: {error}") from None
    return from_config(config)


def from_config(config: Any) -> list[ModelSource]:
    """The models of a ModelServerConfig; raises ValueError that says what is wrong."""
    if config.WhichOneof("config") != "model_config_list":
        raise ValueError("only model_config_list is supported")
    models = [_source(row) for row in config.model_config_list.config]
    names = [model.name for model in models]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"Illegal to list model {twice[0]} multiple times in config list")
    return models


def _source(row: Any) -> ModelSource:
    if not row.name:
        raise ValueError("a model has no name")
    if "/" in row.name or ":" in row.name:
        raise ValueError(f"model name {row.name!r}: / and : can't be in a URL of REST")
    if row.name in (".", ".."):  # a client takes them out of a URL, also if they are quoted
        raise ValueError(f"model name {row.name!r}: it can't be in a URL of REST")
    if not row.name.isprintable():
        raise ValueError(f"model name {row.name!r}: it has characters that can't be printed")
    if not posixpath.isabs(row.base_path) and "://" not in row.base_path:
        raise ValueError(
            f"Expected model {row.name} to have an absolute path or URI; got base_path()={row.base_path}"
        )
    if row.model_platform not in ("", "tensorflow"):
        raise ValueError(f"model {row.name}: platform {row.model_platform!r} is not supported")
    policy = row.model_version_policy
    chosen = policy.WhichOneof("policy_choice") or "latest"
    return ModelSource(
        name=row.name,
        base_path=row.base_path,
        policy=chosen,
        count=policy.latest.num_versions or 1,
        versions=tuple(policy.specific.versions),
        labels=dict(row.version_labels),
    )


def batching_text(batching: Batching) -> str:
    """A batching_parameters_file."""
    message = _messages()["BatchingParameters"]()
    for name, _ in _WRAPPED:
        getattr(message, name).value = getattr(batching, name)
    message.allowed_batch_sizes.extend(batching.allowed_batch_sizes)
    message.pad_variable_length_inputs = batching.pad_variable_length_inputs
    return text_format.MessageToString(message)


def read_batching(text: str) -> Batching:
    """The settings of a batching_parameters_file; raises ValueError that says what is wrong."""
    message = _parsed("BatchingParameters", text)
    given = {name: getattr(message, name).value for name, _ in _WRAPPED if message.HasField(name)}
    return Batching(
        **given,
        allowed_batch_sizes=tuple(message.allowed_batch_sizes),
        pad_variable_length_inputs=message.pad_variable_length_inputs,
    )


def monitoring_text(path: str = METRICS_PATH) -> str:
    """A monitoring_config_file that serves Prometheus metrics at `path`."""
    message = _messages()["MonitoringConfig"]()
    message.prometheus_config.enable = True
    message.prometheus_config.path = path
    return text_format.MessageToString(message)


def read_monitoring(text: str) -> str | None:
    """Where metrics are served, or None; raises ValueError that says what is wrong."""
    config = _parsed("MonitoringConfig", text).prometheus_config
    if config.path and not config.path.startswith("/"):
        raise ValueError(f"prometheus_config.path: expected /..., got {config.path!r}")
    return (config.path or METRICS_PATH) if config.enable else None


def _parsed(kind: str, text: str) -> Any:
    try:
        return text_format.Parse(text, _messages()[kind]())
    except text_format.ParseError as error:
        raise ValueError(f"not {kind} in text form: {error}") from None


@functools.cache
def _messages() -> dict[str, Any]:
    """The message classes by name, made of their descriptions."""
    from google.protobuf import wrappers_pb2

    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="perceiver_keras/server/parameters.proto",
        package="perceiver_keras.server",
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )

    def add(
        message: Any, name: str, number: int, kind: int, of: str = "", many: bool = False
    ) -> None:
        label = field.LABEL_REPEATED if many else field.LABEL_OPTIONAL
        message.field.add(name=name, number=number, type=kind, type_name=of or None, label=label)

    batching = file.message_type.add(name="BatchingParameters")
    for name, number in _WRAPPED:
        add(batching, name, number, field.TYPE_MESSAGE, ".google.protobuf.Int64Value")
    add(batching, "thread_pool_name", 5, field.TYPE_MESSAGE, ".google.protobuf.StringValue")
    add(batching, "allowed_batch_sizes", 6, field.TYPE_INT64, many=True)
    add(batching, "pad_variable_length_inputs", 7, field.TYPE_BOOL)
    prometheus = file.message_type.add(name="PrometheusConfig")
    add(prometheus, "enable", 1, field.TYPE_BOOL)
    add(prometheus, "path", 2, field.TYPE_STRING)
    monitoring = file.message_type.add(name="MonitoringConfig")
    of = ".perceiver_keras.server.PrometheusConfig"
    add(monitoring, "prometheus_config", 1, field.TYPE_MESSAGE, of)

    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return {
        kind: message_class(pool.FindMessageTypeByName(f"{file.package}.{kind}"))
        for kind in ("BatchingParameters", "MonitoringConfig")
    }
