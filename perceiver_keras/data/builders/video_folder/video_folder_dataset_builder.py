"""Films of the user's in folders of their classes as a TFDS data set (Kinetics, UCF101)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds

from perceiver_keras.data import video_records

FRAMES = 16  # of a window, as the released model takes them
MOST = 16  # windows of a film


class Builder(tfds.core.GeneratorBasedBuilder):
    """Windows of films, their sound and their class."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Put your films into video_folder/ as CLASS/FILM.mp4 (any format that ffmpeg reads), or as
    SPLIT/CLASS/FILM.mp4 with the splits train, validation (or val) and test. Without such folders
    80, 10 and 10 of a hundred films are theirs, by a hash of the film's name.
    """

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=video_records.features(FRAMES, tfds.features.ClassLabel()),
            homepage="https://github.com/cvdfoundation/kinetics-dataset",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        found = video_records.films_by_split(video_records.manual_folder(dl_manager, self.name))
        classes = {label for films in found.values() for label, _ in films}
        self.info.features["label"].names = sorted(classes)
        return {split: self._generate_examples(films) for split, films in found.items()}

    def _generate_examples(self, films: list[tuple[str, Path]]) -> Iterator[tuple[str, dict]]:
        for label, path in films:
            for number, window in enumerate(video_records.windows(path, FRAMES, MOST)):
                yield f"{label}/{path.name}#{number:02}", window | {"label": label}
