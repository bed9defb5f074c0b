"""docs/add_a_task.md, followed to the letter: its code is registered and the whole contract runs on it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.slow
def test_the_page_makes_a_task_that_keeps_the_contract(repository: Path, tmp_path: Path) -> None:
    page = (repository / "docs" / "add_a_task.md").read_text(encoding="utf-8")
    code, row = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
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
