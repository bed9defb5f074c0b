"""A TFDS builder's records into an Examples artifact, through Beam, one shard per element.

Records that are stored as TFRecord are copied byte for byte: no picture is decoded and encoded again.
Data sets that are stored otherwise are read and serialized by the builder's own features. Records
that can't be parsed, have a wrong checksum, or are refused by the task's `check` are listed in a
dead-letter file with the reasons; more of them than `max_corrupt_share` stop the run.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections import defaultdict
from typing import Any

import apache_beam as beam
from absl import logging
from tfx import types
from tfx.dsl.components.base import base_beam_component, base_beam_executor, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts

from perceiver_keras.components.data.example_shard import (
    DEAD_LETTER,
    Count,
    Job,
    Request,
    WriteShard,
)


class TfdsExampleGenExecutor(base_beam_executor.BaseBeamExecutor):
    """Writes Split-<name>/data_tfrecord-*.gz and dead_letter/<name>.jsonl into the artifact."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        from perceiver_keras.data.store import source

        artifact = artifact_utils.get_single_instance(output_dict["examples"])
        splits = json.loads(exec_properties["splits"])
        limits = json.loads(exec_properties["limits"])
        features = json.loads(exec_properties["features"])
        dataset, data_dir = exec_properties["dataset"], exec_properties.get("data_dir") or None
        share = float(exec_properties["max_corrupt_share"])
        builder = source.open_builder(dataset, data_dir, max_corrupt_share=share)
        _check_features(builder, features)
        jobs = [
            job for name in splits for job in _jobs(builder, name, splits[name], limits.get(name))
        ]
        request = Request(
            uri=artifact.uri,
            dataset=dataset,
            data_dir=data_dir,
            features=None if features is None else tuple(features),
            task=exec_properties.get("task") or None,
            config_json=exec_properties.get("config_json") or None,
        )
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "Shards" >> beam.Create(jobs)
                | "Spread" >> beam.Reshuffle()
                | "WriteShard" >> beam.ParDo(WriteShard(request))
                | "AsJson" >> beam.Map(lambda count: json.dumps(dataclasses.asdict(count)))
                | "WriteCounts"
                >> beam.io.WriteToText(
                    os.path.join(artifact.uri, DEAD_LETTER, "counts"), append_trailing_newlines=True
                )
            )
        counts = _read_counts(os.path.join(artifact.uri, DEAD_LETTER))
        _merge_letters(artifact.uri, jobs)
        _judge(artifact, counts, jobs, share)
        artifact.split_names = artifact_utils.encode_split_names(list(splits))
        _set_formats(artifact, exec_properties.get("span") or 0)
        for name in splits:
            written = sum(count.written for count in counts if count.split == name)
            corrupt = sum(count.corrupt for count in counts if count.split == name)
            artifact.set_int_custom_property(f"num_examples_{name}", written)
            artifact.set_int_custom_property(f"num_corrupt_{name}", corrupt)
            logging.info("%s: %d examples, %d corrupt", name, written, corrupt)
        artifact.set_string_custom_property("fingerprint", exec_properties.get("fingerprint") or "")


class TfdsExampleGenSpec(component_spec.ComponentSpec):
    """Mappings and lists are JSON text, so that the cache compares them by value."""

    PARAMETERS = {
        "dataset": component_spec.ExecutionParameter(type=str),
        "data_dir": component_spec.ExecutionParameter(type=str, optional=True),
        "splits": component_spec.ExecutionParameter(type=str),
        "limits": component_spec.ExecutionParameter(type=str),
        "features": component_spec.ExecutionParameter(type=str),
        "task": component_spec.ExecutionParameter(type=str, optional=True),
        "config_json": component_spec.ExecutionParameter(type=str, optional=True),
        "max_corrupt_share": component_spec.ExecutionParameter(type=float),
        "fingerprint": component_spec.ExecutionParameter(type=str, optional=True),
        "span": component_spec.ExecutionParameter(type=int, optional=True),
    }
    INPUTS: dict = {}
    OUTPUTS = {"examples": component_spec.ChannelParameter(type=standard_artifacts.Examples)}


class TfdsExampleGen(base_beam_component.BaseBeamComponent):
    """Any TFDS data set as tf.Example, gzip TFRecord.

    `outputs["examples"]` is a standard Examples artifact. Its custom properties
    `num_examples_<split>` and `num_corrupt_<split>` are counts. Its files keep the builder's shards and order.
    """

    SPEC_CLASS = TfdsExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(TfdsExampleGenExecutor)

    def __init__(
        self,
        dataset: str,
        splits: dict[str, str],
        data_dir: str | None = None,
        limits: dict[str, int | None] | None = None,
        features: list[str] | None = None,
        task: str | None = None,
        config_json: str | None = None,
        max_corrupt_share: float = 0.0,
        fingerprint: str | None = None,
        span: int | None = None,
        id: str | None = None,
    ):
        """Only the values of the arguments decide whether TFX takes the result from its cache.

        Args:
          dataset: A TFDS name, of one of our builders or from the catalogue.
          splits: TFX's name of a split -> TFDS's expression for it.
          data_dir: See `perceiver_keras.data.store.source.data_folder`.
          limits: Split -> at most how many of its examples; None: all.
          features: The features to keep; None copies the records byte for byte.
          task: A registered task, whose `check` is applied to every example; None: no check.
          config_json: The configuration for `check`; None: that of the tiny preset.
          max_corrupt_share: The share of corrupt records to tolerate in each split, 0 to 1.
          fingerprint: `source.fingerprint` of the splits: of what TFX's cache compares, the part that
            changes with the data.
          span: The number of this part of data that grows, which the artifact records as TFX's do; None: 0.
          id: The component's name in the pipeline.
        """
        super().__init__(
            spec=TfdsExampleGenSpec(
                dataset=dataset,
                data_dir=data_dir,
                splits=json.dumps(splits),
                limits=json.dumps({key: n for key, n in (limits or {}).items() if n is not None}),
                features=json.dumps(features),
                task=task,
                config_json=config_json,
                max_corrupt_share=float(max_corrupt_share),
                fingerprint=fingerprint,
                span=span,
                examples=types.Channel(type=standard_artifacts.Examples),
            )
        )
        if id:
            self.with_id(id)


