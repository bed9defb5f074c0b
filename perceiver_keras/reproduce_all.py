"""Everything in the table of claims that data and weights are found for: what to measure, and what came of it.

Data lie in folders of their usual names below one folder (`MPI-Sintel/`, `KITTI/`, `imagenet2012/`, `kinetics/`,
`glue/`, `audioset/`, `starcraft/`, `text/`), and weights in another, under the name of a row, of its preset, or of the
official file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perceiver_keras.claims import Benchmark, benchmarks
from perceiver_keras.convert.download import DEEPMIND_FILES, HUGGINGFACE_REPOSITORIES
from perceiver_keras.convert.hub import SOURCES, preset_of
from perceiver_keras.errors import PerceiverError, first_line

NO_DATA, NO_WEIGHTS = "no data", "no weights"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is known of one row.

    Attributes:
      record: The measurements; None if there are none.
      reason: Why nothing, or not everything, was measured; "" otherwise.
    """

    benchmark: Benchmark
    record: dict[str, Any] | None = None
    reason: str = ""


def find_data(benchmark: Benchmark, root: Path) -> tuple[Any, Path] | None:
    """(the opened protocol, the folder) of the first folder that fits; None if no folder has a name that would.

    Raises:
      PerceiverError: a folder has such a name, but its content does not fit; what is wrong with the first.
    """
    wrong: PerceiverError | None = None
    for folder in _folders(benchmark, root):
        try:
            return benchmark.open(folder, {}), folder
        except PerceiverError as error:
            wrong = wrong or error
    if wrong is not None:
        raise wrong
    return None


def _folders(benchmark: Benchmark, root: Path) -> Iterator[Path]:
    """Folders in `root` with one of the usual names; a TFDS data set is opened by the folder above it."""
    wanted = tuple(_plain(name) for name in benchmark.folders)
    for place in (root, *sorted(path for path in root.iterdir() if path.is_dir())):
        if not _plain(place.name).startswith(wanted):
            continue
        stored = any(place.glob("*/dataset_info.json")) or any(place.glob("*/*/dataset_info.json"))
        yield place.parent if stored else place


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def find_weights(benchmark: Benchmark, weights: str) -> str | None:
    """What `--weights` names for a row; None if there is nothing.

    Args:
      weights: A folder of weights, a source of the released ones, or one of their repositories on the hub.
    """
    if weights in SOURCES:
        return weights if benchmark.released else None
    if repository := preset_of(weights):
        return weights if benchmark.released and benchmark.model == repository else None
    names = [benchmark.name]
    if not benchmark.settings:  # else the preset's own weights are those of another row
        names.append(benchmark.model)
    if benchmark.released:
        names.append(DEEPMIND_FILES[benchmark.model])
        names.append(HUGGINGFACE_REPOSITORIES[benchmark.model].split("/")[1])
    return next((str(p) for p in (Path(weights, name) for name in names) if p.exists()), None)


def measure_all(
    root: Path,
    weights: str,
    records: Path,
    measure: Callable[[Benchmark, Any, str, Path], dict[str, Any]],
) -> Iterator[Outcome]:
    """The outcome of each row in turn; what fails is said, and the next one follows.

    Args:
      root: The folder with the data.
      weights: As `find_weights` takes it.
      records: Where the records are, NAME.json each.
      measure: Takes a row, its opened protocol, its weights and the record's file; returns the record.
    """
    for benchmark in benchmarks().values():
        if benchmark.quoted:
            yield Outcome(benchmark=benchmark)
            continue
        path = records / f"{benchmark.name}.json"
        found = find_weights(benchmark, weights)
        try:
            data = find_data(benchmark, root)
            missing = [NO_DATA] * (data is None) + [NO_WEIGHTS] * (found is None)
            if missing:
                yield Outcome(
                    benchmark=benchmark, record=read_record(path), reason=", ".join(missing)
                )
                continue
            yield Outcome(benchmark=benchmark, record=measure(benchmark, data[0], found, path))
        except Exception as error:  # what one benchmark meets after hours must not end the others
            known_kind = isinstance(error, PerceiverError)
            reason = str(error) if known_kind else f"{type(error).__name__}: {first_line(error)}"
            yield Outcome(benchmark=benchmark, record=read_record(path), reason=reason)


def known(records: Path) -> list[Outcome]:
    """The outcome of each row as the records in a folder have it; nothing is measured."""
    found = []
    for benchmark in benchmarks().values():
        record = None if benchmark.quoted else read_record(records / f"{benchmark.name}.json")
        reason = "" if record or benchmark.quoted else f"{NO_DATA}, {NO_WEIGHTS}"
        found.append(Outcome(benchmark=benchmark, record=record, reason=reason))
    return found


def read_record(path: Path) -> dict[str, Any] | None:
    """A record without its examples; None if there is none, or if it is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        record = {name: value for name, value in found.items() if name != "examples"}
    except (OSError, ValueError, AttributeError):
        return None
    return record if isinstance(record.get("measured"), dict) else None
