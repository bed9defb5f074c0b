"""No thread of tf.data's tuning, whose end an iterator would wait for."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from perceiver_keras.data.untuned import untuned

ROOT = Path(__file__).parents[2]
THREADS = Path("/proc/self/task")


def started_by(dataset: tf.data.Dataset) -> int:
    """Threads that run while the dataset is read, and not before."""
    before = len(list(THREADS.iterdir()))
    iterator = iter(dataset)
    next(iterator)
    return len(list(THREADS.iterdir())) - before


@pytest.mark.skipif(not THREADS.exists(), reason="the system does not tell the threads")
def test_there_is_one_thread_less():
    numbers = tf.data.Dataset.range(1000).map(lambda x: x + 1, num_parallel_calls=2)
    next(iter(numbers))  # starts what all share
    assert started_by(untuned(numbers)) == started_by(numbers) - 1


def test_other_options_stay():
    options = tf.data.Options()
    options.deterministic = True
    kept = untuned(tf.data.Dataset.range(3).with_options(options)).options()
    assert kept.deterministic is True and kept.autotune.enabled is False


def test_no_dataset_of_the_project_is_tuned():
    """Reading is where an iterator is made, and waits at its end."""
    reads = ("tf.data.TFRecordDataset(", ".as_numpy_iterator(", "tfds.as_numpy(")
    forgotten = []
    for folder in ("perceiver_keras", "components", "benchmarks", "pipeline"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text()
            tuned = "untuned(" not in text and "autotune.enabled = False" not in text
            if "tf.data.AUTOTUNE" in text or (tuned and any(word in text for word in reads)):
                forgotten.append(str(path.relative_to(ROOT)))
    assert forgotten == []
