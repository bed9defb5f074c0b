"""DESIGN rule 5: a new task is one file in tasks/ and one line in the registry."""

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


def test_every_task_is_tested_in_a_file_of_its_name() -> None:
    tests = ROOT / "tests" / "tasks"
    missing = [row.name for row in registry.ROWS if not (tests / f"{row.name}_test.py").exists()]
    assert missing == []
