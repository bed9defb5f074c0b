"""MPI-Sintel's training pairs, clean and final."""

from __future__ import annotations

from pathlib import Path

import tensorflow_datasets as tfds

from perceiver_keras.data.flow import folders
from perceiver_keras.data.flow.builder import FlowBuilder, Splits


class Builder(FlowBuilder):
    """1,041 pairs of 436x1024 frames in 23 sequences, with occlusions and invalid pixels."""

    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="clean", description="Without atmosphere and blur."),
        tfds.core.BuilderConfig(name="final", description="With fog, motion blur and focus."),
    ]
    HOMEPAGE = "http://sintel.is.tue.mpg.de"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Unpack MPI-Sintel-complete.zip (or the training archives) into mpi_sintel/, so that there are
    training/clean/SEQUENCE/frame_0001.png, training/final, training/flow/SEQUENCE/frame_0001.flo,
    training/occlusions and training/invalid.
    """

    def pairs(self, root: Path) -> Splits:
        return {"train": lambda: folders.sintel(root, self.builder_config.name)}
