"""Where a pipeline keeps things, and how it finds what earlier runs kept: in a run folder, or on a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.resolver import Resolver
from tfx.types import BaseChannel, Channel, standard_artifacts

from perceiver_keras.components.accepted_schema import LatestAcceptedSchema
from perceiver_keras.components.baseline import LatestBlessedOther
from perceiver_keras.components.trainer import Trainer
from perceiver_keras.pipeline.settings import PipelineSettings
from perceiver_keras.pipeline.store import connection


class Places(Protocol):
    """What `create_pipeline` must know about where it will run.

    Attributes:
      name: Of the pipeline.
      root: For the artifacts.
      pushed: For the pushed versions.
      told: {"run_dir" or "shared": where people look and accept schemas}.
      metadata: How to reach the metadata store; None: the engine has one.
    """

    name: str
    root: str
    pushed: str
    told: Mapping[str, str]
    metadata: metadata_store_pb2.ConnectionConfig | None

    def state(self, fingerprint: str) -> str:
        """The folder for checkpoints, given the data's fingerprint."""

    def words(self, fingerprint: str) -> str:
        """The folder for a vocabulary that is learned from the data."""

    def accepted_schema(self, proposal: BaseChannel) -> BaseNode:
        """The node with the output `schema`, which may be none."""

    def baseline(self, candidate: BaseChannel) -> BaseNode:
        """The node with the outputs `model` and `model_blessing`, which may be none."""

    def keep_schema(self, **channels: BaseChannel) -> Sequence[BaseNode]:
        """What keeps the accepted schema for later runs, given `proposal`, `fingerprints` and `anomalies`."""

    def keep_baseline(self, **channels: BaseChannel) -> Sequence[BaseNode]:
        """What keeps the baseline for later runs, given `model`, `blessing` and `pushed_model`."""

    def trainer(self, custom_config: Mapping[str, Any], **arguments: Any) -> BaseComponent:
        """The Trainer."""


class RunFolder:
    """`Places` in `settings.run_dir`, whose metadata store the resolvers ask."""

    def __init__(self, settings: PipelineSettings):
        self._settings = settings
        self.name = settings.pipeline_name
        self.root = str(settings.folder("artifacts"))
        self.pushed = str(settings.folder("pushed"))
        self.told = {"run_dir": str(settings.run_dir)}

    @property
    def metadata(self) -> metadata_store_pb2.ConnectionConfig:
        return connection(self._settings.run_dir, self._settings.metadata_uri, create=True)

    def state(self, fingerprint: str) -> str:
        return str(self._settings.training_state(fingerprint))

    def words(self, fingerprint: str) -> str:
        return str(self._settings.words(fingerprint))

    def accepted_schema(self, proposal: BaseChannel) -> BaseNode:
        return Resolver(
            strategy_class=LatestAcceptedSchema,
            schema=Channel(type=standard_artifacts.Schema),
            anomalies=Channel(type=standard_artifacts.ExampleAnomalies),
            proposal=proposal,
        ).with_id("accepted_schema")

    def baseline(self, candidate: BaseChannel) -> BaseNode:
        return Resolver(
            strategy_class=LatestBlessedOther,
            config={"rebaseline": self._settings.rebaseline},
            model=Channel(type=standard_artifacts.Model),
            model_blessing=Channel(type=standard_artifacts.ModelBlessing),
            candidate=candidate,
        ).with_id("baseline")

    def keep_schema(self, **channels: BaseChannel) -> Sequence[BaseNode]:
        return ()  # the store has it

    def keep_baseline(self, **channels: BaseChannel) -> Sequence[BaseNode]:
        return ()

    def trainer(self, custom_config: Mapping[str, Any], **arguments: Any) -> BaseComponent:
        return Trainer(custom_config=dict(custom_config), **arguments)
