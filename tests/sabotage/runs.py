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
from perceiver_keras.components import gate
from perceiver_keras.errors import PerceiverError
from perceiver_keras.pipeline.local_runner import run
from perceiver_keras.pipeline.settings import PipelineSettings
from perceiver_keras.tasks import registry
from tests.sabotage.models import Good


@dataclass(frozen=True, kw_only=True)
class Product:
    """What somebody makes with the pipeline: a model of one task for data of their own.

    Attributes:
      make: Writes clean data to a folder, another draw for each seed, and returns what `--data` names.
      settings: What differs from the preset.
    """

    task: str
    make: Callable[[Path, int], Path]
    preset: str = "tiny"
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """Where a run ended: at a component that stopped it, at the gate ("Gate"), or pushed (None); and why."""

    stopped_at: str | None
    why: str
    record: dict[str, Any] | None = None

    def figures(self) -> dict[str, Any]:
        """What the gate measured of the model and of the last blessed one; their difference within its interval."""
        if self.record is None:
            return {}
        metric = next(iter(self.record["thresholds"]))
        (blessing,) = self.record["artifacts"]["Gate"]["blessing"]
        found = gate.when_blessed(blessing)
        own, before, difference = (
            (estimates or {}).get(metric)
            for estimates in (found.metrics, found.baseline, found.difference)
        )
        return {
            metric: own and own.value,
            "baseline": before and before.value,
            "interval": difference and [difference.low, difference.value, difference.high],
        }


def run_on(
    product: Product, data: Path, folder: Path, overrides: Sequence[str] = (), seed: int = 0
) -> Outcome:
    """`perceiver run TASK --preset PRESET --data DATA --run-dir FOLDER` in this process."""
    overrides = (*product.settings, *overrides)
    task = registry.get(product.task)
    said: list[str] = []
    try:
        chosen = choose.choose(task, product.preset, (), overrides, seed, str(data), None)
        choose.prepare(chosen)
        settings = PipelineSettings.create(
            product.task,
            preset=product.preset,
            layers=chosen.layers,
            overrides=overrides,
            run_dir=folder,
            seed=seed,
        )
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
