"""The tree says everything that a lineage holds, and that it is unknown where it is."""

from __future__ import annotations

import pytest

from perceiver_keras.show.lineage import number, spelled, tree
from tests.show import lineage_samples as samples


def test_the_tree_has_the_version_and_all_that_made_and_judged_it() -> None:
    text = tree(samples.new())
    for words in (
        "image_classification (tiny), version 1795640090",
        "pushed 2026-11-25T20:54:50Z (artifact 18, execution 10)",
        "accuracy       0.98 (0.96 to 1), threshold ≥ 0.97, trivial guess 0.1004, last blessed 0.97",
        "worst slice label=7 0.9",
        "worst slice label=8 0.3",  # of the cross entropy, the highest
        "version 1795640001, the last blessed model then",
        "2.5 ms for one example",
        "122,630 parameters, 2,400 steps, seed 0, trained in 181 s (artifact 13)",
        "preset tiny; train.steps=2400",
        "deepmind/imagenet, fingerprint abcd",
        "tensorflow 2.15.1",
        "422b971e0d5e94ec",
        "train 1,349, validation 179, test 269",
        "accepted at 2026-11-20T10:00:00Z: new camera (artifact 3)",
        "image/height was 8 and is 9",
        "269 examples are few.",
    ):
        assert words in text, words
    assert "not recorded" not in text


def test_what_was_not_recorded_is_said() -> None:
    text = tree(samples.old())
    assert "not recorded by the version that ran: the code, the gate's checks" in text
    assert "code        unknown" in text and "packages    unknown" in text
    assert "made by the run from its own data, which can't break it" in text


def test_a_rollback_and_a_model_taken_back_stand_at_the_top() -> None:
    found = samples.new()
    found["push"] |= {"of": "100", "from": "300", "because": "sevens"}
    found["model"]["withdrawn"] = "it was slow"
    assert tree(found).splitlines()[2:4] == [
        "a rollback from 300 to 100: sevens", "taken back: it was slow",
    ]  # fmt: skip
    found["push"] = None
    assert tree(found).startswith("image_classification (tiny), a model that was not pushed")


def test_the_branches_hang_together() -> None:
    """A branch's line ends where its last child does."""
    lines = tree(samples.new()).splitlines()[2:]
    assert lines[0].startswith("├─ ") and lines[-1].startswith("      ")
    assert [line for line in lines if line[0] not in "├└│ "] == []
    assert sum(line.startswith("└─") for line in lines) == 1


@pytest.mark.parametrize(
    ("value", "text"), [(0.98884, "0.9888"), ("nan", "nan"), (None, "unknown"), (3, "3")]
)
def test_numbers_have_four_digits(value, text: str) -> None:
    assert number(value) == text
    assert spelled({"value": value}) == text
