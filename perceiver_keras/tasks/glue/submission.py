"""Predictions for GLUE's test sets as the files that its server takes: one TSV per task, `index` and `prediction`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from perceiver_keras.data.store import source
from perceiver_keras.data.text.glue import TASKS, GlueTask
from perceiver_keras.data.untuned import untuned
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.files import write_whole
from perceiver_keras.tasks.glue.model import GlueModel
from perceiver_keras.tasks.glue.predict import pack
from perceiver_keras.tasks.glue.serve import serve

BATCH = 64


def write_predictions(
    model: GlueModel,
    folder: str | os.PathLike[str],
    *,
    data_dir: str | None = None,
    split: str = "test",
) -> list[Path]:
    """Answers the test sets of TFDS's `glue/*` and writes CoLA.tsv, SST-2.tsv, … AX.tsv into `folder`.

    If the model has no head for WNLI, every answer there is 0 (not entailed), the commoner class, as in Devlin et al.
    (2018), because the set's development examples are misleading. Of the sets that `data_dir` lacks, those that are
    not the model's own tasks are left out.

    Args:
      model: From `from_preset`, `pk.load` or training, so that it has a configuration.
      folder: Created if it is missing.
      data_dir: As `data.data_dir`.
      split: "test", or "validation" to compare with known answers.

    Returns:
      The files, in the order of `TASKS`.

    Raises:
      UsageError: the model has no configuration.
      PerceiverError: `data_dir` lacks one of the model's own tasks.
    """
    if model.task_config is None:
        raise UsageError("Predictions need a model from from_preset or load: they know the data.")
    folder, written = Path(folder), []
    folder.mkdir(parents=True, exist_ok=True)
    for row in TASKS:
        own = (row.head or row.name) in model.config.tasks
        if not own and row.name != "wnli":
            continue
        try:
            examples = read_examples(row, split, data_dir)
        except PerceiverError:
            if row.name in model.config.tasks:
                raise
            continue  # AX, WNLI and the mismatched set are optional
        places = [example["idx"] for example in examples]
        said = predictions(model, row, examples) if own else ["0"] * len(places)
        lines = [f"{place}\t{answer}\n" for place, answer in sorted(zip(places, said, strict=True))]
        path = folder / f"{row.file}.tsv"
        write_whole(path, "index\tprediction\n" + "".join(lines))
        written.append(path)
    return written


def read_examples(row: GlueTask, split: str, data_dir: str | None) -> list[dict[str, Any]]:
    """{"idx", "sentence1", "sentence2", "label"} of each example of a task of TFDS's GLUE, in the order stored."""
    if row.name in ("mnli", "mnli_mismatched"):
        name, split = "mnli", f"{split}_{'matched' if row.name == 'mnli' else 'mismatched'}"
    else:
        name = row.name
    builder = source.open_builder(f"glue/{name}", data_dir)
    try:
        dataset = builder.as_dataset(split=split)
    except ValueError:
        raise PerceiverError(f"glue/{name} has no split {split!r}.") from None
    found = []
    for example in tfds.as_numpy(untuned(dataset)):
        first, *second = (example[feature] for feature in row.sentences)
        found.append(
            {
                "idx": int(example["idx"]),
                "sentence1": first,
                "sentence2": second[0] if second else b"",
                "label": float(example["label"]),
            }
        )
    return found


def predictions(
    model: GlueModel, row: GlueTask, examples: list[Mapping[str, Any]]
) -> Iterator[str]:
    """The server's form of each answer: a class's name or number, or the score with three decimals."""
    for start in range(0, len(examples), BATCH):
        batch = examples[start : start + BATCH]
        raw = pack([(row.name, e["sentence1"], e["sentence2"]) for e in batch])
        outputs = serve(model, raw, model.task_config, model.labels)
        for label, score in zip(outputs["label"].numpy(), outputs["score"].numpy(), strict=True):
            if not row.labels:
                yield f"{min(max(float(score), row.low), row.high):.3f}"
            else:
                yield label.decode() if row.named else str(row.labels.index(label.decode()))
