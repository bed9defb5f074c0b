"""The rows of Table 2: what each readout knows of the task, and heads, scores and vocabularies."""

from __future__ import annotations

from pydoc_data.topics import topics

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.data.text import sentencepiece
from perceiver_keras.data.text.glue import EIGHT, TASKS, task_named
from perceiver_keras.errors import UsageError
from perceiver_keras.layers.linear import weights_by_path
from perceiver_keras.tasks.glue.data import to_inputs
from perceiver_keras.tasks.glue.model import heads
from perceiver_keras.tasks.glue.predict import _examples
from perceiver_keras.tasks.model import load
from tests.tasks.glue.small import CONFIG, ask, model_of, small_model


def inputs_of(*names):
    """One sentence, asked about for each of the tasks."""
    inputs, _ = to_inputs(*map(tf.constant, (names[0].encode(), b"a sentence", b"")), CONFIG)
    inputs = {key: tf.stack([value] * len(names)) for key, value in inputs.items()}
    return inputs | {"task": tf.constant([task_named(name).number for name in names])}


@pytest.mark.parametrize("readout", ["query", "shared_token", "task_tokens"])
def test_what_each_readout_knows_of_the_task(readout):
    """Latents know the task only with one token per task; heads always do."""
    model = model_of(override(CONFIG, f'model.readout="{readout}"'))
    outputs, maps = model(inputs_of("cola", "sst2"), return_attention=True)
    maps = maps["encode"].numpy()
    places = maps.shape[-1]
    assert places == CONFIG.model.length + (readout != "query")
    assert np.allclose(maps[0], maps[1]) == (readout != "task_tokens")
    assert not np.allclose(outputs[0, 1:], outputs[1, 1:])
    queries = weights_by_path(model)["query/embeddings"]
    assert queries.shape[0] == (len(EIGHT) if readout == "query" else 1)


def test_a_single_task_needs_no_other_head():
    single = model_of(override(CONFIG, 'model.tasks=["stsb"]'))
    assert ask(single, ("stsb", "a", "b"))["probabilities"].shape == (1, 1)
    assert single.count_params() < small_model().count_params()


def test_mnli_s_head_answers_its_second_set_and_the_diagnostics():
    assert [EIGHT[head] for head in heads(CONFIG.model)[:9]] == [
        *("cola", "sst2", "mrpc", "stsb", "qqp", "mnli", "mnli", "qnli", "rte"),
    ]
    outputs = small_model()(inputs_of("mnli", "mnli_mismatched", "ax")).numpy()
    np.testing.assert_array_equal(
        outputs[:, 0], [TASKS.index(task_named(n)) for n in ("mnli", "mnli_mismatched", "ax")]
    )
    np.testing.assert_allclose(outputs[1:, 1:], outputs[[0, 0], 1:], rtol=1e-5)


def test_outputs_start_in_the_middle_of_the_score_and_stop_where_a_task_has_no_class():
    """A head of zeros: 2.5 of STS-B's 0 to 5, and logits of 0. A bias of 1 is half of the range, or one logit."""
    model = model_of(CONFIG)
    names = ("stsb", "mnli", "cola")
    head = model.postprocess.out
    head.kernel.assign(tf.zeros_like(head.kernel))
    np.testing.assert_array_equal(model(inputs_of(*names))[:, 1:], [[2.5, 0, 0], [0] * 3, [0] * 3])
    head.bias.assign(tf.ones_like(head.bias))
    np.testing.assert_array_equal(
        model(inputs_of(*names))[:, 1:], [[5.0, 0, 0], [1, 1, 1], [1, 1, 0]]
    )


def test_a_sentencepiece_model_travels_with_the_weights(tmp_path):
    path = tmp_path / "own.model"
    texts = [topics[name].encode() for name in ("assert", "else", "in", "function", "lists")]
    path.write_bytes(sentencepiece.train(sentencepiece.counted(texts), 160))
    config = override(CONFIG, "model.vocabulary=160", f"data.sentencepiece={path}")
    inputs, cut = to_inputs(*map(tf.constant, (b"rte", b"the function", b"a list")), config)
    assert int(cut) == 0
    assert int(tf.reduce_sum(tf.cast(inputs["mask"], tf.int32))) < len("the function|a list")
    shown = next(_examples(batched(inputs), tf.constant([[8.0, 0.0, 0.0]]), config))
    assert shown == ("rte", "the function | a list", "entailment")
    model = model_of(config)
    before = model.classify([("rte", "the function", "a list")])
    folder = model.save_to_preset(tmp_path / "preset", task_config=config)
    path.unlink()
    assert load(folder).classify([("rte", "the function", "a list")]) == before


def batched(inputs):
    return {key: value[None] for key, value in inputs.items()}


def test_one_request_alone_and_what_is_none():
    model = small_model()
    (answer,) = model.classify([("cola", "a")], top=2)
    assert model.classify(("cola", "a"), top=2) == model.classify(["CoLA", b"a"], top=2) == answer
    assert model.classify([]) == []
    for wrong, words in (
        (("colla", "a"), "GLUE has no task 'colla'. Did you mean 'cola'"),
        (("rte", "a"), "rte takes two sentences"),
        ([("cola", "a"), ("cola", "a", "b")], "request 2: cola takes one sentence"),
        ("cola: a", r"expected \(task, sentence\), or"),
        ([("cola", 3)], "the request: expected .task, sentence.*got a tuple of 2"),
        (None, "got None"),
    ):
        with pytest.raises(UsageError, match=words):
            model.classify(wrong)
