"""The base of every task's model: a Keras model that knows its preset, its labels and its way to a folder and back.

A preset folder holds `config.json` (the whole TaskConfig), `task.json` (task, preset, labels),
`model.weights.h5` and `README.md` (a model card).
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from perceiver_keras.config import (
    PerceiverConfig,
    TaskConfig,
    from_dict,
    from_json,
    override,
    to_dict,
    to_json,
)
from perceiver_keras.errors import PerceiverError, UsageError, nearest
from perceiver_keras.files import write_json, write_whole
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.joint import JointModel

PRESET_FILES = ("config.json", "task.json", "model.weights.h5")


class TaskModel(JointModel):
    """A Perceiver IO for one task, built from its model configuration alone.

    A subclass makes the six stages from its configuration and hands them over:
    `super().__init__(config, preprocess=…, encode=…, …)`.

    Attributes:
      config: The model's configuration; `get_config` returns it as plain JSON.
      labels: Names of the classes where the task has classes and they are known, else None.
      task_config: The whole configuration where the model came from a preset, else None.
    """

    task_name: ClassVar[str]
    config_class: ClassVar[type[PerceiverConfig]]

    def __init__(self, config: PerceiverConfig, **stages_and_name: Any):
        super().__init__(**stages_and_name)
        self.config = config
        self.labels: list[str] | None = None
        self.task_config: TaskConfig | None = None

    def get_config(self) -> dict[str, Any]:
        return {"config": to_dict(self.config), "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TaskModel:
        return cls(from_dict(cls.config_class, config["config"]), name=config.get("name"))

    def build_all(self) -> TaskModel:
        """Creates every weight by one symbolic call on the task's own inputs; returns itself."""
        if not self.built:
            self(self.symbolic_inputs())
        return self

    def symbolic_inputs(self) -> Any:
        """Keras inputs as the model takes them."""
        raise TypeError(f"{type(self).__name__} must say what it takes.")

    def answer(self, contents: Sequence[bytes], top: int = 5) -> list[Any]:
        """The contents of files, as users have them, to one answer a request; the keys are Hugging Face's.

        Raises:
          UsageError: the model was not made from a preset, so how its inputs are prepared is unknown.
        """
        outputs = self.serve_contents(contents)
        return registry.get(self.task_name).answer(outputs, self.labels, top)

    def serve_contents(self, contents: Sequence[Any]) -> dict[str, np.ndarray]:
        """The contents of requests to what the served model returns, one row a request; raises as `answer`."""
        if self.task_config is None:
            raise UsageError("Answers need a model from from_preset or load: they know the data.")
        task = registry.get(self.task_name)
        outputs = task.serve(self, task.read(contents), self.task_config, self.labels)
        return {name: value.numpy() for name, value in outputs.items()}

    @classmethod
    def from_preset(
        cls, name_or_folder: str | os.PathLike, weights: str | None = None, **overrides: Any
    ) -> TaskModel:
        """A model from a preset's name, or from a folder that `save_to_preset` wrote (with its weights).

        Args:
          name_or_folder: As `perceiver presets` lists them, or a folder.
          weights: Weights to load: a preset folder or a `.weights.h5` file; "deepmind" or "huggingface"
            (downloaded once); an official pickle, `.safetensors`, `.bin` or a repository's folder, told
            apart by content: the model then has the file's sizes. None: the folder's own, or fresh ones
            for a named preset.
          overrides: Keys of the model's configuration, `num_classes=10`; nested ones with two
            underscores, `encode__num_latents=32`.

        Raises:
          UsageError: no such preset or key. PerceiverError: the folder or the weights don't fit.
        """
        folder = Path(name_or_folder)
        labels = None
        if folder.is_dir():
            config, about = read_preset_folder(folder)
            labels = about["labels"]
            weights = weights or str(folder)
        else:
            presets = registry.presets(cls.task_name)
            if str(name_or_folder) not in presets:
                raise UsageError(
                    f"{str(name_or_folder)!r} is neither a folder nor a preset of {cls.task_name}."
                    f"{nearest(str(name_or_folder), presets)}"
                )
            config = presets[str(name_or_folder)].config
        if weights is not None:
            from perceiver_keras.tasks import official  # which imports this module

            if checkpoint := official.read_weights(weights, str(name_or_folder)):
                return official.model_from(cls, config, checkpoint, **overrides)
        assignments = [
            f"model.{key.replace('__', '.')}={json.dumps(value)}"
            for key, value in overrides.items()
        ]
        config = override(config, *assignments)
        model = cls(config.model).build_all()
        model.labels, model.task_config = labels, config
        if weights is not None:
            load_weights(model, weights)
        return model

    def save_to_preset(
        self,
        folder: str | os.PathLike,
        *,
        task_config: TaskConfig | None = None,
        preset: str = "custom",
        labels: list[str] | None = None,
    ) -> Path:
        """Writes the four files into `folder`, which is whole or absent at any time; returns it.

        Args:
          task_config: How it was trained; by default the preset's that the model came from.
        """
        folder = Path(folder)
        labels = labels if labels is not None else self.labels
        if task_config is None:
            known = self.task_config or next(iter(registry.presets(self.task_name).values())).config
            task_config = dataclasses.replace(known, model=self.config)
        aside = folder.with_name(f"{folder.name}.tmp-{os.getpid()}")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        self.build_all().save_weights(str(aside / "model.weights.h5"))
        portable, files = self.portable(task_config)
        for name, content in files.items():
            write_whole(aside / name, content)
        write_whole(aside / "config.json", to_json(portable))
        write_json(
            aside / "task.json", {"task": self.task_name, "preset": preset, "labels": labels}
        )
        write_whole(aside / "README.md", _model_card(self, preset, labels))
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(aside, folder)
        return folder

    def portable(self, task_config: TaskConfig) -> tuple[TaskConfig, dict[str, bytes]]:
        """The configuration as it travels, and the files that it names and that travel with it, {name: content}."""
        return task_config, {}

    @classmethod
    def located(cls, task_config: TaskConfig, folder: Path) -> TaskConfig:
        """A configuration that `portable` made, read from `folder`: its files are there."""
        return task_config


