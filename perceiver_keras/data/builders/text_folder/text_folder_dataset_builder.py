"""The user's own text files as a TFDS data set of documents."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping

import tensorflow_datasets as tfds

from perceiver_keras.data.own import documents
from perceiver_keras.data.own.files import Listing
from perceiver_keras.data.own.found import Draft, Place
from perceiver_keras.data.store.files_builder import FilesBuilder, Named, by_split, splits_of
from perceiver_keras.errors import PerceiverError, UsageError

SUFFIXES = (".txt", ".md", ".rst")


class Builder(FilesBuilder):
    """Documents of text files: `text`, and the `file` that it is from."""

    VERSION = tfds.core.Version("2.0.0")
    RELEASE_NOTES = {
        "2.0.0": "Splits are made from the content; UTF-16 with a byte order mark is decoded, and without one left "
        "out; documents are cut between characters.",
        "1.0.0": "First release.",
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Put your files (.txt, .md, .rst) into text_folder/, in any folders; folders named train,
    validation and test become the splits.
    """

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {"text": tfds.features.Text(), "file": tfds.features.Text()}
            ),
            homepage="https://www.tensorflow.org/datasets/add_dataset#manual_download_and_extraction",
        )

    def sources(self, listed: Listing) -> Mapping[str, Iterable[Named]]:
        root = listed.root
        listed.files = listed.keep(
            lambda path: path.suffix.lower() in SUFFIXES, f"not {', '.join(SUFFIXES)}"
        )
        if not listed.files:
            raise UsageError(f"{root} holds no {', '.join(SUFFIXES)} files.")
        # Files are what may be corrupt; of a readable one, the pieces are distributed.
        self.reading.total = len(listed.files)
        drafts, _ = documents.drafts_of(Place(given=root, root=root, store=root), listed)
        broken = [draft for draft in drafts if isinstance(draft.source, PerceiverError)]
        texts = [draft for draft in drafts if isinstance(draft.source, bytes)]
        if not texts:
            return by_split(((d.name, d) for d in broken), ["train"] * len(broken))
        splits = splits_of(
            [draft.name for draft in texts],
            [hashlib.sha256(draft.content).hexdigest() for draft in texts],
            [None] * len(texts),
            [draft.split for draft in texts],
        )
        # Where others are: no split is made of files that are not text.
        splits += [splits[0]] * len(broken)
        return by_split([(draft.name, draft) for draft in (*texts, *broken)], splits)

    def read(self, item: Draft) -> Iterator[tuple[str, dict]]:
        if isinstance(item.source, PerceiverError):
            raise item.source
        yield item.name, {"text": item.source, "file": item.name.rsplit("#", 1)[0]}
