"""What a task is: a model, its presets, and the contract in four parts that everything around the model reads.

A task is a folder of plain functions, in the order in which data passes through them: `data.py`, `model.py`,
`metrics.py`, `serve.py`, `predict.py`. In shapes, B is the number of examples in a batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tensorflow import keras

from perceiver_keras.config import TaskConfig
from perceiver_keras.config_tree import merge, override
from perceiver_keras.convert.hub import preset_of
from perceiver_keras.errors import UsageError, nearest
from perceiver_keras.tasks.contract.asking import Asking
from perceiver_keras.tasks.contract.examples import Examples
from perceiver_keras.tasks.contract.measures import Measures
from perceiver_keras.tasks.contract.serving import Serving


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A named configuration and the source of its numbers (a table of the paper, a release, or ours).

    `fine_tuning` is what differs when training starts from other weights: a partial tree of settings, empty where the
    recipe is one for fine-tuning already.
    """

    config: TaskConfig
    source: str
    fine_tuning: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Task:
    """All that `train`, `evaluate`, `export`, the pipeline and the command line know about a task.

    Attributes:
      name: As in the registry.
      summary: One line for people.
      model: The class of the Keras model, a `TaskModel`.
      presets: By name; `tiny` trains on two CPU cores in minutes.
      examples, measures, serving, asking: The four parts of the contract; see `tasks/contract/`.
    """

    name: str
    summary: str
    model: type[keras.Model]
    presets: Mapping[str, Preset]
    examples: Examples
    measures: Measures
    serving: Serving
    asking: Asking

    @property
    def config_class(self) -> type[TaskConfig]:
        """The type of this task's configurations."""
        return type(next(iter(self.presets.values())).config)

    def preset(self, name: str) -> Preset:
        """The preset of that name, or of that repository of the hub; raises `UsageError` that offers the nearest."""
        name = preset_of(name) or name
        if name not in self.presets:
            raise UsageError(f"{self.name} has no preset {name!r}.{nearest(name, self.presets)}")
        return self.presets[name]

    def configure(
        self,
        preset: str = "tiny",
        layers: Sequence[tuple[str, Mapping[str, Any]]] = (),
        overrides: Sequence[str] = (),
        seed: int | None = None,
    ) -> TaskConfig:
        """Starts from a preset and applies layers, then overrides, then the seed; later ones win.

        If these name another TFDS data set than the preset's, what it determines (`examples.settings_of`) comes before
        them.

        Args:
          preset: Its name.
          layers: Pairs of (where it comes from, for error messages; a partial tree of settings).
          overrides: "key=value" strings; keys may be spelled with `-`.
          seed: Of the run; None keeps the configuration's own.

        Raises:
          UsageError: there is no such preset or key, or a value has the wrong type; the message says where it came
            from.
        """
        start = self.preset(preset).config
        config = _applied(start, layers, overrides)
        if config.data.dataset != start.data.dataset:
            found = (f"Data set {config.data.dataset!r}", self.examples.settings_of(config))
            config = _applied(start, [found, *layers], overrides)
        return config if seed is None else override(config, f"train.seed={seed}")

    def build(self, config: TaskConfig) -> keras.Model:
        """A new model with fresh weights, as Keras seeds them."""
        return self.model(config.model)


def _applied(
    config: TaskConfig, layers: Sequence[tuple[str, Mapping[str, Any]]], overrides: Sequence[str]
) -> TaskConfig:
    for source, values in layers:
        try:
            config = merge(config, values)
        except UsageError as error:
            raise UsageError(f"{source}: {error}") from None
    return override(config, *overrides)
