"""Collects what is known about a run's data, from artifacts, as JSON for `show/data_report.py`.

ReportGen calls it for a whole run; the runner calls it after a run that ExampleValidator stopped.
"""

from __future__ import annotations

import datetime
import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from perceiver_keras.components.data import data_pictures, data_statistics, split_statistics
from perceiver_keras.config import TaskConfig
from perceiver_keras.files import write_whole
from perceiver_keras.show.data_report import DataReport, render_data
from perceiver_keras.show.next_steps import data_steps
from perceiver_keras.tasks.task import Task

PAGE = "data_report.html"
LEAKS_FILE = "leaks.json"
ANOMALIES_FILE = "anomalies.json"
MOST_PICTURED = 12  # anomalies whose examples are shown
MOST_PAIRS = 8  # of leaks, likewise
MOST_ANOMALIES = 200  # listed
SEEN = 8  # examples of an anomaly


def collect(
    task: Task,
    config: TaskConfig,
    *,
    examples_uri: str | None = None,
    counts: Mapping[str, Mapping[str, int]] | None = None,
    statistics_uri: str | None = None,
    schema_uri: str | None = None,
    anomalies_path: str | None = None,
    leaks_path: str | None = None,
    labels: Sequence[str] | None = None,
    stopped: bool = False,
) -> DataReport:
    """What the pages show of the data. Whatever is None, or a file that does not exist, is left out.

    Args:
      task: Of the run.
      config: The run's.
      examples_uri: The folder of the raw Examples artifact, for the examples that are shown.
      counts: Split -> {"num_examples", "num_corrupt"}; None: only examples are counted, from the statistics.
      statistics_uri: The folder of StatisticsGen's artifact, of described examples.
      schema_uri: The folder of the run's own proposal; shown unless anomalies.json names an accepted one.
      anomalies_path: ExampleValidator's anomalies.json, in its artifact or where it was kept on a stop.
      leaks_path: LeakDetector's leaks.json.
      labels: Names of the classes.
      stopped: Whether ExampleValidator stopped the run.
    """
    kinds = task.examples.kinds(config)
    anomalies, leaks = _read(anomalies_path), _read(leaks_path)
    if examples_uri is not None:
        _show_examples(examples_uri, anomalies, leaks, kinds, labels)
    measures = []
    if statistics_uri is not None and tf.io.gfile.isdir(statistics_uri):
        measures = data_statistics.measures(statistics_uri, kinds)
    return DataReport(
        task=task.name,
        dataset=config.data.dataset,
        counts={split: dict(one) for split, one in (counts or {}).items()}
        or _counted(statistics_uri),
        measures=measures,
        schema=_schema(schema_uri, anomalies),
        anomalies=anomalies,
        leaks=leaks,
        stopped=stopped,
    )


def write_page(found: DataReport, run_dir: str | os.PathLike, preset: str = "") -> Path:
    """Writes RUN_DIR/data_report.html for a run that was stopped because of its data; returns its path."""
    page = Path(run_dir) / PAGE
    write_whole(page, render_data(found, next_steps=data_steps(Path(run_dir), found.task, preset)))
    return page


def _read(path: str | None) -> dict[str, Any] | None:
    if path is None or not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path) as file:
        return json.loads(file.read())


def _counted(uri: str | None) -> dict[str, dict[str, int]]:
    if uri is None or not tf.io.gfile.isdir(uri):
        return {}
    return {
        split: {"num_examples": split_statistics.num_examples(split_statistics.load(uri, split))}
        for split in data_statistics.splits_of(uri)
    }


def _schema(uri: str | None, anomalies: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The schema that the data was held against: an accepted one, or else the run's own proposal."""
    against = (anomalies or {}).get("against")
    uri = against["schema_uri"] if against else uri
    path = None if uri is None else os.path.join(uri, data_statistics.SCHEMA_FILE)
    if path is None or not tf.io.gfile.exists(path):
        return None
    written = tf.io.gfile.stat(path).mtime_nsec / 1e9
    since = datetime.datetime.fromtimestamp(written, tz=datetime.timezone.utc)
    run = (against or {}).get("run")
    return {
        "since": since.strftime("%Y-%m-%d %H:%M UTC"),
        "run": "" if run is None else str(run),
        "own": not against,
        "features": data_statistics.schema_rows(uri),
    }


def _show_examples(
    uri: str,
    anomalies: dict[str, Any] | None,
    leaks: dict[str, Any] | None,
    kinds: Mapping[str, Any],
    labels: Sequence[str] | None,
) -> None:
    """Puts under "shown" what can be seen of the examples that anomalies and leaks name; each split is read once."""
    if anomalies is not None:
        anomalies["anomalies"] = anomalies.get("anomalies", [])[:MOST_ANOMALIES]
    entries = [
        ([entry["split"]] * len(entry["indices"][:SEEN]), entry["indices"][:SEEN], entry)
        for entry in (anomalies or {}).get("anomalies", ())[:MOST_PICTURED]
        if entry.get("indices") and entry.get("split")
    ]
    entries += [
        (entry["splits"], entry["indices"], entry)
        for entry in (leaks or {}).get("examples", ())[:MOST_PAIRS]
    ]
    wanted: dict[str, set[int]] = defaultdict(set)
    for splits, places, _ in entries:
        for split, place in zip(splits, places, strict=True):
            wanted[split].add(int(place))
    found = {
        (split, place): one
        for split, places in wanted.items()
        for place, one in data_pictures.shown(
            data_pictures.examples_at(uri, split, places), split, kinds, labels
        ).items()
    }
    for splits, places, entry in entries:
        keys = [(split, int(place)) for split, place in zip(splits, places, strict=True)]
        entry["shown"] = [found[key] for key in keys if key in found]
