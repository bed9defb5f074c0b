"""What LeakDetector counted, and labels that changed since the accepted data, as anomalies."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Container, Iterator
from typing import Any

import tensorflow as tf

from perceiver_keras.components.data.anomaly import Anomaly, number, plural
from perceiver_keras.components.data.same_examples import changed_labels

LEAKS_FILE = "leaks.json"
# The labels of a share of the same examples may be corrected; more of them, or many of one class, are a mistake.
CORRECTED = 0.01
ONE_CLASS = 10


def leaks(uri: str, limit: float) -> Iterator[Anomaly]:
    """One for each pair of splits that share more than `limit` of the smaller split.

    Args:
      uri: The folder of LeakDetector's artifact.
      limit: The setting `data.max_leak_share`.
    """
    with tf.io.gfile.GFile(os.path.join(uri, LEAKS_FILE)) as file:
        counted = json.loads(file.read())
    for pair in counted["pairs"]:
        if pair["share"] <= limit:
            continue
        first, second = pair["splits"]
        sizes = counted["splits"]
        small = min(pair["splits"], key=lambda split: sizes[split])
        count = round(pair["share"] * sizes[small])
        found = [e for e in counted["examples"] if set(e["splits"]) == {first, second}]
        places = [e["indices"][e["splits"].index(small)] for e in found]
        exact, near = pair["exact"], pair["near"]
        other = pair.get("other_label", 0)
        relabelled = f", {other} of them with another label" if other else ""
        yield Anomaly(
            "",
            small,
            "leak",
            0,
            count,
            count,
            sizes[small],
            f"{count} of {sizes[small]} examples of {small} are also in {second if small == first else first} "
            f"({plural(exact, 'exact copy', 'exact copies')}, {near} nearly the same{relabelled}); "
            f"data.max_leak_share allows a share of {number(limit)}. Remove them from one of the splits.",
            sorted(set(places))[:8],
        )


def relabelled(
    now: str,
    before: str,
    make_pipeline: Callable[[], Any],
    split: str,
    renamed: Container[tuple[str, str]] = (),
) -> Iterator[Anomaly]:
    """Examples that are the same as in the accepted data, and have another label.

    Args:
      now, before: The folders of the fingerprints of this run and of the accepted data; the latter may be gone.
      make_pipeline: Makes a Beam pipeline.
      split: The first.
      renamed: Pairs of an old and a new name of the same class, which no label changed for.
    """
    if not tf.io.gfile.isdir(before):
        text = (
            f"The fingerprints {before} of the accepted data are gone, so changed labels can't be found; "
            "`perceiver schema accept` this run's data to compare with it instead."
        )
        yield Anomaly("", split, "not compared", before, None, 0, 0, text, [], False)
        return
    found = changed_labels(now, before, make_pipeline)
    moved = [pair for pair in found["pairs"] if tuple(pair[:2]) not in renamed]
    same, changed = found["same"], sum(n for _, _, n in moved)
    if not changed:
        return
    pairs = ", ".join(f"{n} from {old!r} to {new!r}" for old, new, n in moved[:3])
    text = (
        f"{changed} of {same} examples that are also in the accepted data have another label now ({pairs}); "
        "if the labels were corrected, accept them."
    )
    yield Anomaly(
        "",
        split,
        "changed labels",
        [old for old, _, _ in moved[:8]],
        [new for _, new, _ in moved[:8]],
        changed,
        same,
        text,
        [],
        changed > CORRECTED * same or max(n for _, _, n in moved) >= ONE_CLASS,
    )
