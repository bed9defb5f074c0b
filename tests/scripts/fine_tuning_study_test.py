"""The study's examples are what it says they are, and it runs from end to end at a few steps."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def study(repository: Path) -> ModuleType:
    path = repository / "scripts" / "fine_tuning_study.py"
    spec = importlib.util.spec_from_file_location("fine_tuning_study", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_so_many_pictures_of_each_class_and_none_twice(study):
    pictures = study.digits("train+validation+test")
    assert len(pictures) == 1797
    few, rest = study.first_of_each(pictures, lambda digit: 10 if digit in study.NEW else 0)
    assert Counter(digit for _, digit in few) == dict.fromkeys(study.NEW, 10)
    assert len(few) + len(rest) == len(pictures)
    assert (
        few == study.first_of_each(study.digits("train+validation+test"), lambda d: 10 * (d > 4))[0]
    )


@pytest.mark.filterwarnings("ignore:Even though the `tf.config")
@pytest.mark.parametrize(
    ("name", "ways"),
    [
        ("few_shot", {"fine-tuned", "from scratch"}),
        ("balance", {"none", "oversample"}),
    ],
)
def test_it_runs(study, eager, name, ways, tmp_path, monkeypatch, capsys):
    arguments = [name, "--seeds", "1", "--shrink", "1200", "--folder", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["fine_tuning_study.py", *arguments])
    study.main()
    curves = json.loads((tmp_path / name / "curves.json").read_text())
    assert set(curves) == ways
    assert all(0 <= value <= 1 for (points,) in curves.values() for _, value in points)
    assert "accuracy on unseen pictures" in capsys.readouterr().out
