"""Classes: new, missing, renamed and reordered ones, splits that lack some, and classes that became rare.

A class that has no example in a split is an anomaly only if chance does not explain it: by the counts of the split it
is compared with, fewer than one in 100 000 random splits would lack it (`anomaly.probability_of_all`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from scipy import special

from perceiver_keras.components.data.anomaly import Anomaly, is_chance, listed, plural
from perceiver_keras.components.data.comparators import CHANCE
from perceiver_keras.components.data.split_statistics import Column

TIMES = 3  # a class's share that changed by this factor is another class to learn
Splits = Mapping[str, Column]


def changed_names(
    feature: str, was: Sequence[str], now: Sequence[str], before: Splits, current: Splits
) -> Iterator[Anomaly]:
    """What is different between two lists of classes.

    Args:
      feature: That holds the classes.
      was, now: All classes in order: those that are accepted, and those of this run.
      before, current: The counts of both, by split.
    """
    first = next(iter(current))
    kept_was, kept_now = [c for c in was if c in now], [c for c in now if c in was]
    if kept_was != kept_now:
        moved = [(a, b) for a, b in zip(kept_was, kept_now, strict=True) if a != b]
        place = was.index(moved[0][0])
        examples = sum(current[first].counts.get(b, 0) for _, b in moved)
        yield Anomaly(
            feature,
            first,
            "order",
            list(was),
            list(now),
            int(examples),
            current[first].examples,
            f"{feature}: {plural(len(moved), 'class', 'classes')} changed places, so the same number means another "
            f"class: after the accepted order, {place} is {moved[0][0]!r}; now {moved[0][1]!r} comes there "
            f"({int(examples)} of {current[first].examples} examples of {first} are of such classes).",
        )
    removed = [c for c in was if c not in now]
    added = [c for c in now if c not in was]
    renamed = _renamed(was, now, removed, added, before, current)
    if renamed:
        count = sum(current[first].counts.get(new, 0) for _, new in renamed)
        pairs = ", ".join(f"{old!r} to {new!r}" for old, new in renamed[:5])
        yield Anomaly(
            feature,
            first,
            "renamed classes",
            [old for old, _ in renamed],
            [new for _, new in renamed],
            int(count),
            current[first].examples,
            f"{feature}: {plural(len(renamed), 'class was', 'classes were')} renamed, from {pairs}"
            f"{' and others' if len(renamed) > 5 else ''}; {int(count)} of {current[first].examples} examples of "
            f"{first} have them.",
        )
    olds, news = {old for old, _ in renamed}, {new for _, new in renamed}
    if new := [c for c in added if c not in news]:
        yield _new(feature, was, new, current)
    if gone := [c for c in removed if c not in olds]:
        told = sum(before[first].counts.get(c, 0) for c in gone) if first in before else 0
        of = before[first].examples if first in before else 0
        yield Anomaly(
            feature,
            first,
            "missing class",
            gone,
            None,
            int(told),
            of,
            f"{feature}: {_the_classes(gone)} no longer {'exists' if len(gone) == 1 else 'exist'}; "
            f"{'it' if len(gone) == 1 else 'they'} had {int(told)} of {of} examples of {first}.",
        )


def lacking(
    feature: str, split: str, column: Column, other: Column, where: str, classes: Sequence[str]
) -> Iterator[Anomaly]:
    """What a split lacks that another sample of the same distribution would not.

    Args:
      feature, split, column: Of what is looked at.
      other: What it is compared with, named `where`.
      classes: Only these are looked for.
    """
    there = [name for name, count in column.counts.items() if count]
    n, m = column.examples, other.examples
    others = sum(count for name, count in other.counts.items() if name not in there)
    if len(there) == 1 and n > 1 and others and not is_chance(min(others, m), m, n):
        share = other.shares.get(there[0], 0.0)
        yield Anomaly(
            feature,
            split,
            "one class",
            f"{len(other.counts)} classes in {where}",
            there[0],
            n,
            n,
            f"{feature}: all {n} examples of {split} are of the class {there[0]!r}, which has {share:.1%} of {where}; "
            "split the data again, at random.",
            list(range(min(n, 8))),
        )
        return
    missing = [
        name
        for name in classes
        if other.counts.get(name)
        and not column.counts.get(name)
        and not is_chance(min(other.counts[name], m), m, n)
    ]
    if missing:
        count = int(sum(other.counts[name] for name in missing))
        yield Anomaly(
            feature,
            split,
            "missing class",
            missing,
            None,
            count,
            m,
            f"{feature}: {_the_classes(missing)} {'has' if len(missing) == 1 else 'have'} none of the {n} examples of "
            f"{split}, and {count} of {m} in {where}.",
        )


def moved_shares(
    feature: str, split: str, column: Column, other: Column, where: str, classes: Sequence[str]
) -> Iterator[Anomaly]:
    """Classes that are several times as rare or as common as in another sample, beyond chance.

    The largest difference of shares, which `data.max_class_drift` limits, does not see that one of many classes became
    rare. Two samples of n and m examples have a share that differs by chance with the variance p(1 - p)(1/n + 1/m).
    """
    n, m = column.present, other.present
    if not (n and m) or sum(map(bool, column.counts.values())) < 2:
        return  # `lacking` tells of a single class
    spread, surely = 1 / n + 1 / m, -special.ndtri(CHANCE / (2 * max(len(classes), 1)))
    moved = []
    for name in classes:
        now, was = column.shares.get(name, 0.0), other.shares.get(name, 0.0)
        pooled = (n * now + m * was) / (n + m)
        chance = surely * math.sqrt(pooled * (1 - pooled) * spread) + spread / 2
        low, high = sorted((now, was))
        if low > 0 and high > TIMES * low and high - low > chance:
            moved.append((name, was, now))
    if moved:
        told = ", ".join(f"{name!r} {was:.1%}, now {now:.1%}" for name, was, now in moved[:5])
        count = sum(column.counts[name] for name, _, _ in moved)
        yield Anomaly(
            feature,
            split,
            "class share",
            {name: was for name, was, _ in moved},
            {name: now for name, _, now in moved},
            int(count),
            column.examples,
            f"{feature}: {plural(len(moved), 'class is', 'classes are')} more than {TIMES} times as rare or as common "
            f"in {split} as in {where}: {told}{' and others' if len(moved) > 5 else ''}.",
        )


def _new(feature: str, was: Sequence[str], new: list[str], current: Splits) -> Anomaly:
    counts = {
        split: int(sum(column.counts.get(name, 0) for name in new))
        for split, column in current.items()
    }
    there = {split: count for split, count in counts.items() if count}
    split = next(iter(there), next(iter(current)))
    found = ", ".join(
        f"{count} of {current[name].examples} examples of {name}" for name, count in there.items()
    )
    verb = "is" if len(new) == 1 else "are"
    return Anomaly(
        feature,
        split,
        "new class",
        list(was),
        new,
        counts[split],
        current[split].examples,
        f"{feature}: {_the_classes(new)} {verb} new, with {found or 'no example yet'}; accepted "
        f"{'is' if len(was) == 1 else 'are'} {listed(was)}.",
    )


def _renamed(
    was: Sequence[str],
    now: Sequence[str],
    removed: list[str],
    added: list[str],
    before: Splits,
    current: Splits,
) -> list[tuple[str, str]]:
    """Pairs of a class that is gone and a new one in its place, or with its counts in every split."""
    pairs, left = [], list(added)
    for old in removed:
        place = was.index(old)
        same_place = len(was) == len(now) and now[place] in left
        alike = [now[place]] if same_place else [c for c in left if _alike(old, c, before, current)]
        if len(alike) == 1:
            pairs.append((old, alike[0]))
            left.remove(alike[0])
    return pairs


def _alike(old: str, new: str, before: Splits, current: Splits) -> bool:
    counts = [
        (before[split].counts.get(old, 0), current[split].counts.get(new, 0))
        for split in before.keys() & current.keys()
    ]
    return any(a for a, _ in counts) and all(a == b for a, b in counts)


def _the_classes(names: Sequence[str]) -> str:
    return f"the class {names[0]!r}" if len(names) == 1 else f"the classes {listed(names)}"
