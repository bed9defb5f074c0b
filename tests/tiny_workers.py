"""Two real workers that train the tiny task on stored examples, for tests that kill them."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

import perceiver_keras.training.workers
from perceiver_keras.config_tree import override
from perceiver_keras.data.store.records import Records, file_records
from perceiver_keras.errors import PerceiverError
from perceiver_keras.tasks.batches import TrainingData
from perceiver_keras.train import fit
from perceiver_keras.training.cluster import VARIABLE, to_text
from perceiver_keras.training.workers import join
from tests import tiny_training
from tests.tiny_training import CHANNELS, CONFIG, points, validation_batches

EXAMPLES = 96
WORKERS = 2


def _prepare(features, config, training, seed):
    noise = 0.1 * tf.random.stateless_normal([CHANNELS], seed, alg="philox")
    return features["values"] + noise, features["label"]


TASK = dataclasses.replace(
    tiny_training.TASK,
    examples=dataclasses.replace(
        tiny_training.TASK.examples,
        spec=lambda config: {
            "values": tf.io.FixedLenFeature([CHANNELS], tf.float32),
            "label": tf.io.FixedLenFeature([], tf.int64),
        },
        prepare=_prepare,
    ),
)


def store(folder: Path) -> None:
    """The points in three files of different lengths."""
    values, labels = points(EXAMPLES)
    for number, (first, last) in enumerate(((0, 10), (10, 70), (70, EXAMPLES))):
        with tf.io.TFRecordWriter(str(folder / f"{number}.tfrecord")) as writer:
            for index in range(first, last):
                features = {
                    "values": tf.train.Feature(
                        float_list=tf.train.FloatList(value=values[index].tolist())
                    ),
                    "label": tf.train.Feature(
                        int64_list=tf.train.Int64List(value=[int(labels[index])])
                    ),
                }
                example = tf.train.Example(features=tf.train.Features(feature=features))
                writer.write(example.SerializeToString())


def records(folder: Path) -> Records:
    return file_records(str(folder / "*.tfrecord"), "")


def as_one(data: TrainingData) -> tf.data.Dataset:
    """The global batches of both workers, for one process."""
    parts = tf.data.Dataset.zip(tuple(data.batches(worker, WORKERS) for worker in range(WORKERS)))
    return parts.map(
        lambda *batches: tf.nest.map_structure(lambda *both: tf.concat(both, 0), *batches)
    )


def work(
    index: int,
    addresses: Sequence[str],
    folder: Path,
    out: Path,
    *assignments: str,
    endless_evaluation: bool = False,
    heartbeat: float = 10.0,
) -> None:
    """One worker, in a process of its own; all that it says goes to `out`/said."""
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "said", "a") as said:
        for descriptor in (1, 2):
            os.dup2(said.fileno(), descriptor)
    os.environ[VARIABLE] = to_text(addresses, index)
    perceiver_keras.training.workers._HEARTBEAT = heartbeat
    config = override(CONFIG, "train.strategy=multi_worker", *assignments)
    try:
        with join(config.train) as workers:
            trained = fit(
                TASK,
                config,
                TrainingData(TASK, config, records(folder / "data")),
                validation_batches().repeat(-1 if endless_evaluation else 1),
                # Only the chief may use it: the other's is a folder that can't be made.
                state_dir=out / "state" if index == 0 else "/proc/none",
                workers=workers,
            )
    except PerceiverError as error:
        print(f"Error: {error}", file=sys.stderr, flush=True)
        os._exit(1)
    np.savez(out / "weights.npz", **tiny_training.weights(trained.model))
    told = {"history": trained.history, "best": trained.best, "resumed_from": trained.resumed_from}
    (out / "told.json").write_text(json.dumps(told))


def start(
    folder: Path, name: str, *assignments: str, different: Sequence[str] = (), **how: Any
) -> list[BaseProcess]:
    """Both workers; the files of worker N are in `folder`/NAME/N, and the last has `different` settings.

    `how` is what `work` takes by keyword.
    """
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(WORKERS)]
    addresses = [f"127.0.0.1:{server.getsockname()[1]}" for server in held]
    for server in held:
        server.close()
    started = [
        tiny_training.processes.Process(
            target=work,
            args=(
                *(index, addresses, folder, folder / name / str(index), *assignments),
                *(different if index else ()),
            ),
            kwargs=how,
        )
        for index in range(WORKERS)
    ]
    for process in started:
        process.start()
    return started


def finish(processes: Sequence[BaseProcess], seconds: float = 120) -> list[int | None]:
    """The exit codes; who is still there after `seconds` is killed and has none."""
    end = time.monotonic() + seconds
    codes: list[int | None] = []
    for process in processes:
        process.join(max(end - time.monotonic(), 0))
        codes.append(process.exitcode)
        if process.exitcode is None:
            process.kill()
            process.join()
    return codes


def wait_for(condition: Callable[[], bool], processes: Sequence[BaseProcess]) -> None:
    end = time.monotonic() + 90
    while not condition():
        assert all(process.is_alive() for process in processes) and time.monotonic() < end
        time.sleep(0.001)


def kill(process: BaseProcess, number: int = signal.SIGKILL) -> None:
    os.kill(process.pid, number)
