"""A user's videos, one folder per class (Kinetics, UCF101), as a TFDS data set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import tensorflow_datasets as tfds

from perceiver_keras.data.own import digests
from perceiver_keras.data.own.files import Listing
from perceiver_keras.data.store.files_builder import FilesBuilder, Named, by_split, splits_of
from perceiver_keras.data.video import builder

FRAMES = 16  # per window, as the released model takes them
MOST = 16  # windows per video
FEW = 50  # videos; of fewer, the corrupt ones are found before splits are made


class Builder(FilesBuilder):
    """Windows of videos, their sound and their class."""

    VERSION = tfds.core.Version("2.0.0")
    RELEASE_NOTES = {
        "2.0.0": "Splits are made from the videos' content, by class; left-overs and corrupt videos are left out.",
        "1.0.0": "First release.",
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Put your videos into video_folder/ as CLASS/VIDEO.mp4 (any format that ffmpeg reads), or as
    SPLIT/CLASS/VIDEO.mp4 with the splits train, validation (or val) and test. Without such folders
    a hash of its content puts each video into a split: 75 %, 10 % and 15 % of them, and at least
    one of each class where it has three or more.
    """

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=builder.features(FRAMES, tfds.features.ClassLabel()),
            homepage="https://github.com/cvdfoundation/kinetics-dataset",
        )

    def sources(self, listed: Listing) -> Mapping[str, Iterable[Named]]:
        videos = builder.find_videos(listed)
        self.info.features["label"].names = sorted({video.label for video in videos})
        items = [(video.name, video) for video in videos]
        if len(items) < FEW and not any(video.split for video in videos):
            # Corrupt ones first, so that no split is made of nothing else.
            items = self.reading.readable(items, self.read) or items
        videos = [video for _, video in items]
        contents = digests.of_files([video.path for video in videos])
        splits = splits_of(
            [video.name for video in videos],
            contents,
            [video.label for video in videos],
            [video.split for video in videos],
        )
        return by_split(items, splits)

    def read(self, item: builder.Video) -> Iterator[tuple[str, dict]]:
        for number, window in enumerate(builder.windows(item.path, FRAMES, MOST)):
            yield f"{item.name}#{number:02}", window | {"label": item.label}
