"""The user's own text files as a TFDS data set of documents."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds

from perceiver_keras.errors import UsageError

SUFFIXES = (".txt", ".md", ".rst")
LONGEST = 16 << 10  # bytes of a document at most
SHARES = {"test": 0.05, "validation": 0.05}
SPLITS = ("train", "validation", "test")
FEW = 20  # with fewer files, their documents are distributed, not whole files


def documents(content: bytes) -> list[bytes]:
    """Runs of whole lines of at most `LONGEST` bytes, blank ones left out; a longer line is cut."""
    found, current = [], b""
    for line in content.splitlines(keepends=True):
        for start in range(0, len(line), LONGEST):
            piece = line[start : start + LONGEST]
            if current and len(current) + len(piece) > LONGEST:
                found.append(current)
                current = b""
            current += piece
    return [text for text in (*found, current) if text.strip()]


def split_of(name: str) -> str:
    """The split of a file or document, determined by its name alone."""
    place = int(hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:8], 16) / 16**8
    for split, share in SHARES.items():
        if place < share:
            return split
        place -= share
    return "train"


class Builder(tfds.core.GeneratorBasedBuilder):
    """Documents of text files: `text`, and the `file` that it is from."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
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

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        folder = Path(dl_manager.manual_dir)
        folder = folder / self.name if (folder / self.name).is_dir() else folder
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        if not files:
            raise UsageError(f"{folder} holds no {', '.join(SUFFIXES)} files.")
        rows: dict[str, list[tuple[str, str, bytes]]] = {split: [] for split in SPLITS}
        for path in files:
            name = path.relative_to(folder).as_posix()
            first = name.split("/")[0]
            for number, text in enumerate(documents(path.read_bytes())):
                key = f"{name}#{number:06}"
                split = split_of(key if len(files) < FEW else name)
                rows[first if first in SPLITS else split].append((key, name, text))
        # TFDS fails on a split without examples.
        return {split: self._generate_examples(rows[split]) for split in SPLITS if rows[split]}

    def _generate_examples(self, rows: list[tuple[str, str, bytes]]) -> Iterator[tuple[str, dict]]:
        for key, name, text in rows:
            yield key, {"text": text, "file": name}
