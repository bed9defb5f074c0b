"""The tables of classes, against scikit-learn, and that every link leads somewhere."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from perceiver_keras.show import classes
from perceiver_keras.show.mistakes import Mistakes

RNG = np.random.default_rng(11)


def summary_of(truth, probabilities, names=None) -> dict:
    found = Mistakes(names or [f"c{i}" for i in range(probabilities.shape[-1])])
    found.add(truth, probabilities, str)
    return json.loads(json.dumps(found.summary()))  # as it comes out of report.json


@pytest.mark.parametrize("count", [2, 10, 100, 1000])
def test_the_rows_are_scikit_learns_the_worst_first(count: int) -> None:
    truth = RNG.integers(0, count, 500)
    probabilities = (
        RNG.random((500, count)) + 2 * (RNG.random((500, 1)) < 0.6) * np.eye(count)[truth]
    )
    tables = classes.tables(summary_of(truth, probabilities))
    rows = tables["first"] + tables["rest"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = precision_recall_fscore_support(
            truth, probabilities.argmax(-1), labels=range(count), zero_division=np.nan
        )
    precision, recall, f1, support = (
        {f"c{i}": value for i, value in enumerate(values)} for values in expected
    )
    assert len(rows) == count and len(tables["first"]) == min(count, classes.FIRST)
    for row in rows:
        for said, wanted in (("precision", precision), ("recall", recall)):
            value = wanted[row["name"]]
            assert row[said] == ("–" if np.isnan(value) else f"{100 * value:.1f}%")
        assert row["support"] == str(support[row["name"]])
    shown = [row["f1"] for row in rows]
    worst = [float(value[:-1]) for value in shown if value != "–"]
    assert worst == sorted(worst) and shown[len(worst) :] == ["–"] * (count - len(worst))
    wanted = sorted(100 * value for value in f1.values() if not np.isnan(value))
    # scikit-learn calls F1 undefined where only the precision or the recall is.
    np.testing.assert_allclose(worst[-len(wanted) :], wanted, atol=0.051)


@pytest.mark.parametrize("count", [2, 10, 100])
def test_every_link_leads_to_a_wrong_example(count: int) -> None:
    truth, probabilities = RNG.integers(0, count, 300), RNG.dirichlet(np.ones(count), 300)
    tables = classes.tables(summary_of(truth, probabilities))
    groups = tables["groups"]
    places = [group["id"] for group in groups]
    places += [entry["id"] for group in groups for entry in group["entries"] if entry["id"]]
    assert len(set(places)) == len(places)
    links = [row["place"] for row in tables["first"] + tables["rest"]]
    links += [pair["place"] for pair in tables["pairs"]]
    links += [cell["place"] for row in tables["matrix"] or [] for cell in row["cells"]]
    assert {link for link in links if link} <= set(places)
    wrong = {f"c{c}" for c in truth[truth != probabilities.argmax(-1)]}
    assert {row["name"] for row in tables["first"] + tables["rest"] if row["place"]} == wrong


def test_few_classes_have_a_matrix_and_many_have_pairs() -> None:
    truth = np.array([0, 0, 0, 1])
    probabilities = np.eye(3)[[0, 1, 1, 1]]
    tables = classes.tables(summary_of(truth, probabilities, ["cat", "dog", "emu"]))
    assert tables["pairs"] == [] and tables["turned"]
    counts = [[cell["count"] for cell in row["cells"]] for row in tables["matrix"]]
    assert counts == [[1, 2, 0], [0, 1, 0], [0, 0, 0]]
    assert tables["matrix"][0]["cells"][1]["share"] == 0.67
    assert tables["matrix"][0]["cells"][1]["place"] == tables["groups"][0]["entries"][0]["id"]
    [group] = tables["groups"]
    assert (group["name"], group["of"]) == ("cat", "2")
    assert group["entries"][0]["words"] == "cat, said to be dog"

    many = classes.tables(summary_of(truth, np.eye(50)[[0, 1, 1, 1]]))
    assert many["matrix"] is None
    [pair] = many["pairs"]
    assert (pair["true"], pair["given"], pair["count"], pair["share"]) == ("c0", "c1", "2", "66.7%")


def test_of_several_classes_it_says_what_was_missed_and_what_was_too_much() -> None:
    tables = classes.tables(
        summary_of(np.array([[True, False]]), np.array([[0.2, 0.9]]), ["dog", "rain"])
    )
    words = [entry["words"] for group in tables["groups"] for entry in group["entries"]]
    assert words == ["dog, not named", "not rain, but named"]
    assert tables["matrix"] is None and tables["several"]


def test_a_class_without_examples_has_no_scores() -> None:
    assert classes.scores(0, 0, 0) == (None, None, None)
    assert classes.scores(2, 0, 0) == (None, 0.0, 0.0)
    assert classes.scores(0, 3, 0) == (0.0, None, 0.0)


def test_answers_of_a_broken_model_that_are_not_numbers() -> None:
    truth = np.array([0, 1, 2])
    found = summary_of(truth, np.full([3, 3], np.nan))
    for value in (float("nan"), None):  # as it is counted, and as report.json has it
        for mistake in found["mistakes"]:
            mistake["probability"] = value
        entries = [e for group in classes.tables(found)["groups"] for e in group["entries"]]
        assert entries and {entry["probability"] for entry in entries} == {"not a number"}
