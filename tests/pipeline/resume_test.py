"""`perceiver run`, killed with -9 in several components and started again, ends with exactly the same weights."""

import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.forked_run import run_until
from tests.pipeline.local_runner_test import SMALL

pytestmark = [pytest.mark.tfx, pytest.mark.slow]

# After the first checkpoint, at step 20, there is enough time to kill the run.
OVERRIDES = (
    *SMALL,
    "train.steps=200",
    "train.evaluate_every=100",
    "train.checkpoint_every=20",
    "train.deterministic=true",
    "model.encode.dropout=0.1",
)


def weights(folder: Path) -> dict[str, bytes]:
    record = json.loads((folder / "run.json").read_text())
    (model,) = record["artifacts"]["Trainer"]["model"]
    found = {}
    with h5py.File(Path(model) / "preset" / "model.weights.h5") as file:
        file.visititems(
            lambda name, item: found.update(
                {name: np.asarray(item).tobytes()} if isinstance(item, h5py.Dataset) else {}
            )
        )
    return found


def test_killed_in_three_components_the_weights_are_the_same_to_the_last_bit(tmp_path):
    run_until(tmp_path / "whole", OVERRIDES, None)

    killed = tmp_path / "killed"
    run_until(killed, OVERRIDES, "Transform …")
    said = run_until(killed, OVERRIDES, "Trainer …", "training/**/ckpt-20.index")
    assert "Resuming the run that was stopped" in said
    said = run_until(killed, OVERRIDES, "Evaluator …")
    step = int(re.search(r"Going on from step (\d+) of 200", said)[1])
    assert 20 <= step < 200
    said = run_until(killed, OVERRIDES, None)
    assert "Trainer: done before the run was stopped" in said

    expected, found = weights(tmp_path / "whole"), weights(killed)
    assert expected and found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []
    whole, resumed = (
        json.loads((tmp_path / name / "run.json").read_text()) for name in ("whole", "killed")
    )
    # TFMA adds float32 numbers in the order in which Beam's bundles arrive.
    assert resumed["metrics"] == pytest.approx(whole["metrics"], rel=1e-6)
    assert whole["blessed"] and resumed["blessed"]
