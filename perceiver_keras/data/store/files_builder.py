"""What the TFDS data sets made of a folder of the user's files have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from perceiver_keras.data.own.files import Listing, left_over, listing
from perceiver_keras.data.own.splits import SPLITS, assign, split_named
from perceiver_keras.data.store import left_out

Named = tuple[str, Any]  # an item's name, unique in the data set, and what `read` takes


class FilesBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A data set in a folder on the user's disk, without left-overs of systems and without corrupt files.

    A subclass describes the layout in TFDS's `MANUAL_DOWNLOAD_INSTRUCTIONS`, lists its items in `sources`, and makes
    examples of each in `read`.

    Attributes:
      max_corrupt_share: The share of the items that may be left out because they are corrupt; `source.open_builder`
        sets it.
      INSTALLED: The folder where a package of the system puts the files, which the user's own go before; None: none.
    """

    max_corrupt_share = 0.0
    INSTALLED: str | None = None

    def __init__(self, **kwargs: Any):
        """Construct; the arguments are TFDS's."""
        super().__init__(**kwargs)
        # Here, because TFDS prepares a data set in a folder of another name.
        folder = str(self.data_dir).removesuffix(self.info.full_name)
        self._letters = left_out.letters_file(folder, self.info.full_name)

    def sources(self, listed: Listing) -> Mapping[str, Iterable[Named]]:
        """{split: its items, at least one}.

        Raises:
          UsageError: the layout is different; the message says what was expected and what was found.
        """
        raise TypeError(f"{type(self).__name__} must list its items.")

    def read(self, item: Any) -> Iterator[tuple[str | int, dict[str, Any]]]:
        """(key, example) pairs of an item; raises `PerceiverError` or `OSError` if it is corrupt."""
        raise TypeError(f"{type(self).__name__} must read its items.")

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        self.reading = left_out.Reading(self._letters, self.max_corrupt_share)
        listed = listing(manual_folder(dl_manager, self.name))
        sources = self.sources(listed)
        left_out.say_passed(self.name, listed.passed)
        return {
            split: self._generate_examples(items, split, split == list(sources)[-1])
            for split, items in sources.items()
        }

    def _generate_examples(self, items: Iterable[Named], split: str, last: bool) -> Iterator[tuple]:
        return self.reading.examples(items, self.read, split, last)


def manual_folder(dl_manager: tfds.download.DownloadManager, name: str) -> Path:
    """Where the user put the files: the folder `name` in TFDS's folder for manual data, or else that folder itself.

    In TFDS all data sets share one folder; a folder for each of them is tidier, and is taken if it exists.
    """
    root = Path(dl_manager.manual_dir)
    return root / name if (root / name).is_dir() else root


def split_folders(root: Path) -> dict[str, Path]:
    """{split: the folder of `root` that is named like it and holds files}; of several names ours is taken first."""
    named = [(path, split_named(path.name)) for path in sorted(root.iterdir()) if path.is_dir()]
    found: dict[str, Path] = {}
    for path, split in sorted(named, key=lambda each: each[0].name != each[1]):
        if split and not left_over(path.name) and split not in found and listing(path).files:
            found[split] = path
    return {split: found[split] for split in SPLITS if split in found}


def splits_of(
    names: Sequence[str],
    contents: Sequence[str],
    labels: Sequence[Hashable],
    given: Sequence[str | None],
) -> list[str]:
    """The split of each item: as folders say, and then all others train; else as `splits.assign` makes them.

    What is too little for three splits is said: of three items or more that have fewer contents, copies are in several
    splits; of fewer, all that is not in another split trains.

    Args:
      names: Of the items, unique.
      contents: SHA-256 of each item's bytes, in hex.
      labels: The class of each, or None.
      given: The split of each that its folder says, or None.
    """
    if any(given):
        return [split or "train" for split in given]
    found = assign(contents, labels, given)
    different = len(set(contents))
    if set(found) != set(SPLITS) and different >= len(SPLITS):  # but no class has so many
        found = _in_turn(contents)
    elif set(found) != set(SPLITS) and len(found) >= len(SPLITS):
        left_out.log.warning(
            "Only %d of %d are different, too few for three splits: copies are in several, and what is measured on "
            "them says little. Add some until there are 3 different ones per class.",
            *(different, len(found)),
        )
        keys = [f"{name}\0{content}" for name, content in zip(names, contents, strict=True)]
        found = assign([hashlib.sha256(key.encode()).hexdigest() for key in keys], labels, given)
        found = found if set(found) == set(SPLITS) else _in_turn(keys)
    found = found if "train" in found else ["train"] * len(found)
    if lacking := [split for split in SPLITS if split not in found]:
        left_out.log.warning(
            "Only %d: nothing is left for %s; add some until there are 3 per class, or put them into folders named %s.",
            *(len(found), " and ".join(lacking), ", ".join(SPLITS)),
        )
    return found


def _in_turn(contents: Sequence[str]) -> list[str]:
    """Splits in turn, the same for the same content."""
    places = {content: place for place, content in enumerate(sorted(set(contents)))}
    return [SPLITS[places[content] % len(SPLITS)] for content in contents]


def by_split(items: Iterable[Named], splits: Iterable[str]) -> dict[str, list[Named]]:
    """The items of each split that has some."""
    found: dict[str, list[Named]] = {split: [] for split in SPLITS}
    for item, split in zip(items, splits, strict=True):
        found[split].append(item)
    return {split: chosen for split, chosen in found.items() if chosen}
