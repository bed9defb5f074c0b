"""Classes that are new, missing, renamed, or in another order; and what chance explains of a split without one."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from perceiver_keras.components.data.class_checks import changed_names, lacking, moved_shares
from perceiver_keras.components.data.split_statistics import Column

pytestmark = pytest.mark.tfx
NAMES = ["ant", "bee", "cow"]


def column(counts: dict[str, int]) -> Column:
    n, nan = sum(counts.values()), float("nan")
    return Column("label", True, False, n, n, counts, nan, nan, nan, np.zeros((0, 3)))


def changes(was, now, before, current):
    before, current = {"train": column(before)}, {"train": column(current)}
    return {a.kind: a for a in changed_names("label", was, now, before, current)}


OLD = {"ant": 50, "bee": 30, "cow": 20}


def test_the_same_classes_are_no_change() -> None:
    assert changes(NAMES, NAMES, OLD, OLD) == {}


def test_a_new_class() -> None:
    found = changes(NAMES, [*NAMES, "dog"], OLD, OLD | {"dog": 7})
    assert found.keys() == {"new class"}
    anomaly = found["new class"]
    assert anomaly.now == ["dog"] and anomaly.was == NAMES and anomaly.examples == 7
    assert anomaly.text == (
        "label: the class 'dog' is new, with 7 of 107 examples of train; accepted are 'ant', 'bee' and 'cow'."
    )


def test_a_class_that_is_gone() -> None:
    found = changes(NAMES, ["ant", "bee"], OLD, {"ant": 50, "bee": 30})
    assert found.keys() == {"missing class"}
    assert (
        "the class 'cow' no longer exists; it had 20 of 100 examples of train"
        in found["missing class"].text
    )


def test_a_class_renamed_in_its_place() -> None:
    found = changes(NAMES, ["ant", "wasp", "cow"], OLD, {"ant": 40, "wasp": 31, "cow": 20})
    assert found.keys() == {"renamed classes"}
    assert (found["renamed classes"].was, found["renamed classes"].now) == (["bee"], ["wasp"])
    assert "from 'bee' to 'wasp'; 31 of 91 examples" in found["renamed classes"].text


def test_a_class_renamed_and_sorted_to_another_place_is_known_by_its_counts() -> None:
    found = changes(NAMES, ["ant", "cow", "wasp"], OLD, {"ant": 50, "cow": 20, "wasp": 30})
    assert found.keys() == {"renamed classes"}
    assert found["renamed classes"].now == ["wasp"]


def test_another_order() -> None:
    found = changes(NAMES, ["ant", "cow", "bee"], OLD, OLD)
    assert found.keys() == {"order"}
    assert found["order"].examples == 50 and "2 classes changed places" in found["order"].text
    assert "1 is 'bee'; now 'cow' comes there" in found["order"].text


def lacks(counts, other):
    return list(lacking("label", "test", column(counts), column(other), "train", NAMES))


def test_a_split_without_a_common_class_and_one_of_a_single_class() -> None:
    (missing,) = lacks({"ant": 50, "bee": 30}, {"ant": 500, "bee": 300, "cow": 200})
    assert missing.kind == "missing class" and missing.was == ["cow"]
    assert "has none of the 80 examples of test, and 200 of 1000 in train" in missing.text
    (one,) = lacks({"ant": 50}, {"ant": 500, "bee": 300, "cow": 200})
    assert one.kind == "one class" and one.now == "ant" and len(one.indices) == 8
    assert "all 50 examples of test are of the class 'ant', which has 50.0% of train" in one.text


def test_what_chance_explains_is_no_anomaly() -> None:
    assert lacks({"ant": 5, "bee": 3}, {"ant": 500, "bee": 300, "cow": 200}) == []
    assert lacks({"ant": 500, "bee": 300}, {"ant": 500, "bee": 300, "cow": 2}) == []
    assert lacks({"ant": 50}, {"ant": 990, "bee": 10}) == []
    assert lacks({"ant": 50}, {"ant": 900}) == []


def test_random_splits_raise_no_false_alarm() -> None:
    random = np.random.RandomState(0)
    for _ in range(500):
        shares = random.dirichlet([0.3] * 6)
        drawn = [
            Counter(random.choice([f"c{i}" for i in range(6)], n, p=shares).tolist())
            for n in (30, 300)
        ]
        names = [f"c{i}" for i in range(6)]
        for a, b in (drawn, drawn[::-1]):
            assert list(lacking("label", "test", column(a), column(b), "train", names)) == []


def test_a_class_that_became_rare_is_seen_where_the_largest_difference_is_small() -> None:
    names = [f"c{n}" for n in range(12)]
    before = column(dict.fromkeys(names, 100))
    now = column(dict.fromkeys(names, 100) | dict.fromkeys(names[:4], 12))
    found = list(moved_shares("label", "train", now, before, "the accepted data", names))
    assert [a.kind for a in found] == ["class share"]
    assert set(found[0].now) == set(names[:4]) and "'c0' 8.3%, now 1.4%" in found[0].text
    assert max(abs(now.shares[n] - before.shares[n]) for n in names) < 0.1


def test_shares_of_samples_of_one_distribution_do_not_move() -> None:
    random = np.random.default_rng(0)
    names = [f"c{n}" for n in range(10)]
    shares = random.dirichlet(np.full(10, 0.7))
    for _ in range(300):
        n, m = random.choice([30, 200, 1500], 2)
        now, before = (
            column(dict(zip(names, random.multinomial(k, shares).tolist(), strict=True)))
            for k in (n, m)
        )
        assert not list(moved_shares("label", "train", now, before, "before", names))
