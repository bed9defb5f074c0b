"""Examples of two data sets that differ only in their labels are counted by the old and the new one."""

from __future__ import annotations

import apache_beam as beam
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.components.data.same_examples import changed_labels, compare
from tests.components import fingerprints
from tests.data.alike.samples import digits

PICTURES = list(digits()[:30])
LABELS = [n % 3 for n in range(30)]


def write(folder, labels, pictures=PICTURES, cut: int = 20) -> str:
    examples = list(zip(pictures, labels, strict=True))
    return fingerprints.write(folder, {"train": examples[:cut], "test": examples[cut:]})


def changed(tmp_path, labels, **new) -> dict:
    before, after = tmp_path / "one" / "1", tmp_path / "two" / "2"
    found = changed_labels(write(after, labels, **new), write(before, LABELS), beam.Pipeline)
    assert [path.name for path in (tmp_path / "two").iterdir()] == ["2"]  # nothing is left behind
    return found


def test_equal_data_has_not_changed(tmp_path):
    assert changed(tmp_path, LABELS, cut=10) == {"same": 30, "changed": 0, "pairs": []}


def test_two_swapped_classes_are_named(tmp_path):
    found = changed(tmp_path, [{0: 1, 1: 0, 2: 2}[label] for label in LABELS])
    assert found == {"same": 30, "changed": 20, "pairs": [["ant", "bee", 10], ["bee", "ant", 10]]}


def test_shuffled_labels_are_counted_as_they_are(tmp_path):
    labels = np.random.default_rng(0).permutation(LABELS).tolist()
    found = changed(tmp_path, labels)
    assert found["changed"] == sum(a != b for a, b in zip(LABELS, labels, strict=True))
    assert found["changed"] == sum(n for _, _, n in found["pairs"])


def test_only_what_is_in_both_is_compared(tmp_path):
    pictures = [*PICTURES[:5], *digits()[50:60], np.zeros([8, 8, 1], np.uint8)]
    found = changed(tmp_path, [2, *LABELS[1:5], *[0] * 11], pictures=pictures)
    assert found == {"same": 5, "changed": 1, "pairs": [["ant", "cat", 1]]}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({b"a": 2}, {b"a": 1, b"b": 1}, {("a", "a"): 1, ("a", "b"): 1}),
        ({b"a": 1}, {b"a": 3, b"b": 2}, {("a", "a"): 1}),
        ({b"a": 1, b"b": 1}, {b"b": 1, b"c": 1}, {("b", "b"): 1, ("a", "c"): 1}),
        ({b"a": 4}, {}, {}),
    ],
)
def test_of_content_that_is_there_several_times_equal_labels_are_matched_first(old, new, expected):
    labels = [(0, label, n) for label, n in old.items()]
    labels += [(1, label, n) for label, n in new.items()]
    assert dict(compare((b"digest", tuple(labels)))) == expected


counts = st.dictionaries(st.sampled_from([b"a", b"b", b"c"]), st.integers(1, 5))


@given(counts, counts)
def test_as_many_are_compared_as_both_have(old, new):
    labels = [(side, label, n) for side, c in enumerate((old, new)) for label, n in c.items()]
    found = dict(compare((b"digest", tuple(labels))))
    assert sum(found.values()) == min(sum(old.values()), sum(new.values()))
    equal = sum(n for (a, b), n in found.items() if a == b)
    assert equal == sum(min(old.get(label, 0), new.get(label, 0)) for label in b"a b c".split())
