"""Groups of examples that share a digest or a key, and which of them are copies."""

from __future__ import annotations

import itertools
import random

import apache_beam as beam
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.components.data.leak_pairs import (
    EXACT,
    KEPT,
    NEAR,
    Copy,
    ExactCopies,
    Member,
    NearCopies,
    Nearest,
    draw,
)
from tests.components import fingerprints

TEXT = (
    "A sentence of some length, so that one other word in it leaves most of it as it was before, "
    "and that what is left of it is by far enough to see that it was the same one all the time."
)
members = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.sampled_from([b"x", b"y"])),
    unique_by=lambda member: member[:2],
)


def member(split: str, index: int, text: str, label: int = 0) -> Member:
    found = fingerprints.of(text, label)
    return Member(split, index, found.label, found.exact, found.print)


@given(members)
def test_every_example_with_an_exact_copy_is_told_once_per_split(drawn):
    group = [Member(*one, b"digest") for one in drawn]
    found = list(ExactCopies().process((b"digest", group)))
    assert len({place for place, _ in found}) == len(found)
    for (split, other, index), copy in found:
        assert copy.how == EXACT
        labels = {m.index: m.label for m in group if m.split == other}
        assert labels[copy.index] == copy.label
        assert copy.relabelled == (copy.label != copy.own_label)
        if split == other:
            assert copy.index < index
        else:
            assert copy.relabelled == (copy.own_label not in labels.values())
    expected = {
        (a.split, b.split, a.index)
        for a, b in itertools.permutations(group, 2)
        if a.split != b.split
    }
    first = {s: min(m.index for m in group if m.split == s) for s in {m.split for m in group}}
    expected |= {(m.split, m.split, m.index) for m in group if m.index > first[m.split]}
    assert {place for place, _ in found} == expected


def near(*group: Member) -> dict:
    worker = NearCopies()
    worker.start_bundle()
    return dict(worker.process((b"key", group)))


def test_near_copies_are_verified_and_told_for_both_sides():
    found = near(
        member("a", 0, TEXT),
        member("b", 3, TEXT.replace("other", "new"), 1),
        member(
            "b",
            5,
            "Another sentence that has no more in common with it than a key, by chance, has it",
        ),
        member("a", 7, TEXT.upper()),
    )
    assert found[("a", "b", 0)] == Copy(NEAR, True, 3, b"ant", b"bee")
    assert found[("b", "a", 3)].relabelled
    assert found[("a", "a", 7)] == Copy(NEAR, False, 0, b"ant", b"ant")
    assert set(found) == {*[("a", "b", 0), ("a", "b", 7), ("b", "a", 3), ("a", "a", 7)]}


def test_exact_copies_are_left_to_their_digest():
    assert near(member("a", 0, TEXT), member("b", 0, TEXT)) == {}


def test_a_group_is_told_once_per_bundle_and_again_in_the_next():
    worker = NearCopies()
    group = [member("a", 0, TEXT), member("b", 0, TEXT.upper())]
    for _ in range(2):
        worker.start_bundle()
        assert len(list(worker.process((b"one", group)))) == 2
        assert not list(worker.process((b"two", group)))


def test_of_a_key_that_very_many_share_the_same_ones_are_drawn_in_any_order():
    group = [Member(split, index, b"", b"") for split in "ab" for index in range(KEPT * 2)]
    group.append(Member("c", 0, b"", b""))
    kept, left = draw(b"key", group)
    random.Random(0).shuffle(group)
    assert draw(b"key", group) == (kept, left)
    assert [sum(m.split == split for m in kept) for split in "abc"] == [KEPT, KEPT, 1]
    assert left == len(group) - len(kept) == 2 * KEPT
    assert draw(b"other", group)[0] != kept
    told = NearCopies()
    told.start_bundle()
    first = next(told.process((b"key", [m._replace(print=b"") for m in group])))
    assert isinstance(first, beam.pvalue.TaggedOutput) and first.value == left


copies = st.builds(
    Copy, st.sampled_from([EXACT, NEAR]), st.booleans(), st.integers(), st.just(b""), st.just(b"")
)


@given(st.lists(copies, min_size=1), st.randoms())
def test_the_nearest_copy_depends_on_no_order(found, rng):
    combine = Nearest()
    shuffled = found[:]
    rng.shuffle(shuffled)
    cut = rng.randrange(len(found) + 1)
    parts = []
    for part in (shuffled[:cut], shuffled[cut:]):
        best = combine.create_accumulator()
        for copy in part:
            best = combine.add_input(best, copy)
        parts.append(best)
    assert combine.extract_output(combine.merge_accumulators(parts)) == min(found)
