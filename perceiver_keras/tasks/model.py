"""The base of every task's model: Perceiver IO built from its configuration, with its preset and labels."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.baselines import transformer
from perceiver_keras.config import DecodeConfig, PerceiverConfig, TaskConfig
from perceiver_keras.config_tree import from_dict, override, to_dict
from perceiver_keras.convert.hub import preset_of
from perceiver_keras.decode import Decode
from perceiver_keras.encode import Encode
from perceiver_keras.errors import UsageError, nearest
from perceiver_keras.layers.weights_only import without_blocks
from perceiver_keras.perceiver_io_checks import whole
from perceiver_keras.policy import precision
from perceiver_keras.process import Process
from perceiver_keras.remote import as_path
from perceiver_keras.tasks import model_inputs, official, preset_folder, registry, run_folder
from perceiver_keras.tasks.joint_model import JointModel
from perceiver_keras.tasks.served import Served, key_of


class TaskModel(JointModel):
    """A Perceiver IO for one task, built from its model configuration alone.

    Encode, process and decode are built alike in all tasks; a subclass supplies the other three stages:
    `super().__init__(config, preprocess=…, query=…, postprocess=…)`.

    Attributes:
      config: The model's configuration; `get_config` returns it as plain JSON.
      labels: Names of the classes, if the task has classes and their names are known; else None.
      task_config: The whole configuration if the model came from a preset, else None.
    """

    task_name: ClassVar[str]
    config_class: ClassVar[type[PerceiverConfig]]
    # The weights that depend on the labels, by the start of their paths, and the settings that decide their shapes.
    # Starting from a model for other labels leaves these new; see `transfer.py`.
    heads: ClassVar[tuple[str, ...]] = ()
    takes_transformer: ClassVar[bool] = (
        False  # whether `model.backbone=transformer` is for its inputs
    )
    head_settings: ClassVar[tuple[str, ...]] = ()
    # The axes of an input that may have other sizes than in `symbolic_inputs`.
    free_axes: ClassVar[slice] = slice(1, None)
    _served: Served | None = None
    _takes: Any = None

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = _with_policy(cls.__init__)

    def __init__(
        self,
        config: PerceiverConfig,
        *,
        preprocess: keras.layers.Layer,
        query: keras.layers.Layer,
        postprocess: keras.layers.Layer,
        decode: DecodeConfig | None = None,
        **kwargs: Any,
    ):
        """Construct.

        Args:
          config: The model's configuration.
          preprocess, query, postprocess: The task's own stages, as layers of these names.
          decode: Used instead of `config.decode` if the task determines the output channels.
          **kwargs: Passed to Keras; `dtype` is the policy of all stages, those that a subclass makes too.
        """
        shared = {
            "activation": config.activation,
            "attention_memory_mb": config.attention_memory_mb,
        }
        name = getattr(self, "task_name", type(self).__name__)
        transformer.check_task(name, self.takes_transformer, config)
        if config.backbone == "transformer":
            between = transformer.stages(
                config.transformer, query, decode or config.decode, **shared
            )
        else:
            between = {
                "encode": Encode(config.encode, **shared, name="encode"),
                "process": Process(config.process, **shared, name="process"),
                "query": query,
                "decode": Decode(decode or config.decode, **shared, name="decode"),
            }
        super().__init__(preprocess=preprocess, **between, postprocess=postprocess, **kwargs)
        self.config = config
        self.labels: list[str] | None = None
        self.task_config: TaskConfig | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.built:
            self.check_inputs(args[0] if args else kwargs.get("inputs"))
        return super().__call__(*args, **kwargs)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `UsageError` if the model can't take what it is called with."""
        if self._takes is None:
            object.__setattr__(self, "_takes", self.symbolic_inputs())  # Keras's own would save it
        model_inputs.check(type(self).__name__, inputs, self._takes, self.free_axes)

    @unconverted
    def call(
        self,
        inputs: Any,
        mask: tf.Tensor | None = None,
        query_mask: tf.Tensor | None = None,
        points: Any = None,
        training: bool | None = None,
        return_attention: bool = False,
    ) -> Any:
        want = {"points": points, "training": training, "return_attention": return_attention}
        if self.config.backbone != "transformer":
            return super().call(inputs, mask=mask, query_mask=query_mask, **want)
        return transformer.run(self, inputs, mask, **want)

    def get_config(self) -> dict[str, Any]:
        policy = self.dtype_policy.name
        return {"config": to_dict(self.config), "name": self.name, "dtype": policy}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TaskModel:
        model = from_dict(cls.config_class, config["config"])
        # Files of earlier versions do not say the policy.
        return cls(model, name=config.get("name"), dtype=config.get("dtype"))

    @classmethod
    def position_grid(cls, config: PerceiverConfig) -> tuple[int, ...] | None:
        """The grid (height, width) of learned positions that can be interpolated to another picture size."""
        return None

    @classmethod
    def kept(cls, config: PerceiverConfig, start: PerceiverConfig) -> dict[str, Any]:
        """What must be set in `config` so that weights of a model with `start` fit it and mean the same."""
        return {}

    def build_all(self) -> TaskModel:
        """Creates all weights, by a symbolic call on the task's inputs; returns the model itself."""
        if not self.built:
            with without_blocks():
                self(self.symbolic_inputs())
        return self

    def symbolic_inputs(self) -> Any:
        """Keras inputs in the structure, shapes and types that the model takes."""
        raise TypeError(f"{type(self).__name__} must say what it takes.")

    def answer(self, contents: Iterable[Any], top: int = 5) -> list[Any]:
        """One answer per request, with Hugging Face's keys.

        Args:
          contents: A list of what the task's own method (`classify`, `fill_mask`, …) takes one of.
          top: How many labels to return, for tasks with labels.

        Raises:
          UsageError: something is not what the task takes; `top` is below 1; or the model does not come from a preset,
            so it is unknown how to prepare its inputs.
        """
        whole("top", top)
        contents = _listed(contents)
        if not contents:
            return []
        outputs = self.serve_contents(contents)
        return registry.get(self.task_name).asking.answers(outputs, self.labels, top)

    def serve_contents(self, contents: Iterable[Any]) -> dict[str, np.ndarray]:
        """What the served model returns for these requests, one row per request; raises as `answer` does."""
        if self.task_config is None:
            raise UsageError(
                "Only a model from `from_preset` or `load` can answer: it knows how to prepare its inputs."
            )
        task = registry.get(self.task_name)
        return self.served(task.asking.pack(_listed(contents)))

    def served(self, raw: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """What `serving_default` returns for raw inputs, one row per request; of a model with a `task_config`."""
        if self._served is None or key_of(self, self.task_config, self.labels) != self._served.key:
            task = registry.get(self.task_name)
            made = Served(task, self, self.task_config, self.labels)
            object.__setattr__(self, "_served", made)  # Keras's own setter would save it
        return self._served(raw)

    @classmethod
    def from_preset(
        cls, name_or_folder: str | os.PathLike, weights: str | None = None, **overrides: Any
    ) -> TaskModel:
        """A model from a named preset, or from a folder that `save_to_preset` wrote (with its weights).

        Args:
          name_or_folder: A name that `perceiver presets` lists; a folder, also one of a run; or a repository of the
            hub, such as "deepmind/optical-flow-perceiver", which brings its weights.
          weights: Weights to load: a preset folder or a `.weights.h5` file; "deepmind" or "huggingface" (downloaded
            once); an official pickle, `.safetensors` or `.bin` file, or a repository's folder. Official weights are
            recognized by their content, and the model takes their sizes. None: the folder's own weights, or fresh
            ones for a named preset.
          overrides: Keys of the model's configuration, such as `num_classes=10`; nested ones with two underscores,
            `encode__num_latents=32`. With weights for another number of classes the head is new, and learned positions
            are interpolated to another `image_size`; a warning says which weights. Everything else must fit.

        Raises:
          UsageError: there is no such preset or key.
          PerceiverError: the folder is damaged, or the weights do not fit.
        """
        if released := preset_of(name_or_folder):
            name_or_folder, weights = released, weights or "huggingface"
        folder = run_folder.preset_in(name_or_folder)
        presets, labels = registry.get(cls.task_name).presets, None
        if folder.is_dir() and (
            str(name_or_folder) not in presets or preset_folder.hides_preset(folder)
        ):
            config, about = preset_folder.read(folder)
            labels = about["labels"]
            weights = weights or str(folder)
        else:
            if str(name_or_folder) not in presets:
                raise UsageError(
                    f"{str(name_or_folder)!r} is neither a folder nor a preset of {cls.task_name}."
                    f"{nearest(str(name_or_folder), presets)}"
                )
            config = presets[str(name_or_folder)].config
        if weights is not None and (
            checkpoint := official.read_weights(weights, str(name_or_folder))
        ):
            return official.model_from(cls, config, checkpoint, **overrides)
        if weights is not None:
            return preset_folder.model_from(cls, config, weights, labels, **overrides)
        config = override(config, *official.assignments(overrides))
        model = cls(config.model).build_all()
        model.labels, model.task_config = labels, config
        return model

    def save_to_preset(
        self,
        folder: str | os.PathLike,
        *,
        task_config: TaskConfig | None = None,
        preset: str = "custom",
        labels: list[str] | None = None,
    ) -> Path:
        """Writes a preset folder and returns its path; a reader sees the folder whole or not at all.

        Args:
          folder: Replaced if it exists.
          task_config: How the model was trained; by default, the configuration of the preset it came from.
          preset: The name by which people know the configuration.
          labels: By default, the model's own.
        """
        folder = as_path(folder)
        if task_config is None:
            presets = registry.get(self.task_name).presets
            known = self.task_config or next(iter(presets.values())).config
            task_config = dataclasses.replace(known, model=self.config)
        labels = labels if labels is not None else self.labels
        preset_folder.write(folder, self, task_config, preset, labels)
        return folder


def load(folder_or_preset: str | os.PathLike, weights: str | None = None) -> TaskModel:
    """The model in a preset folder or a run folder, or of a preset named as PRESET or TASK/PRESET.

    Args:
      folder_or_preset: The folder or the name; PRESET alone is enough if only one task has it. Of a run folder, the
        newest blessed model, or the one that `perceiver train` left; which one is logged. A repository of the hub, such
        as "deepmind/optical-flow-perceiver", is the preset with its weights.
      weights: As `TaskModel.from_preset` takes them.

    Raises:
      UsageError: it is neither, or several tasks have a preset of that name.
      PerceiverError: the folder is damaged, or the weights do not fit.
    """
    if released := preset_of(folder_or_preset):
        folder_or_preset, weights = released, weights or "huggingface"
    folder, name = run_folder.preset_in(folder_or_preset), str(folder_or_preset)
    task_name, _, of_task = name.partition("/")
    if folder.is_dir() and (preset_folder.hides_preset(folder) or not _names_preset(name)):
        task, preset = registry.get(preset_folder.read(folder)[1]["task"]), str(folder)
    elif of_task and (registry.is_task(task_name) or registry.having(of_task)):
        task, preset = registry.get(task_name), of_task
    else:
        owners, preset = registry.having(name), name
        if len(owners) > 1:
            listed = ", ".join(f"{task.name}/{name}" for task in owners)
            raise UsageError(f"Several tasks have a preset {name!r}; name one of {listed}.")
        if not owners:
            raise UsageError(
                f"{name!r} is neither a folder nor a preset; name a preset folder, or TASK/PRESET as "
                "`perceiver presets` lists them."
            )
        (task,) = owners
    return task.model.from_preset(preset, weights=weights)


def _names_preset(name: str) -> bool:
    task, _, preset = name.rpartition("/")
    if task:
        return registry.is_task(task) and preset in registry.get(task).presets
    return bool(registry.having(preset))


def _with_policy(init: Callable[..., None]) -> Callable[..., None]:
    """A constructor whose `dtype` is the policy of all layers that it makes, before or after Keras sees it."""

    @functools.wraps(init)
    def under(self: TaskModel, *args: Any, **kwargs: Any) -> None:
        dtype = kwargs.get("dtype")
        if dtype is None:
            return init(self, *args, **kwargs)
        with precision(getattr(dtype, "name", dtype)):
            return init(self, *args, **kwargs)

    return under


def _listed(contents: Any) -> list[Any]:
    if isinstance(contents, (str, bytes, os.PathLike)) or not hasattr(contents, "__iter__"):
        raise UsageError(f"Expected a list of requests; got one {type(contents).__name__}.")
    return list(contents)
