"""A signature written as a SavedModel and read again."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from perceiver_keras.runtimes import graph, saved
from tests import tiny_task as tiny
from tests.runtimes import models


def test_it_answers_as_the_weights_say_and_holds_nothing_else(tmp_path) -> None:
    signature = graph.trace(models.task(), tiny.CONFIG, models.one_layer(), None, plain=False)
    runtime = saved.Runtime(signature)
    for count in (1, 4):
        request = models.pixels(count)
        answers = runtime(request)
        np.testing.assert_allclose(answers["logits"], models.logits(request), rtol=1e-4, atol=1e-5)
    saved.save(signature, str(tmp_path))
    assert list(tf.saved_model.load(str(tmp_path)).signatures) == [saved.NAME]
    names = [
        name for name, shape in tf.train.list_variables(f"{tmp_path}/variables/variables") if shape
    ]
    assert len(names) == 6
