"""The public static set of AutoFlow."""

from __future__ import annotations

from pathlib import Path

from perceiver_keras.data.flow import folders
from perceiver_keras.data.flow.builder import FlowBuilder, Splits


class Builder(FlowBuilder):
    """40,000 pairs of 448x576 frames that AutoFlow rendered; occlusion is not given."""

    HOMEPAGE = "https://autoflow-google.github.io"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Unpack the four parts of the static set into autoflow_static/, so that each pair is a folder, at
    any depth, with im0.png, im1.png and forward.flo.
    """

    def pairs(self, root: Path) -> Splits:
        return {"train": lambda: folders.autoflow(root)}