def read_preset_folder(folder: Path) -> tuple[TaskConfig, dict[str, Any]]:
    """The configuration and the `task.json` of a preset folder.

    Raises:
      PerceiverError: files are missing or damaged; the message names them.
    """
    missing = [name for name in PRESET_FILES if not (folder / name).is_file()]
    if missing:
        raise PerceiverError(
            f"{folder} is no preset folder: it lacks {', '.join(missing)}. "
            "`model.save_to_preset(folder)` and `perceiver train` write one."
        )
    try:
        about = json.loads((folder / "task.json").read_text())
        config_class = type(next(iter(registry.presets(about["task"]).values())).config)
        config = from_json(config_class, (folder / "config.json").read_text())
        return registry.model_class(about["task"]).located(config, folder), about
    except (json.JSONDecodeError, KeyError, UnicodeDecodeError) as error:
        raise PerceiverError(f"{folder}/task.json is damaged: {error!r}.") from None


def load(folder_or_preset: str | os.PathLike, weights: str | None = None) -> TaskModel:
    """The model in a preset folder, or `TASK/PRESET` by name; the task is found from it."""
    folder = Path(folder_or_preset)
    if folder.is_dir():
        task_name, preset = read_preset_folder(folder)[1]["task"], folder
    elif str(folder_or_preset).count("/") == 1:
        task_name, preset = str(folder_or_preset).split("/")
    else:
        owners = [
            row.name
            for row in (*registry.ROWS, *registry.MODELS)
            if str(folder_or_preset) in registry.presets(row.name)
        ]
        if len(owners) != 1:
            raise UsageError(
                f"{str(folder_or_preset)!r} is no folder and "
                f"{'no preset' if not owners else 'a preset of ' + ', '.join(owners)}; "
                "name a preset folder, or TASK/PRESET as `perceiver presets` lists them."
            )
        task_name, preset = owners[0], str(folder_or_preset)
    return registry.model_class(task_name).from_preset(preset, weights=weights)


def load_weights(model: TaskModel, weights: str | os.PathLike) -> None:
    """Loads a preset folder's or a `.weights.h5` file's weights.

    Raises:
      PerceiverError: nothing there, damaged, or of another architecture.
    """
    path = Path(weights)
    if path.is_dir():
        path = path / "model.weights.h5"
    if not path.is_file():
        raise PerceiverError(f"No weights at {path}; name a preset folder or a .weights.h5 file.")
    try:
        model.build_all().load_weights(str(path))
    except (ValueError, OSError, KeyError) as error:
        last = str(error).strip().splitlines()[-1]
        raise PerceiverError(f"The weights in {path} don't fit {model.name}: {last}") from error


def _model_card(model: TaskModel, preset: str, labels: list[str] | None) -> str:
    classes = "" if labels is None else f"- Classes: {len(labels)} ({', '.join(labels[:10])})\n"
    return (
        f"# {type(model).__name__}\n\n"
        f"A Perceiver IO (Jaegle et al., 2021) for {model.task_name.replace('_', ' ')}.\n\n"
        f"- Preset: {preset}\n- Parameters: {model.count_params():,}\n{classes}\n"
        "```python\nimport perceiver_keras as pk\n\nmodel = pk.load('THIS FOLDER')\n```\n\n"
        "`config.json` holds the model's sizes, the data set and the training recipe.\n"
    )
