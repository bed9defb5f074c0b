"""KITTI's flow benchmarks of 2012 and 2015, training pairs."""

from __future__ import annotations

from pathlib import Path

import tensorflow_datasets as tfds

from perceiver_keras.data.flow import folders
from perceiver_keras.data.flow.builder import FlowBuilder, Splits


class Builder(FlowBuilder):
    """194 (2012) or 200 (2015) pairs of street scenes with sparse flow.

    A pixel is occluded if its flow is in `flow_occ` and not in `flow_noc`.
    """

    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="2015", description="Moving cars and background."),
        tfds.core.BuilderConfig(name="2012", description="Static scenes."),
    ]
    HOMEPAGE = "https://www.cvlibs.net/datasets/kitti"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Unpack data_scene_flow.zip (2015) or data_stereo_flow.zip (2012) into kitti_flow/2015 or
    kitti_flow/2012, so that there are training/image_2/000000_10.png (2012: training/colored_0, or
    image_0), training/image_2/000000_11.png, training/flow_occ/000000_10.png and training/flow_noc.
    """

    def pairs(self, root: Path) -> Splits:
        year = self.builder_config.name
        root = root / year if (root / year).is_dir() else root
        return {"train": lambda: folders.kitti(root, year)}
