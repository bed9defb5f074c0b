"""Counts and measures what `benchmarks/size_plan.py` computes with, and writes benchmarks/results/size_plan.json.

    .venv/bin/python scripts/measure_size_plan.py [count|gpu|input|train …]

`count` traces the paper's models; `gpu` copies what the H100 was measured at; `input` reads, decodes and augments
pictures, pairs and texts with one thread, in CPU seconds, so other work on the machine counts little; `train` measures
steps of the digits' model with one worker, with one beside another that it does not know of, and with two, one thread
each: leave two cores of the machine to it. What is not named stays as it was in the file.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
FACTS = RESULTS / "size_plan.json"
# preset: (task, data, the GPU's case, the input's name).
PRESETS = {
    "imagenet_fourier_position_encoding": (
        *("image_classification", "ImageNet, 110 epochs"),
        *("fourier-train-bfloat16-b16-4096mb", "ImageNet pictures"),
    ),
    "imagenet_conv_preprocessing": (
        *("image_classification", "ImageNet, 110 epochs"),
        *("conv-train-bfloat16-b32-4096mb", "ImageNet pictures"),
    ),
    "optical_flow": (
        *("optical_flow", "AutoFlow, 480 epochs"),
        *("flow-train-bfloat16-b1-4096mb", "AutoFlow pairs"),
    ),
    "language_mlm_bytes": (
        *("language_mlm", "C4 and Wikipedia"),
        *("mlm-train-bfloat16-b32-4096mb", "texts of 2,048 bytes"),
    ),
    "video_autoencoding": (
        *("multimodal_autoencoding", "Kinetics-700"),
        *("video-forward-bfloat16-b1", "clips"),
    ),
}
PAIR = ("mlm-forward-bfloat16-b32-4096mb", "mlm-train-bfloat16-b32-4096mb")
H100 = 989e12  # bfloat16 operations per second, without sparsity, of its data sheet
BATCHES = (16, 32, 64, 128, 256, 512)
# (workers of a run, processes on the machine): alone, two runs at once, two workers of one run.
KINDS = ((1, 1), (1, 2), (2, 2))
FITTED = (16, 64, 256)
STEPS, FIRST, TIMES = 120, 20, 3


def count() -> dict[str, Any]:
    from perceiver_keras.tasks import registry
    from perceiver_keras.training.cost import estimate

    found = {}
    for preset, (name, data, gpu, input_) in PRESETS.items():
        task = registry.get(name)
        config = task.preset(preset).config
        cost = estimate(task, config, batch_size=1, evaluation_batch_size=1)
        found[preset] = {
            "data": data, "gpu": gpu, "input": input_, "parameters": cost.parameters,
            "flops": cost.flops, "training_flops": cost.training_flops, "state": cost.state,
            "steps": config.train.steps, "batch": config.data.batch_size,
        }  # fmt: skip
        print(preset, found[preset], file=sys.stderr, flush=True)
    return found


def gpu() -> dict[str, Any]:
    """Our graphs' counted operations and seconds, by case."""
    records = json.loads((RESULTS / "gpu_h100.json").read_text())["records"]
    ours = {one["case"]: one for one in records if one["side"] == "ours"}
    names = {name for _, _, name, _ in PRESETS.values()} | set(PAIR)
    runs = {
        name: {
            "flops": ours[name]["flops"],
            "seconds": ours[name]["median"],
            "training": "-train-" in name,
        }
        for name in sorted(names)
    }
    return {"peak": H100, "pair": list(PAIR), "runs": runs}


def input_() -> dict[str, Any]:
    """CPU seconds per example of the real path from a file of records to batches, on one thread."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    made = {
        "ImageNet pictures": ("imagenet_conv_preprocessing", _pictures, "photographs of 500 × 375"),
        "AutoFlow pairs": ("optical_flow", _pairs, "photographs that move, 576 × 448, as PNG"),
        "texts of 2,048 bytes": ("language_mlm_bytes", _texts, "Python's documentation"),
    }
    return {name: _one_input(*given) for name, given in made.items()}


def _one_input(preset: str, examples: Any, of: str) -> dict[str, Any]:
    import tensorflow as tf

    from perceiver_keras.data.store.batches import train_batches
    from perceiver_keras.data.store.records import file_records
    from perceiver_keras.tasks import registry

    task = registry.get(PRESETS[preset][0])
    config = task.preset(preset).config
    with tempfile.TemporaryDirectory() as folder:
        contents = [tf.train.Example(features=tf.train.Features(feature=one)).SerializeToString()
                    for one in examples()]  # fmt: skip
        with tf.io.TFRecordWriter(f"{folder}/0.tfrecord") as writer:
            for content in contents:
                writer.write(content)
        batches = train_batches(
            file_records(f"{folder}/*.tfrecord", ""),
            lambda features, seed: task.examples.prepare(features, config, True, seed),
            task.examples.spec(config),
            batch_size=16, seed=0, shuffle_buffer=64, num_parallel_calls=1,
            joined=config.data.documents_per_example,
        )  # fmt: skip
        iterator, times = iter(batches), []
        for _ in range(4):  # what is read ahead is full then
            next(iterator)
        for _ in range(24):
            began = time.process_time()
            next(iterator)
            times.append((time.process_time() - began) / 16)
    size = sum(map(len, contents)) / len(contents) * config.data.documents_per_example
    return {"core_seconds": statistics.mean(times), "bytes": round(size), "of": of}


def _bytes(content: bytes) -> Any:
    import tensorflow as tf

    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[content]))


def _photographs(height: int, width: int) -> Iterator[Any]:
    """32 crops of real photographs, uint8 [height, width, 3]."""
    import numpy as np
    import tensorflow as tf
    from sklearn.datasets import load_sample_images

    chance = np.random.default_rng(0)
    for index in range(32):
        picture = load_sample_images().images[index % 2]
        y, x = chance.integers(0, 40), chance.integers(0, 60)
        cut = tf.image.resize(picture[y : y + 375, x : x + 500], [height, width])
        yield tf.cast(cut, tf.uint8)


def _pictures() -> Iterator[dict[str, Any]]:
    import tensorflow as tf

    for picture in _photographs(375, 500):
        label = tf.train.Feature(int64_list=tf.train.Int64List(value=[1]))
        yield {"image": _bytes(tf.io.encode_jpeg(picture, quality=90).numpy()), "label": label}


def _pairs() -> Iterator[dict[str, Any]]:
    import numpy as np
    import tensorflow as tf

    for picture in _photographs(448, 576):
        flow = np.ones([448, 576, 2], np.float32)
        moved = tf.roll(picture, [1, 1], [0, 1])
        mask = _bytes(tf.io.encode_png(tf.fill([448, 576, 1], tf.constant(255, tf.uint8))).numpy())
        frames = [_bytes(tf.io.encode_png(one).numpy()) for one in (picture, moved)]
        yield {
            "frame1": frames[0], "frame2": frames[1], "flow": _bytes(flow.tobytes()),
            "valid": mask, "occluded": mask,
        }  # fmt: skip


def _texts() -> Iterator[dict[str, Any]]:
    """Texts as long as C4's are on average, about 2,200 bytes (305 GB compressed, 807 GB as it is, 365 million)."""
    import pydoc_data.topics

    text = "\n".join(pydoc_data.topics.topics.values()).encode()
    for start in range(0, 2200 * 200, 2200):
        yield {"text": _bytes(text[start : start + 2200])}


