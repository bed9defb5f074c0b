"""The encoder of sets: any number of entities, in any order, each set by itself."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_keras.errors import PerceiverError
from perceiver_keras.tasks.starcraft_entities.model import EntityEncoder, as_set

RNG = np.random.default_rng(0)
SETS = [RNG.uniform(size=(n, 9)).astype(np.float32) for n in (4, 7, 1)]


@pytest.fixture(scope="module")
def model():
    return EntityEncoder.from_preset("tiny")


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


def test_a_set_is_rows_or_an_object_with_rows():
    rows = SETS[0]
    for given in (rows, rows.tolist(), {"entities": rows.tolist()}):
        np.testing.assert_array_equal(as_set(given), rows)
    np.testing.assert_array_equal(as_set({"entities": rows, "mask": [1, 0, 1, 0]}), rows[[0, 2]])
    for wrong in (
        [1, 2, 3],
        {"entities": rows, "mask": [0] * 4},
        {"rows": rows},
        "text",
        [[1], [2, 3]],
        [[10**400, 2]],
    ):
        with pytest.raises(PerceiverError, match="list of rows"):
            as_set(wrong)


def test_what_is_not_a_set_is_refused(model):
    with pytest.raises(PerceiverError, match="list of rows"):
        model.encode_entities([[1, 2, 3]])


def test_one_set_alone_and_sets_of_every_kind(model):
    rows = SETS[0]
    (answer,) = model.encode_entities([rows])
    for one in (rows, rows.tolist(), list(rows), {"entities": rows}, rows.astype(np.float64)):
        np.testing.assert_allclose(
            model.encode_entities(one)["pooled"], answer["pooled"], atol=1e-5
        )
    assert len(model.encode_entities(np.stack([rows, rows]))) == 2
    assert model.encode_entities([]) == []
    for wrong, words in (
        (rows[:, :5], "rows of 9 numbers .* got rows of 5"),
        (rows * np.nan, "infinite or not a number"),
        ([rows, 3], "list of rows"),
        (None, "got None"),
    ):
        with pytest.raises(PerceiverError, match=words):
            model.encode_entities(wrong)
