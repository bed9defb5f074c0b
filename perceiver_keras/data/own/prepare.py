"""From what was found to TFDS records on disk, once: the data set's name is a digest of the content."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from perceiver_keras.data.own.found import Found
from perceiver_keras.data.own.splits import SPLITS
from perceiver_keras.data.store import source
from perceiver_keras.errors import PerceiverError
from perceiver_keras.files import write_whole

_MOST_NAMED = 5


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
    folder = Path(source.data_folder(data_dir))
    letters = folder / "own_data" / "dead_letter" / f"{found.dataset.split('/')[1]}.jsonl"
    with source.being_prepared("own_data", str(folder)):
        builder = OwnBuilder(found, str(folder), letters, max_corrupt_share, progress)
        source.remove_leftovers(Path(builder.data_dir))
        if Path(builder.data_dir).exists():
            _judge(found, read_letters(letters), letters, max_corrupt_share)
        else:
            with source.quiet():
                builder.download_and_prepare(file_format="tfrecord")
    return read_letters(letters)


def read_letters(path: Path) -> dict[str, str]:
    """{item: reason} of a dead-letter file; empty if there is none."""
    if not path.is_file():
        return {}
    rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return {row["file"]: row["reason"] for row in rows}


class OwnBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """The user's own data. It writes; `source.open_builder` reads what it wrote without it."""

    name = "own_data"
    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, found: Found, folder: str, letters: Path, share: float, progress: Any):
        """Construct; the arguments are those of `prepare`, and `letters` the file of the corrupt items."""
        self._found, self._letters, self._share, self._progress = found, letters, share, progress
        self._bad: dict[str, str] = {}
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
        good = 0
        for item in self._found.in_split(split):
            try:
                for number, example in enumerate(self._found.read(item)):
                    yield f"{item.name}#{number}", example
                    good += 1
            except (PerceiverError, OSError) as error:
                self._bad[item.name] = str(error)
            self._progress(1)
        if split == self._splits[-1] or not good:
            _write_letters(self._letters, self._bad)
            _judge(self._found, self._bad, self._letters, self._share, "" if good else split)


def _write_letters(letters: Path, bad: Mapping[str, str]) -> None:
    if not bad:
        letters.unlink(missing_ok=True)
        return
    letters.parent.mkdir(parents=True, exist_ok=True)
    rows = (json.dumps({"file": name, "reason": reason}) for name, reason in bad.items())
    write_whole(letters, "".join(f"{row}\n" for row in rows))


def _judge(
    found: Found, bad: Mapping[str, str], letters: Path, share: float, empty: str = ""
) -> None:
    """Raises `PerceiverError` if too many are corrupt, or if the split `empty` has no other items."""
    if not empty and len(bad) <= share * len(found.items):
        return
    first = "; ".join(f"{name} ({reason})" for name, reason in list(bad.items())[:_MOST_NAMED])
    more = f"; and {len(bad) - _MOST_NAMED} more" if len(bad) > _MOST_NAMED else ""
    least = -(-1000 * len(bad) // len(found.items)) / 1000
    what_to_do = (
        f"nothing is left for {empty}. Repair or replace them"
        if empty
        else f"data.max_corrupt_share allows {share:g} of them. Repair or remove them, or leave them out with "
        f"--set data.max_corrupt_share={least:g}"
    )
    raise PerceiverError(
        f"{len(bad)} of {len(found.items)} can't be read: {first}{more}; {what_to_do}. All are listed in {letters}."
    )
