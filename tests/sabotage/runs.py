"""Whole runs of the pipeline on good and on sabotaged data and models: where each stops, and with what reason."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfx.components.util import udf_utils

from perceiver_keras.commands.shared import choose
from perceiver_keras.errors import PerceiverError
from perceiver_keras.pipeline.local_runner import run
from perceiver_keras.pipeline.settings import PipelineSettings
from perceiver_keras.tasks import registry
from tests.sabotage import products
from tests.sabotage.models import Good

TASK = "image_classification"
# Enough for 0.95 on the products; smaller than their pictures, so that resizing matters.
SETTINGS = (
    "train.steps=300",
    "train.evaluate_every=300",
    "train.checkpoint_every=300",
    "model.image_size=[12,12]",
)


@dataclass(frozen=True)
class Outcome:
    """Where a run ended: at a component that stopped it, at the gate ("Gate"), or pushed (None); and why."""

    stopped_at: str | None
    why: str
    record: dict[str, Any] | None = None


def run_on(data: Path, folder: Path, overrides: Sequence[str] = (), seed: int = 0) -> Outcome:
    """`perceiver run image_classification --data DATA --run-dir FOLDER` in this process."""
    overrides = (*SETTINGS, *overrides)
    task = registry.get(TASK)
    chosen = choose.choose(task, "tiny", (), overrides, seed, str(data), None)
    choose.prepare(chosen)
    settings = PipelineSettings.create(
        TASK, layers=chosen.layers, overrides=overrides, run_dir=folder, seed=seed
    )
    said: list[str] = []
    try:
        result = run(settings, said.append)
    except PerceiverError as error:
        return Outcome(str(error).split(":")[0], str(error))
    record = result.record
    if record["blessed"]:
        return Outcome(None, "", record)
    return Outcome("Gate", " ".join(record["refused_because"]), record)


@contextlib.contextmanager
def trained_by(make: Callable[[Path], None]) -> Iterator[None]:
    """Instead of training, `make(folder)` writes the Trainer's model."""
    found = udf_utils.get_fn

    def get_fn(exec_properties: dict[str, Any], name: str) -> Callable[..., Any]:
        """TFX loads the module of a function anew each time, so what it returns is replaced here."""
        if name != "run_fn":
            return found(exec_properties, name)
        return lambda fn_args: make(Path(fn_args.serving_model_dir).parent)

    udf_utils.get_fn = get_fn
    try:
        yield
    finally:
        udf_utils.get_fn = found


def good_model(record: dict[str, Any]) -> Good:
    """The model of a finished run."""
    artifacts = record["artifacts"]
    (model,), (examples,) = artifacts["Trainer"]["model"], artifacts["TfdsExampleGen"]["examples"]
    return Good(Path(model), Path(examples) / "Split-validation")


def sabotaged(clean: Path, folder: Path, change: Callable[[Path], None]) -> Path:
    """A copy of a clean data set after that change."""
    shutil.copytree(clean, folder)
    change(folder)
    return folder


def new_data(folder: Path, seed: int) -> Path:
    """Clean data, another draw: other splits, colours and noise."""
    return products.make(folder, seed)
