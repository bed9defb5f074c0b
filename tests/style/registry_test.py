"""A new task is one module in tasks/ and one line in the registry; all tasks have the same rooms."""

from __future__ import annotations

from perceiver_keras.tasks import registry
from tests.style.tree import ROOT, read

FOLDER = ROOT / "perceiver_keras" / "tasks"


def test_rows_are_unique() -> None:
    assert len({row.name for row in registry.ROWS}) == len(registry.ROWS)
    assert len({row.model_class for row in registry.ROWS}) == len(registry.ROWS)
    assert all(row.summary.strip() for row in registry.ROWS)


def test_what_defines_a_task_is_registered_under_its_own_name() -> None:
    defining = {path.stem for path in FOLDER.glob("*.py") if "\nTASK = " in read(path)}
    defining |= {
        path.parent.name for path in FOLDER.glob("*/__init__.py") if "\nTASK = " in read(path)
    }
    assert {row.name for row in registry.ROWS} == defining


def test_every_task_s_folder_has_the_same_files() -> None:
    """So that "where is X of task Y" is always `tasks/Y/X.py`; a task of one file is a file yet."""
    for row in registry.ROWS:
        folder = FOLDER / row.name
        if not folder.is_dir():
            continue
        found = {path.stem for path in folder.glob("*.py")}
        assert found >= {"__init__", "presets", "data", "model", "metrics", "serve", "predict"}
