"""A user's videos, one folder per class (Kinetics, UCF101), as a TFDS data set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds

from perceiver_keras.data.video import builder

FRAMES = 16  # per window, as the released model takes them
MOST = 16  # windows per video


class Builder(tfds.core.GeneratorBasedBuilder):
    """Windows of videos, their sound and their class."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Put your videos into video_folder/ as CLASS/VIDEO.mp4 (any format that ffmpeg reads), or as
    SPLIT/CLASS/VIDEO.mp4 with the splits train, validation (or val) and test. Without such folders
    a hash of its name puts each video into a split: 80 %, 10 % and 10 % of them.
    """

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=builder.features(FRAMES, tfds.features.ClassLabel()),
            homepage="https://github.com/cvdfoundation/kinetics-dataset",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        found = builder.videos_by_split(builder.manual_folder(dl_manager, self.name))
        classes = {label for videos in found.values() for label, _ in videos}
        self.info.features["label"].names = sorted(classes)
        return {split: self._generate_examples(videos) for split, videos in found.items()}

    def _generate_examples(self, videos: list[tuple[str, Path]]) -> Iterator[tuple[str, dict]]:
        for label, path in videos:
            for number, window in enumerate(builder.windows(path, FRAMES, MOST)):
                yield f"{label}/{path.name}#{number:02}", window | {"label": label}