def _check_features(builder: Any, features: list[str] | None) -> None:
    from perceiver_keras.errors import UsageError, nearest

    for key in features or []:
        if key not in builder.info.features:
            raise UsageError(
                f"{builder.info.full_name} has no feature {key!r}."
                f"{nearest(key, builder.info.features)}"
            )


def _jobs(builder: Any, name: str, expression: str, limit: int | None) -> list[Job]:
    from perceiver_keras.data.store import records

    if records.stored_as_tfrecord(builder, expression):
        shards = records.builder_records(builder, expression).limit(limit).shards
        jobs, first = [], 0
        for number, shard in enumerate(shards):
            jobs.append(Job(name, number, len(shards), first, shard.take, shard.path, shard.skip))
            first += shard.take
        return jobs
    # One slice per shard if the shards are known, so that the work is still spread.
    known = builder.info.splits.get(expression)
    if known is None or limit is not None or known.num_shards < 2 or not known.num_examples:
        return [Job(name, 0, 1, 0, -1 if limit is None else limit, expression=expression)]
    edges = [known.num_examples * i // known.num_shards for i in range(known.num_shards + 1)]
    return [
        Job(name, i, known.num_shards, low, -1, expression=f"{expression}[{low}:{high}]")
        for i, (low, high) in enumerate(zip(edges, edges[1:], strict=False))
    ]


def _read_counts(folder: str) -> list[Count]:
    """One count per shard; a bundle that ran twice is counted once."""
    import tensorflow as tf

    found = {}
    for path in tf.io.gfile.glob(os.path.join(folder, "counts*")):
        with tf.io.gfile.GFile(path) as file:
            for line in file.read().splitlines():
                count = Count(**json.loads(line))
                found[count.split, count.number] = count
        tf.io.gfile.remove(path)
    return [found[key] for key in sorted(found)]


def _merge_letters(uri: str, jobs: list[Job]) -> None:
    """Merges the shards' dead letters, in order, into one file per split."""
    import tensorflow as tf

    parts = defaultdict(list)
    for job in jobs:
        path = os.path.join(uri, DEAD_LETTER, f"{job.split}-{job.number:05d}-of-{job.of:05d}.jsonl")
        if tf.io.gfile.exists(path):
            parts[job.split].append(path)
    for split, paths in parts.items():
        with tf.io.gfile.GFile(os.path.join(uri, DEAD_LETTER, f"{split}.jsonl"), "w") as merged:
            for path in paths:
                with tf.io.gfile.GFile(path) as file:
                    merged.write(file.read())
                tf.io.gfile.remove(path)


def _judge(artifact: types.Artifact, counts: list[Count], jobs: list[Job], share: float) -> None:
    """Raises PerceiverError if the rest of a file can't be read, or too many records are corrupt."""
    from perceiver_keras.errors import PerceiverError

    fatal = [count.fatal for count in counts if count.fatal]
    if fatal:
        more = f" (and {len(fatal) - 1} more files)" if len(fatal) > 1 else ""
        raise PerceiverError(fatal[0] + more)
    if len(counts) < len(jobs):
        raise PerceiverError(
            f"Beam reported {len(counts)} of {len(jobs)} shards; see its log, and run it again."
        )
    for split in dict.fromkeys(count.split for count in counts):
        corrupt = sum(count.corrupt for count in counts if count.split == split)
        total = corrupt + sum(count.written for count in counts if count.split == split)
        if not total:
            raise PerceiverError(f"Split {split!r} holds no examples.")
        if corrupt > share * total or corrupt == total:
            raise PerceiverError(
                f"{corrupt} of {total} records of split {split!r} are corrupt; max_corrupt_share "
                f"allows a share of {share:g}. Each record and the reason are in "
                f"{_keep_letters(artifact.uri, split)}; fix the data, or raise "
                "data.max_corrupt_share to skip such records."
            )


def _keep_letters(uri: str, split: str) -> str:
    """Copies the reasons out of the artifact, which TFX removes if the component fails."""
    import tensorflow as tf

    folder = os.path.join(
        os.path.dirname(os.path.dirname(uri.rstrip("/"))), DEAD_LETTER, os.path.basename(uri)
    )
    tf.io.gfile.makedirs(folder)
    kept = os.path.join(folder, f"{split}.jsonl")
    tf.io.gfile.copy(os.path.join(uri, DEAD_LETTER, f"{split}.jsonl"), kept, overwrite=True)
    return kept


def _set_formats(artifact: types.Artifact, span: int) -> None:
    from tfx.components.example_gen import write_split
    from tfx.components.util import examples_utils
    from tfx.proto import example_gen_pb2

    artifact.span = span
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(
        artifact, write_split.to_file_format_str(example_gen_pb2.FORMAT_TFRECORDS_GZIP)
    )
