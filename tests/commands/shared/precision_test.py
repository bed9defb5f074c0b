"""`--precision` of `perceiver export`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.commands.command_line import refused, told


def size(folder: Path) -> int:
    return sum(file.stat().st_size for file in (folder / "variables").iterdir())


@pytest.fixture(scope="module")
def exports(trained: dict, tmp_path_factory) -> dict[str, Path]:
    out = tmp_path_factory.mktemp("precision")
    return {
        name: Path(told("export", trained["model"], out / name, "--precision", name)["saved_model"])
        for name in ("float32", "bfloat16")
    }


def test_an_export_in_bfloat16_is_half_as_large_and_answers_nearly_the_same(exports):
    assert size(exports["bfloat16"]) < 0.6 * size(exports["float32"])
    pictures = np.random.default_rng(0).random((4, 8, 8, 1), np.float32)
    answers = []
    for folder in exports.values():
        served = tf.saved_model.load(str(folder))
        answer = served.signatures["serving_tensors"](inputs=tf.constant(pictures))
        assert answer["probabilities"].dtype == tf.float32  # JSON has no bfloat16
        answers.append(answer["probabilities"])
    np.testing.assert_allclose(*answers, atol=0.05)


def test_another_format_is_refused(trained, tmp_path):
    refused("export", trained["model"], tmp_path, "--precision", "int8", code=2, words="'int8'")
