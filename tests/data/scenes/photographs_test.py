"""Photographs are those that packages carry, and no split shows what another does."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_keras.data.scenes import photographs
from perceiver_keras.errors import PerceiverError, UsageError


def test_no_photograph_is_in_two_splits():
    sources = {name: set(of) for name, of in photographs.PHOTOGRAPHS.items()}
    assert not sources["train"] & sources["validation"] and not sources["train"] & sources["test"]
    assert not sources["validation"] & sources["test"]
    # Nor are two moments of one shot: the video's shots begin at these frames.
    shots = np.array([0, 30, 83, 137, 187, 242])

    def of_video(split):
        frames = [frame for name, frame in sources[split] if "bikes" in name]
        return {int(np.searchsorted(shots, frame, side="right")) for frame in frames}

    assert of_video("test") and not of_video("test") & (of_video("train") | of_video("validation"))


def test_photographs_are_those_that_packages_ship():
    from sklearn.datasets import load_sample_images

    china, flower = load_sample_images().images
    train = photographs.photographs("train")
    assert np.abs(train[0].astype(int) - china).max() <= 1
    assert np.abs(train[1].astype(int) - flower).max() <= 1
    assert [picture.shape for picture in photographs.photographs("test")] == [
        *((272, 640, 3), (144, 176, 3))
    ]
    assert len({picture.tobytes() for picture in train}) == len(photographs.PHOTOGRAPHS["train"])


def test_what_is_missing_is_named(monkeypatch):
    with pytest.raises(UsageError, match="Did you mean 'train'"):
        photographs.photographs("trian")
    monkeypatch.setitem(photographs.PHOTOGRAPHS, "test", (("no_such_package:a.jpg", None),))
    with pytest.raises(PerceiverError, match=r"no_such_package is not installed: `pip install"):
        photographs.photographs("test")
    monkeypatch.setitem(photographs.PHOTOGRAPHS, "test", (("sklearn:a.jpg", None),))
    with pytest.raises(PerceiverError, match="installed sklearn has no file a.jpg"):
        photographs.photographs("test")
