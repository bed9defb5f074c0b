"""FlyingThings3D: forward flow of both cameras, clean and final."""

from __future__ import annotations

from pathlib import Path

import tensorflow_datasets as tfds

from perceiver_keras.data.flow import folders
from perceiver_keras.data.flow.builder import FlowBuilder, Splits


class Builder(FlowBuilder):
    """540x960 frames of everyday objects that fly; a sequence is a scene seen by one camera."""

    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="clean", description="Without blur."),
        tfds.core.BuilderConfig(name="final", description="With motion blur and focus."),
    ]
    HOMEPAGE = "https://lmb.informatik.uni-freiburg.de/resources/datasets/SceneFlowDatasets.en.html"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Unpack the archives of frames (flyingthings3d__frames_cleanpass.tar or _finalpass) and of flow
    (flyingthings3d__optical_flow.tar.bz2) into flying_things3d/, so that there are
    frames_cleanpass/TRAIN/A/0000/left/0006.png and
    optical_flow/TRAIN/A/0000/into_future/left/OpticalFlowIntoFuture_0006_L.pfm, and TEST next
    to TRAIN.
    """

    def pairs(self, root: Path) -> Splits:
        def part(name: str):
            return lambda: folders.flying_things3d(root, self.builder_config.name, name)

        splits = {"train": part("TRAIN")}
        if (root / "optical_flow" / "TEST").is_dir():
            splits["test"] = part("TEST")
        return splits
