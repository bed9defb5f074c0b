"""Pairs of frames with their flow: any folder of them, or Sintel's and KITTI's as they are unpacked."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from perceiver_keras.data.flow import builder, folders
from perceiver_keras.data.flow.folders import FlowFiles
from perceiver_keras.data.own import digests
from perceiver_keras.data.own.files import listing
from perceiver_keras.data.own.found import Draft, Found, Item, Place, to_items
from perceiver_keras.data.own.splits import split_named
from perceiver_keras.errors import UsageError

FEW = 3  # with fewer sequences, pairs are distributed, not whole sequences


def look(place: Place) -> Found:
    """Folders named by splits are kept to; else whole sequences are distributed.

    Raises:
      UsageError: there are no pairs; the message says what was expected and what was found.
    """
    if not place.root.is_dir():
        raise UsageError(f"{place.given} is a file; name a folder of frames and their flow.")
    passed = listing(place.root).passed
    layout, pairs = _pairs(place.root, passed)
    contents = _contents([pair for pair, _ in pairs], place.memory)
    # A sequence's first pair stands for it, so that it stays where it is when frames are added.
    first: dict[str, str] = {}
    for (pair, _), content in zip(pairs, contents, strict=True):
        first.setdefault(_sequence(pair), content)
    drafts = [
        Draft(
            name=pair.name if split is None else f"{split}/{pair.name}",
            source=pair,
            content=(first[_sequence(pair)] if len(first) >= FEW else content).encode(),
            split=split,
        )
        for (pair, split), content in zip(pairs, contents, strict=True)
    ]
    items = to_items(drafts, place, "pairs")
    items = tuple(replace(i, digest=c) for i, c in zip(items, contents, strict=True))
    return Found(
        kind="pairs",
        place=place,
        layout=layout,
        items=items,
        labels=None,
        features=dict(builder.features()),
        read=read,
        passed=passed,
        facts=[("sequences", f"{len(first):,}")],
    )


def read(item: Item) -> Iterator[dict[str, Any]]:
    for _, example in builder.iter_examples([item.source]):
        yield example


def _sequence(pair: FlowFiles) -> str:
    return PurePosixPath(pair.name).parent.as_posix()


def _contents(pairs: Sequence[FlowFiles], memory: Path) -> list[str]:
    """SHA-256 of each pair's files, in hex."""
    files = [[path for path in pair[2:] if path] for pair in pairs]
    known = iter(digests.of_files([path for paths in files for path in paths], memory))
    contents = ["".join(next(known) for _ in paths) for paths in files]
    return [hashlib.sha256(content.encode()).hexdigest() for content in contents]


def _pairs(root: Path, passed: Counter[str]) -> tuple[str, list[tuple[FlowFiles, str | None]]]:
    """The layout, and each pair with the split that its folder names; `passed` is told what is in no pair."""
    training = root / "training" if (root / "training").is_dir() else root
    for sintel_pass in ("clean", "final"):
        if (training / "flow").is_dir() and (training / sintel_pass).is_dir():
            found = folders.sintel(root, sintel_pass)
            return f"MPI-Sintel, {sintel_pass}", [(pair, None) for pair in found]
    for year, name in (("2015", "image_2"), ("2012", "colored_0"), ("2012", "image_0")):
        if (training / name).is_dir() and (training / "flow_occ").is_dir():
            return f"KITTI {year}", [(pair, None) for pair in folders.kitti(root, year)]
    named = {
        path: split
        for path in sorted(root.iterdir())
        if path.is_dir() and (split := split_named(path.name)) and listing(path).files
    }
    if "train" not in named.values():
        passed.update(folders.passed_over(root))
        return "frames and their flow", [(pair, None) for pair in folders.pairs_of_folder(root)]
    passed.update(folders.passed_over(root, named))
    found = [
        (pair, split) for path, split in named.items() for pair in folders.pairs_of_folder(path)
    ]
    return "frames and their flow, in folders of splits", found
