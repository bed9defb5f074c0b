"""The tasks of GLUE in one TFDS data set, all with the same features, so that one model can be trained on all.

`perceiver_glue/standin` is made from Python's documentation, without the network. `perceiver_glue/glue` reads TFDS's
own `glue/NAME` from the folder of this data set, where the user has to build it with TFDS first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from perceiver_keras.data.builders.perceiver_docs import perceiver_docs_dataset_builder as docs
from perceiver_keras.data.builders.perceiver_glue import standin
from perceiver_keras.data.text.glue import EIGHT, GlueTask, task_named
from perceiver_keras.data.untuned import untuned
from perceiver_keras.errors import PerceiverError

SPLITS = ("train", "validation", "test")


@dataclasses.dataclass
class GlueConfig(tfds.core.BuilderConfig):
    """`tasks`: names in `perceiver_keras.data.text.glue.TASKS`; `real`: from TFDS's GLUE, else the stand-in."""

    tasks: tuple[str, ...] = EIGHT
    real: bool = False

    def __post_init__(self) -> None:
        # What was prepared from TFDS's GLUE stays valid when only the stand-in changes.
        self.version = "1.0.0" if self.real else None


def _configs() -> list[GlueConfig]:
    configs = [
        GlueConfig(name="standin", description="Eight small tasks from Python's documentation."),
        GlueConfig(name="glue", description="The eight tasks, with MNLI's second set.", real=True),
        GlueConfig(
            name="glue_wnli_ax",
            description="As glue, with WNLI and the diagnostic set of the server.",
            tasks=(*EIGHT, "wnli", "ax"),
            real=True,
        ),
    ]
    for name in EIGHT:
        configs.append(GlueConfig(name=f"standin_{name}", description="One task.", tasks=(name,)))
        configs.append(
            GlueConfig(name=f"glue_{name}", description="One task.", tasks=(name,), real=True)
        )
    return configs


class Builder(tfds.core.GeneratorBasedBuilder):
    """`task`, `sentence1`, `sentence2` ("" if the task takes one), `label` (-1 if unknown), `idx`."""

    VERSION = tfds.core.Version("2.0.0")
    RELEASE_NOTES = {
        "2.0.0": "The stand-in: no phrase of Python's documentation is in two splits.",
        "1.0.0": "First release.",
    }
    BUILDER_CONFIGS = _configs()

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "task": tfds.features.Text(),
                    "sentence1": tfds.features.Text(),
                    "sentence2": tfds.features.Text(),
                    "label": tfds.features.Scalar(np.float32),
                    "idx": tfds.features.Scalar(np.int64),
                }
            ),
            homepage="https://gluebenchmark.com/",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        config = self.builder_config
        if config.real:
            sources = _sources(config.tasks, str(self._data_dir_root))
            return {split: _unified(sources, split) for split in SPLITS}
        documents = docs.documents()
        texts = {
            split: {name: text for name, text in documents.items() if docs.split_of(name) == split}
            for split in SPLITS
        }
        return {split: self._generate_examples(texts, split) for split in SPLITS}

    def _generate_examples(
        self, texts: dict[str, dict[str, str]], split: str
    ) -> Iterator[tuple[str, dict]]:
        places = dict.fromkeys(self.builder_config.tasks, 0)
        for task, pair in standin.examples(texts, split):
            if task in places:
                yield (
                    f"{task}-{places[task]}",
                    {"task": task, "idx": places[task], **pair._asdict()},
                )
                places[task] += 1


def _sources(tasks: tuple[str, ...], data_dir: str) -> dict[str, Any]:
    """TFDS's prepared builder of each task; the error names all that are missing."""
    found = {name: tfds.builder(f"glue/{name}", data_dir=data_dir) for name in tasks}
    missing = [name for name, builder in found.items() if not builder.is_prepared()]
    if missing:
        commands = " && ".join(f"tfds build glue/{name} --data_dir={data_dir}" for name in missing)
        raise PerceiverError(
            f"GLUE's {', '.join(missing)} is not in {data_dir}. Get it with `{commands}`, or name the folder "
            "that holds it with data.data_dir, PERCEIVER_DATA_DIR or TFDS_DATA_DIR."
        )
    return found


def _unified(sources: dict[str, Any], split: str) -> Iterator[tuple[str, dict]]:
    """The examples of a split, task after task, all with the same features."""
    for name, builder in sources.items():
        row = task_named(name)
        for part in builder.info.splits:
            if part.split("_")[0] == split:
                mismatched = part.endswith("mismatched")
                yield from _renamed(
                    task_named("mnli_mismatched") if mismatched else row, builder, part
                )


def _renamed(row: GlueTask, builder: Any, split: str) -> Iterator[tuple[str, dict]]:
    for example in tfds.as_numpy(untuned(builder.as_dataset(split=split))):
        first, *second = (example[name] for name in row.sentences)
        place = int(example["idx"])
        yield (
            f"{row.name}-{place}",
            {
                "task": row.name,
                "sentence1": first,
                "sentence2": second[0] if second else "",
                "label": float(example["label"]),
                "idx": place,
            },
        )
