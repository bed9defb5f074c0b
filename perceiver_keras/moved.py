"""Modules that have moved, by their names in `.keras` files that version 0.1 saved.

Keras stores the module of every class in a `.keras` file and imports it when the file is loaded.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from types import ModuleType
from typing import Any

_TASKS = "perceiver_keras.tasks"
MOVED = {
    f"{_TASKS}.audio_model": f"{_TASKS}.audio_classification.model",
    f"{_TASKS}.flow_measures": f"{_TASKS}.optical_flow.metrics",
    f"{_TASKS}.glue_model": f"{_TASKS}.glue.model",
    f"{_TASKS}.image_model": f"{_TASKS}.image_classification.model",
    f"{_TASKS}.multimodal_model": f"{_TASKS}.multimodal_autoencoding.model",
    f"{_TASKS}.starcraft_model": f"{_TASKS}.starcraft_entities.model",
    "perceiver_keras.agreement": "perceiver_keras.metrics.agreement",
    "perceiver_keras.optimize": "perceiver_keras.training.optimizer",
}


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Provides the new module when the old name is imported."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        return importlib.machinery.ModuleSpec(name, self) if name in MOVED else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        # The import system returns the entry that it finds here afterwards.
        sys.modules[module.__name__] = importlib.import_module(MOVED[module.__name__])


def install() -> None:
    """Makes the old names importable; calling it again has no effect."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
