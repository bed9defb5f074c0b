"""Frame pairs of your own, with their flow next to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from perceiver_keras.data.flow import folders
from perceiver_keras.data.flow.builder import FlowBuilder, Splits
from perceiver_keras.data.own.files import Listing
from perceiver_keras.data.store.files_builder import Named, split_folders


class Builder(FlowBuilder):
    """Pairs in a folder; folders train/, validation/ (or val/) and test/ in it are splits."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Put your pairs into flow_folder/ (or into train/, validation/ and test/ in it): NAME_img1.png,
    NAME_img2.png and NAME_flow.flo (or .pfm, or KITTI's .png); or numbered frames, 0001.png,
    0002.png and so on, each but the last with its flow to the next, 0001.flo (or 0001.pfm, or
    KITTI's as 0001_flow.png). NAME_occluded.png is optional. A sub-folder is a sequence.
    """

    def sources(self, listed: Listing) -> Mapping[str, Iterable[Named]]:
        listed.passed.update(folders.passed_over(listed.root, split_folders(listed.root).values()))
        return super().sources(listed)

    def pairs(self, root: Path) -> Splits:
        parts = split_folders(root)
        if not parts:
            return {"train": lambda: folders.pairs_of_folder(root)}
        return {
            split: lambda path=path: folders.pairs_of_folder(path) for split, path in parts.items()
        }
