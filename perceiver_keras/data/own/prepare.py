"""From what was found to TFDS records on disk, once: the data set's name is a digest of the content."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from perceiver_keras.data.own import digests, told
from perceiver_keras.data.own.found import Found, Item
from perceiver_keras.data.own.splits import SPLITS
from perceiver_keras.data.store import left_out, source
from perceiver_keras.errors import PerceiverError


def prepare(
    found: Found,
    data_dir: str | None = None,
    max_corrupt_share: float = 0.0,
    progress: Callable[[int], None] = lambda count: None,
) -> dict[str, str]:
    """Writes the data set `found.dataset` into the data folder, unless it is there already.

    Args:
      found: What to write.
      data_dir: See `source.data_folder`.
      max_corrupt_share: The share of the items that may be left out because they are corrupt, 0 to 1.
      progress: Called with the number of items read so far.

    Returns:
      {item: reason} of those that were left out. They are also in `own_data/dead_letter/NAME.jsonl` of the data folder.

    Raises:
      PerceiverError: more items are corrupt than allowed, or a split has none that is not; the message names the first.
    """
    folder = Path(source.local_data_folder(data_dir, "your own files"))
    letters = left_out.letters_file(str(folder), found.dataset.split("/")[1])
    with source.being_prepared("own_data", str(folder)):
        builder = OwnBuilder(found, str(folder), letters, max_corrupt_share, progress)
        source.remove_leftovers(Path(builder.data_dir))
        if Path(builder.data_dir).exists():
            bad = left_out.read_letters(letters)
            left_out.judge(bad, len(found.items), max_corrupt_share, letters)
        else:
            with source.quiet():
                builder.download_and_prepare(file_format="tfrecord")
    told.keep(found, str(folder))
    return left_out.read_letters(letters)


class OwnBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """The user's own data. It writes; `source.open_builder` reads what it wrote without it."""

    name = "own_data"
    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, found: Found, folder: str, letters: str, share: float, progress: Any):
        """Construct; the arguments are those of `prepare`, and `letters` the file of the corrupt items."""
        self._found = found
        self._reading = left_out.Reading(letters, share, len(found.items), progress)
        name = found.dataset.split("/")[1]
        config = tfds.core.BuilderConfig(name=name, version="1.0.0")
        super().__init__(data_dir=folder, config=config)

    def _info(self) -> tfds.core.DatasetInfo:
        features = tfds.features.FeaturesDict(dict(self._found.features))
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        self._splits = [split for split in SPLITS if self._found.in_split(split)]
        return {split: self._generate_examples(split) for split in self._splits}

    def _generate_examples(self, split: str) -> Iterator[tuple[str, dict]]:
        items = ((item.name, item) for item in self._found.in_split(split))
        return self._reading.examples(items, self._examples, split, split == self._splits[-1])

    def _examples(self, item: Item) -> Iterator[tuple[str, dict]]:
        # The data set is named after what was seen; what a file holds by now would be stored under a wrong name.
        if isinstance(item.source, Path) and digests.of_files([item.source]) != [item.digest]:
            raise PerceiverError("it changed after it was looked at; run the command again")
        for number, example in enumerate(self._found.read(item)):
            yield f"{item.name}#{number}", example
