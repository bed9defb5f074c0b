"""Files of flow with known contents in a data set's layout, and the data set read back from them."""

from __future__ import annotations

import numpy as np
from PIL import Image

from perceiver_keras.data.flow import formats
from perceiver_keras.data.store import source

SIZE = (5, 7)


class Maker:
    """Writes files with known, different contents."""

    def __init__(self, root, seed=0):
        self.root, self.dice = root, np.random.default_rng(seed)

    def path(self, name):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def picture(self, name, size=SIZE, mode="RGB"):
        pixels = self.dice.integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(pixels).convert(mode).save(self.path(name))
        return np.asarray(Image.fromarray(pixels).convert(mode).convert("RGB"))

    def mask(self, name, size=SIZE):
        mask = self.dice.random(size) < 0.4
        Image.fromarray(mask.astype(np.uint8) * 255).save(self.path(name))
        return mask

    def flow(self, name, valid=None, size=SIZE):
        flow = self.dice.integers(-640, 640, (*size, 2)).astype(np.float32) / 64
        formats.write_flow(self.path(name), flow, valid)
        return flow


def read(name, root, split="train"):
    """{name of the pair: its features}, from `root/manual/DATASET`."""
    builder = source.open_builder(name, str(root))
    found = {}
    for example in builder.as_dataset(split=split).as_numpy_iterator():
        example["flow"] = example["flow"].reshape(*example["frame1"].shape[:2], 2)
        found[example["name"].decode()] = example
    return found


def held(example, frame1, frame2, flow, valid=None, occluded=None):
    valid = np.ones(flow.shape[:2], bool) if valid is None else valid
    occluded = np.zeros(flow.shape[:2], bool) if occluded is None else occluded
    np.testing.assert_array_equal(example["frame1"], frame1)
    np.testing.assert_array_equal(example["frame2"], frame2)
    np.testing.assert_array_equal(example["flow"], np.where(valid[..., None], flow, 0))
    np.testing.assert_array_equal(example["valid"][..., 0], valid * 255)
    np.testing.assert_array_equal(example["occluded"][..., 0], occluded * 255)
