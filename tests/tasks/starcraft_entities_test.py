"""What is particular to sets of entities: any number, any order, targets and outcomes."""

import json

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.data.builders.perceiver_battles import (
    perceiver_battles_dataset_builder as builder,
)
from perceiver_keras.errors import PerceiverError
from perceiver_keras.tasks import starcraft_entities as task

CONFIG = task.TINY
RNG = np.random.default_rng(0)
SETS = [RNG.uniform(size=(n, 9)).astype(np.float32) for n in (4, 7, 1)]


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(1)
    return task.EntityEncoder.from_preset("tiny")


def test_each_set_by_itself_and_in_any_order(model):
    together = model.serve_contents(SETS)
    for number, one in enumerate(SETS):
        (alone,) = model.encode_entities([one])
        for name in ("pooled", "winning"):
            np.testing.assert_allclose(together[name][number], alone[name], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(
            together["embeddings"][number, : len(one)], alone["embeddings"], rtol=1e-3, atol=1e-4
        )
        assert not together["pointer"][number, len(one) :].any()
    order = RNG.permutation(7)
    (one,), (other,) = model.encode_entities(SETS[1:2]), model.encode_entities([SETS[1][order]])
    np.testing.assert_allclose(other["embeddings"], one["embeddings"][order], rtol=1e-3, atol=1e-4)


def test_files_of_one_set_or_several(tmp_path, model):
    one, several, bad = (tmp_path / f"{name}.json" for name in ("one", "several", "bad"))
    one.write_text(json.dumps(SETS[0].tolist()))
    sets = [{"entities": SETS[0].tolist()}, {"entities": SETS[1].tolist(), "mask": [1] * 6 + [0]}]
    several.write_text(json.dumps([*sets, {"entities": []}]))
    bad.write_text("{")
    found = list(task.requests([str(one), str(several), str(bad)]))
    assert [request.name.split("/")[-1] for request in found] == [
        *("one.json", "several.json#0", "several.json#1", "several.json#2", "bad.json")
    ]
    assert [len(r.content) for r in found[:3]] == [4, 4, 6]
    assert "list of rows" in found[3].error and "not JSON" in found[4].error
    answers = model.answer([r.content for r in found[:3]], top=2)
    assert [set(a) for a in answers[0]] == [{"label", "score"}] * 2
    with pytest.raises(PerceiverError, match="list of rows"):
        model.encode_entities([[1, 2, 3]])
    outputs = model.serve_contents([SETS[0]])
    task.TASK.picture([], [{k: v[0] for k, v in outputs.items()}], []).canvas.draw()


def test_the_loss_is_two_cross_entropies():
    targets = {"target": tf.constant([1, 0], tf.int64), "won": tf.constant([1, 0], tf.int64)}
    outputs = {"pointer": tf.constant([[0.2, 0.8], [0.5, 0.5]]), "winning": tf.constant([2.0, 0.0])}
    expected = [-np.log(0.8) + np.log(1 + np.exp(-2)), -2 * np.log(0.5)]
    np.testing.assert_allclose(task.loss(CONFIG).call(targets, outputs), expected, rtol=1e-5)
    np.testing.assert_array_equal(task.columns(targets, outputs), [[1, 1, 1], [1, 1, 1]])


def test_check_names_what_is_wrong():
    entities = np.zeros(90)
    good = {"entities": list(entities), "mask": [1] * 4 + [0] * 6, "label": [3, 1]}
    assert task.check(good, CONFIG) is None
    assert "row 4 holds no entity" in task.check({**good, "label": [4, 1]}, CONFIG)
    assert "outcome is 2" in task.check({**good, "label": [0, 2]}, CONFIG)
    assert "has 3 numbers, not 10" in task.check({**good, "mask": [1, 1, 1]}, CONFIG)
    entities[5] = np.nan
    assert "not finite" in task.check({**good, "entities": list(entities)}, CONFIG)


def test_baseline_guesses_among_the_enemies():
    entities = np.zeros((2, 10, 9), np.float32)
    entities[0, :4, 3] = 1
    entities[1, :2, 3] = 1
    inputs = {"entities": entities, "mask": np.ones((2, 10), np.int64)}
    targets = {"target": np.zeros(2, np.int64), "won": np.array([1, 1])}
    found = task.baseline(tf.data.Dataset.from_tensors((inputs, targets)), CONFIG)
    assert found == {"target_accuracy": pytest.approx(3 / 8), "winner_accuracy": 1.0}


def test_the_paper_s_encoder_has_its_sizes():
    """Section 4.4: 32 latents, 3 layers; 2 heads, 128 features, MLP 1024, output 256 as what it replaces."""
    m = task.PRESETS["starcraft_entities"].config.model
    model = task.TASK.build(task.PRESETS["starcraft_entities"].config).build_all()
    layer = model.process.self_attentions[0]
    shapes = {tuple(w.shape) for w in layer.weights}
    assert (128, 1024) in shapes and (1024, 128) in shapes
    assert len(model.process.self_attentions) == 3 and m.encode.num_latents == 32
    outputs = model({"entities": np.zeros((1, 5, 256), np.float32), "mask": np.ones((1, 5))})
    assert outputs["embeddings"].shape == (1, 5, 256)


def test_features_are_the_builder_s():
    assert len(CONFIG.model.features) == 9 and CONFIG.model.max_entities == builder.MOST
