"""The settings of one run of the pipeline, and where it keeps things."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from perceiver_keras.config import PerceiverConfig, TaskConfig
from perceiver_keras.config_tree import to_dict
from perceiver_keras.data.store import spans
from perceiver_keras.errors import UsageError
from perceiver_keras.pipeline.code import code_fingerprint
from perceiver_keras.places import is_pattern
from perceiver_keras.remote import is_remote
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.task import Task
from perceiver_keras.training.warm_start import fingerprint

# What ExampleValidator reads, and nothing else.
DATA_CHECKS = ("on_anomaly", "max_leak_share", "max_drift", "max_class_drift")


@dataclass(frozen=True, kw_only=True)
class PipelineSettings:
    """A run: the task with its whole configuration, the run folder, and how the run is executed.

    Attributes:
      run_dir: For everything: metadata, artifacts, training state, pushed models, report and run.json.
      overrides: The user's changes as "key=value", for the record; `config` includes them already.
      rebaseline: Do not compare with the last blessed model, because labels or signature have changed.
      metadata_uri: None for SQLite in the run folder, or "mysql://USER@HOST:PORT/DATABASE"; see `address.read`.
      beam_args: Arguments of Beam's runner; none: the DirectRunner in this process. With any, TFX packs itself for
        remote workers before each component, which takes a second.
      cache: Reuse the results of components whose inputs, parameters and code are unchanged.
    """

    task_name: str
    preset: str
    config: TaskConfig
    run_dir: Path
    overrides: tuple[str, ...] = ()
    rebaseline: bool = False
    metadata_uri: str | None = field(default=None, repr=False)  # it may hold a password
    beam_args: tuple[str, ...] = ()
    cache: bool = True

    @classmethod
    def create(
        cls,
        task_name: str,
        *,
        preset: str = "tiny",
        layers: Sequence[tuple[str, Mapping[str, Any]]] = (),
        overrides: tuple[str, ...] = (),
        run_dir: str | os.PathLike,
        seed: int | None = None,
        **kwargs: Any,
    ) -> PipelineSettings:
        """Applies layers of settings, then overrides, then the seed to a preset: see `Task.configure`."""
        task = registry.get(task_name)
        config = task.configure(preset, layers, overrides, seed)
        if is_remote(run_dir) or is_pattern(run_dir):
            raise UsageError(
                f"run_dir {run_dir}: the pipeline's run folder must be on this machine, because its metadata is in "
                "SQLite, and its name without [, *, ? and \\, which TFX takes for patterns."
            )
        if spans.has_span(config.data.data_dir):
            data_dir, span = spans.newest(config.data.data_dir, config.data.span)
            data = dataclasses.replace(config.data, data_dir=data_dir, span=span)
            config = dataclasses.replace(config, data=data)
        if seed is not None:
            overrides = (*overrides, f"train.seed={seed}")
        return cls(
            task_name=task.name,
            preset=preset,
            config=config,
            run_dir=Path(run_dir).expanduser().absolute(),
            overrides=overrides,
            **kwargs,
        )

    @property
    def task(self) -> Task:
        return registry.get(self.task_name)

    @property
    def pipeline_name(self) -> str:
        """The task's; in a database, which run folders may share, with the folder's id."""
        if self.metadata_uri is None:
            return self.task_name
        from perceiver_keras.pipeline.shared_store import pipeline_name

        return pipeline_name(self.task_name, self.run_dir)

    def folder(self, name: str) -> Path:
        return self.run_dir / name

    # === What each component depends on: other changes must not run it again ===

    def data_config(self) -> dict[str, Any]:
        """The configuration for the components of the data: settings that no record depends on are the preset's."""
        preset = self.task.preset(self.preset).config
        data = dataclasses.replace(
            self._unchecked().data,
            batch_size=preset.data.batch_size,
            shuffle_buffer=preset.data.shuffle_buffer,
        )
        stages = {
            stage.name: getattr(preset.model, stage.name) for stage in fields(PerceiverConfig)
        }
        return to_dict(
            dataclasses.replace(
                self.config,
                data=data,
                model=dataclasses.replace(self.config.model, **stages),
                train=preset.train,
                evaluate=preset.evaluate,
            )
        )

    def train_config(self) -> dict[str, Any]:
        """The configuration for the Trainer: the settings of the gate are the preset's."""
        preset = self.task.preset(self.preset).config
        evaluate = dataclasses.replace(preset.evaluate, batch_size=self.config.evaluate.batch_size)
        return to_dict(dataclasses.replace(self._unchecked(), evaluate=evaluate))

    def _unchecked(self) -> TaskConfig:
        """The configuration in which the limits for data are the preset's: no example and no weight depends on them."""
        preset = self.task.preset(self.preset).config.data
        limits = {name: getattr(preset, name) for name in DATA_CHECKS}
        return dataclasses.replace(
            self.config, data=dataclasses.replace(self.config.data, **limits)
        )

    def training_state(self, data_fingerprint: str) -> Path:
        """The folder for checkpoints, the same for the same data, configuration and code."""
        init = fingerprint(self.config.train.init)
        code = code_fingerprint(self.task_name)
        # Whatever the size of evaluation's batches, the steps are the same and must not be lost.
        preset = self.task.preset(self.preset).config
        trained = to_dict(dataclasses.replace(self._unchecked(), evaluate=preset.evaluate))
        key = digest(data_fingerprint, trained, code, *filter(None, [init]))
        return self.folder("training") / key

    def words(self, data_fingerprint: str) -> Path:
        """The folder for a vocabulary that is learned from the data, the same whatever is trained on it."""
        code = code_fingerprint(self.task_name)
        return (
            self.folder("training") / f"words-{digest(data_fingerprint, self.data_config(), code)}"
        )


def digest(*parts: Any) -> str:
    """A short hash of values that JSON can express."""
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