class Clock:
    """In place of the progress line: notes when each logged step ended."""

    def __init__(self) -> None:
        self.times: dict[int, float] = {}

    def start(self, step: int) -> None: ...

    def note(self, text: str) -> None: ...

    def update(self, step: int, **values: float) -> None:
        self.times[step] = time.perf_counter()


def work(index: int, workers: int) -> None:
    """One worker with one thread: seconds of a step at each batch size, as JSON on stdout."""
    from perceiver_keras.config_tree import override
    from perceiver_keras.tasks import registry
    from perceiver_keras.tasks.batches import TaskData
    from perceiver_keras.train import fit
    from perceiver_keras.training.workers import join

    task = registry.get("image_classification")
    strategy = "multi_worker" if workers > 1 else "none"
    base = override(
        task.preset("tiny").config, f"train.strategy={strategy}", f"train.steps={STEPS}",
        "train.checkpoint_every=100000", "train.evaluate_every=100000",
    )  # fmt: skip
    found: dict[int, float] = {}
    with join(base.train) as joined, tempfile.TemporaryDirectory() as folder:
        for batch in BATCHES:
            config = override(base, f"data.batch_size={batch}", f"train.log_every={FIRST}")
            clock = Clock()
            data = TaskData(task, config).training_data()
            fit(task, config, data, None, state_dir=f"{folder}/{batch}", workers=joined,
                progress=clock)  # fmt: skip
            if index == 0:
                spent = clock.times[STEPS] - clock.times[FIRST]
                found[batch] = spent / (STEPS - FIRST)
    if index == 0:
        print(json.dumps(found))


def train() -> dict[str, Any]:
    """The median of several times, which take turns."""
    from perceiver_keras.tasks import registry
    from perceiver_keras.training.cost import estimate

    times: dict[tuple[int, int, int], list[float]] = {}
    for _ in range(TIMES):
        for kind in KINDS:
            for found in _trained(*kind):
                for batch, seconds in found.items():
                    times.setdefault((*kind, int(batch)), []).append(seconds)
                    print(*kind, batch, f"{1e3 * seconds:.1f} ms", file=sys.stderr, flush=True)
    task = registry.get("image_classification")
    cost = estimate(task, task.preset("tiny").config)
    return {
        "parameters": cost.parameters,
        "runs": [
            {
                "workers": workers, "processes": processes, "batch": batch,
                "seconds": statistics.median(spent), "fitted": batch in FITTED,
            }
            for (workers, processes, batch), spent in sorted(times.items())
        ],
    }  # fmt: skip


def _trained(workers: int, processes: int) -> list[dict[str, float]]:
    """What the first worker of each run measured."""
    import socket

    from perceiver_keras.training.cluster import VARIABLE, to_text

    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(workers)]
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in held]
    for one in held:
        one.close()
    alone = {name: "1" for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")}
    started = [
        subprocess.Popen(
            [sys.executable, __file__, "work", str(index % workers), str(workers)],
            env={**os.environ, **alone, VARIABLE: to_text(addresses, index % workers)},
            stdout=subprocess.PIPE, text=True,
        )
        for index in range(processes)
    ]  # fmt: skip
    said = [one.communicate()[0] for one in started]
    return [json.loads(text.splitlines()[-1]) for text in said[::workers]]


def main(parts: list[str]) -> None:
    from perceiver_keras.files import write_json

    makers = {"count": ("counted", count), "gpu": ("gpu", gpu), "input": ("input", input_),
              "train": ("measured", train)}  # fmt: skip
    for part in parts or list(makers):
        name, make = makers[part]
        found = make()
        facts = json.loads(FACTS.read_text()) if FACTS.exists() else {}
        write_json(FACTS, facts | {name: found})


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        work(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main(sys.argv[1:])
