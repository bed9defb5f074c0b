"""The TFX graph that takes any task from its data set to a pushed model, and what runs it.

    from perceiver_keras.pipeline import PipelineSettings, create_pipeline, run

    settings = PipelineSettings.create("image_classification", run_dir="runs/mine")
    run(settings)                          # on this machine, as `perceiver run` does
    graph = create_pipeline(settings)      # a tfx.dsl.Pipeline, for a runner of your own

`pk.pipeline("optical-flow")` is another thing of that name, a model to ask: see `perceiver_keras.ask.pipeline`.

Importing the package is fast: TFX is imported by the first name that needs it.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

from perceiver_keras import checkout

checkout.one_name(__name__)

# Public name -> its module here.
_HOMES = {"create_pipeline": "pipeline", "PipelineSettings": "settings", "run": "local_runner"}


class _Package(ModuleType):
    """`pk.pipeline` is both this package and what people call: `pk.pipeline("optical-flow")`."""

    def __call__(self, task: str, model: Any = None, *, weights: Any = None) -> Any:
        """A model to ask: see `perceiver_keras.ask.pipeline`."""
        from perceiver_keras.ask import pipeline

        return pipeline(task, model, weights=weights)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
