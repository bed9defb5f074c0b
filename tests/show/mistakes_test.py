"""What is counted of each class, against scikit-learn, and which wrong examples are kept."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, multilabel_confusion_matrix

from perceiver_keras.show import mistakes
from perceiver_keras.show.mistakes import Mistakes

RNG = np.random.default_rng(5)


def added(truth, probabilities, example=str, batch: int = 7) -> Mistakes:
    """All of it, in batches; an example is shown as its number."""
    found = Mistakes([f"c{i}" for i in range(probabilities.shape[-1])])
    for low in range(0, len(truth), batch):
        rows = slice(low, low + batch)
        found.add(truth[rows], probabilities[rows], lambda row, low=low: example(low + row))
    return found


@pytest.mark.parametrize("classes", [2, 10, 30])
def test_counts_are_scikit_learns(classes: int) -> None:
    truth = RNG.integers(0, classes, 300)
    probabilities = RNG.dirichlet(np.ones(classes), 300)
    summary = added(truth, probabilities).summary()
    given = probabilities.argmax(-1)
    expected = confusion_matrix(truth, given, labels=range(classes))
    assert summary["support"] == expected.sum(1).tolist()
    assert summary["given"] == expected.sum(0).tolist()
    assert summary["right"] == np.diag(expected).tolist()
    assert (summary["examples"], summary["wrong"]) == (300, int((truth != given).sum()))
    for true, other, count in summary["pairs"]:
        assert true != other and expected[true, other] == count
    if classes <= mistakes.CELLS:
        assert sum(count for *_, count in summary["pairs"]) == summary["wrong"]
    else:
        assert len(summary["pairs"]) == mistakes.MOST_PAIRS
        off = np.sort((expected - np.diag(np.diag(expected))).ravel())[::-1]
        assert [count for *_, count in summary["pairs"]] == off[: mistakes.MOST_PAIRS].tolist()


def test_several_classes_per_example_are_counted_as_scikit_learn_does() -> None:
    truth, probabilities = RNG.random((50, 4)) < 0.4, RNG.random((50, 4))
    summary = added(truth, probabilities).summary()
    expected = multilabel_confusion_matrix(truth, probabilities >= 0.5)
    assert summary["several"] and summary["pairs"] == []
    assert summary["support"] == expected[:, 1].sum(1).tolist()
    assert summary["given"] == expected[:, :, 1].sum(1).tolist()
    assert summary["right"] == expected[:, 1, 1].tolist()
    for one in summary["mistakes"]:
        row, kind = int(one["text"]), one["class"]
        assert probabilities[row, kind] == pytest.approx(one["probability"], abs=1e-4)
        assert (one["true"] is not None) == truth[row, kind]
        assert (one["given"] is not None) == (probabilities[row, kind] >= 0.5)


def test_a_kept_example_is_wrong_as_it_says() -> None:
    truth, probabilities = RNG.integers(0, 5, 200), RNG.dirichlet(np.ones(5), 200)
    for one in added(truth, probabilities).summary()["mistakes"]:
        row = int(one["text"])
        assert one["true"] == one["class"] == truth[row] != one["given"]
        assert one["given"] == probabilities[row].argmax()
        assert one["probability"] == pytest.approx(probabilities[row].max(), abs=1e-4)


@pytest.mark.parametrize("batch", [1, 7, 500])
def test_each_pair_is_there_before_a_second_of_any_and_the_surest_first(batch: int) -> None:
    """Whatever the order in which they come."""
    truth = np.zeros(400, int)
    given = np.where(np.arange(400) < 380, 1, RNG.integers(2, 5, 400))
    sure = RNG.uniform(0.6, 0.99, 400)
    probabilities = np.zeros([400, 5])
    probabilities[np.arange(400), given] = sure
    order = RNG.permutation(400)
    found = added(truth, probabilities[order], batch=batch).summary()["mistakes"]
    assert len(found) == mistakes.MOST_OF_A_CLASS
    first = {}
    for one in found:
        first.setdefault(one["given"], one["probability"])
    surest = {int(c): sure[given == c].max() for c in np.unique(given)}
    assert first == pytest.approx(surest, abs=1e-4)
    assert set(list(first)[:4]) == {one["given"] for one in found[:4]}


def test_only_what_may_be_shown_is_drawn_and_many_classes_share_the_page() -> None:
    asked = []

    def example(row: int) -> np.ndarray:
        asked.append(row)
        return np.zeros([4, 4, 1])

    classes = 600
    truth = np.repeat(np.arange(classes), 5)
    probabilities = np.zeros([len(truth), classes], np.float32)
    probabilities[np.arange(len(truth)), (truth + 1) % classes] = np.tile(
        [0.9, 0.8, 0.7, 0.6, 0.5], classes
    )
    summary = added(truth, probabilities, example, batch=100).summary()
    assert len(summary["mistakes"]) == mistakes.MOST_SHOWN == len(asked)
    assert all(one["picture"].startswith("data:image/png") for one in summary["mistakes"])


def test_a_long_text_is_cut() -> None:
    found = added(np.array([0]), np.array([[0.1, 0.9]]), lambda row: "x" * 10_000)
    [one] = found.summary()["mistakes"]
    assert len(one["text"]) == mistakes.MOST_LETTERS + 1
