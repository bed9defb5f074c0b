"""docs/add_a_task.md, followed to the letter: its code is registered and the whole contract runs on it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from perceiver_keras.tasks import registry

FOLLOW_THE_PAGE = """
import importlib.machinery, importlib.util, sys
import pytest
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.registry import Row

row = {row}
registry.ROWS = (row,)
spec = importlib.util.spec_from_file_location("perceiver_keras.tasks." + row.name, {path!r})
module = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = module
spec.loader.exec_module(module)
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "tests/tasks/contract_test.py"]))
"""


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "add_a_task.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def blocks(page: str) -> list[str]:
    """The page's Python: the task's file, and its row."""
    return re.findall(r"```python\n(.*?)```", page, re.DOTALL)


def test_sections_of_the_file_are_the_files_of_a_folder(
    repository: Path, page: str, blocks: list[str]
) -> None:
    sections = re.findall(r"^# === (\w+): ", blocks[0], re.M)
    files = re.findall(r"^\| `(\w+\.py)` \|", page, re.M)
    assert files == ["__init__.py", *(f"{name}.py" for name in sections)]
    for task in registry.names():
        folder = repository / "perceiver_keras" / "tasks" / task
        assert set(files) <= {path.name for path in folder.iterdir()}


@pytest.mark.slow
def test_the_page_makes_a_task_that_keeps_the_contract(
    repository: Path, blocks: list[str], tmp_path: Path
) -> None:
    code, row = blocks
    path = tmp_path / "digit_value.py"
    path.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", FOLLOW_THE_PAGE.format(row=row.strip().rstrip(","), path=str(path))],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    passed = int(re.search(r"(\d+) passed", done.stdout)[1])
    assert passed >= 15
