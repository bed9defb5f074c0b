"""What one run of the pipeline needs to know, and where it keeps things."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import perceiver_keras
from components import transform_graph
from perceiver_keras.config import PerceiverConfig, TaskConfig, merge, override, to_dict
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.task import Task
from perceiver_keras.warm_start import fingerprint

# Where code that decides the trained weights lives; the command line and the pictures do not.
CODE_THAT_TRAINS = ("data", "preprocess", "layers", "postprocess", "tasks")


@dataclass(frozen=True, kw_only=True)
class PipelineSettings:
    """A run: the task and its whole configuration, the folder it lives in, and how it is executed.

    Attributes:
      run_dir: Holds everything: metadata, artifacts, training state, pushed models, report and run.json.
      overrides: The user's own changes as "key=value", for the record; `config` already has them.
      rebaseline: Do not compare with the last blessed model (its labels or signature have changed).
      metadata_uri: None for SQLite in the run folder, else "mysql://USER:PASSWORD@HOST:PORT/DATABASE".
      beam_args: Arguments of Beam's runner; the default is the DirectRunner in this process.
      cache: Reuse the results of components whose inputs, parameters and code are unchanged.
    """

    task_name: str
    preset: str
    config: TaskConfig
    run_dir: Path
    overrides: tuple[str, ...] = ()
    rebaseline: bool = False
    metadata_uri: str | None = None
    beam_args: tuple[str, ...] = field(
        default=("--runner=DirectRunner", "--direct_running_mode=in_memory")
    )
    cache: bool = True

    @classmethod
    def create(
        cls,
        task_name: str,
        *,
        preset: str = "tiny",
        config_values: tuple[dict[str, Any], ...] = (),
        overrides: tuple[str, ...] = (),
        run_dir: str | os.PathLike,
        seed: int | None = None,
        **kwargs: Any,
    ) -> PipelineSettings:
        """From a preset, then configuration files in order, then overrides, then the seed."""
        task = registry.get(task_name)
        config = task.preset(preset).config
        for values in config_values:
            config = merge(config, values)
        if seed is not None:
            overrides = (*overrides, f"train.seed={seed}")
        config = override(config, *overrides)
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

    def folder(self, name: str) -> Path:
        return self.run_dir / name

    # === What each component depends on: a change elsewhere must not run it again ===

    def data_config(self) -> dict[str, Any]:
        """The configuration as the data's components see it: what no record depends on is as in the preset."""
        preset = self.task.preset(self.preset).config
        data = dataclasses.replace(
            self.config.data,
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
        """The configuration as the Trainer sees it: without the gate."""
        preset = self.task.preset(self.preset).config
        return to_dict(dataclasses.replace(self.config, evaluate=preset.evaluate))

    def training_state(self, data_fingerprint: str) -> Path:
        """A stable folder for checkpoints, the same for the same data, configuration and code."""
        init = fingerprint(self.config.train.init)
        key = digest(
            data_fingerprint, self.train_config(), code_fingerprint(), *filter(None, [init])
        )
        return self.folder("training") / key


def digest(*parts: Any) -> str:
    """A short name for JSON-able values."""
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def code_fingerprint() -> str:
    """A hash of the source that decides what a trained model is; TFX itself does not look at imported code."""
    root = Path(perceiver_keras.__file__).parent
    files = [path for path in root.glob("*.py") if not path.name.startswith("cli")]
    for folder in CODE_THAT_TRAINS:
        files += (root / folder).rglob("*.py")
    files += [Path(__file__).with_name("user_module.py"), Path(transform_graph.__file__)]
    result = hashlib.sha256()
    for path in sorted(files):
        result.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return result.hexdigest()[:16]
