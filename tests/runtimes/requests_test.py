"""What a file is asked: real examples where they are, random numbers elsewhere."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.runtimes import requests
from perceiver_keras.tasks import registry

TASK = registry.get("image_classification")
CONFIG = TASK.presets["tiny"].config
SPECS = {"inputs": tf.TensorSpec([None, 8, 8, 1])}


def test_examples_of_the_test_split_in_two_batch_sizes() -> None:
    found, source = requests.requests(TASK, CONFIG, SPECS)
    assert source == "perceiver_digits, test"
    assert [request["inputs"].shape for request in found] == [(1, 8, 8, 1), (3, 8, 8, 1)]
    assert len(np.unique(found[1]["inputs"])) > 5


def test_without_the_data_set_the_numbers_are_random_and_said_to_be() -> None:
    found, source = requests.requests(TASK, override(CONFIG, "data.dataset=mnist"), SPECS)
    assert source == "random numbers" and [len(r["inputs"]) for r in found] == [1, 3]


def test_random_numbers_fit_every_kind_of_input() -> None:
    specs = {"ids": tf.TensorSpec([None, 9], tf.int32), "mask": tf.TensorSpec([None, 9], tf.bool)}
    one, three = requests.random(specs)
    assert set(np.unique(three["ids"])) <= {0, 1} and three["ids"].dtype == np.int32
    assert three["mask"].dtype == bool and one["mask"].shape == (1, 9)


def test_fewer_examples_than_batches_give_fewer_requests() -> None:
    values = {"x": np.arange(3)}
    assert [r["x"].tolist() for r in requests.cut(values, (1, 3))] == [[0], [1, 2]]
    assert [r["x"].tolist() for r in requests.cut({"x": np.arange(1)}, (1, 3))] == [[0]]
