"""FlyingChairs: chairs in front of photographs, with its own split."""

from __future__ import annotations

from pathlib import Path

from perceiver_keras.data.flow import folders
from perceiver_keras.data.flow.builder import FlowBuilder, Splits


class Builder(FlowBuilder):
    """22,872 pairs of 384x512 frames: 22,232 train, 640 validation."""

    HOMEPAGE = "https://lmb.informatik.uni-freiburg.de/resources/datasets/FlyingChairs.en.html"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Unpack FlyingChairs.zip into flying_chairs/ and put FlyingChairs_train_val.txt next to its data/
    folder, so that there are data/00001_img1.ppm, data/00001_img2.ppm and data/00001_flow.flo.
    """

    def pairs(self, root: Path) -> Splits:
        pairs = folders.flying_chairs(root)
        return {split: lambda split=split: pairs[split] for split in pairs if pairs[split]}
