"""Sintel and KITTI in small, in their real layouts: metrics against a second calculation in NumPy."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.data.flow import folders
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.reproduce import get, metrics
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.optical_flow import benchmark

TASK = registry.get("optical_flow")
CONFIG = TASK.presets["tiny"].config
HEIGHT, WIDTH = CONFIG.model.image_size
SIZE = (HEIGHT + 3, WIDTH + 9)  # 2x2 tiles
RNG = np.random.default_rng(8)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def png(array):
    return tf.io.encode_png(array).numpy()


def flo(flow):
    height, width = flow.shape[:2]
    return b"PIEH" + struct.pack("<ii", width, height) + flow.astype("<f4").tobytes()


def kitti_png(flow, valid):
    """Red and green 64·flow + 2¹⁵, blue valid; a pixel that is not valid has zeros."""
    coded = np.concatenate([np.rint(flow * 64 + 2**15), np.ones((*valid.shape, 1))], axis=-1)
    return png((coded * valid[..., None]).astype(np.uint16))


def random_frame(size=SIZE):
    return RNG.integers(0, 256, (*size, 3), dtype=np.uint8)


def sintel(root):
    """Two sequences of three frames; returns name -> (flow, valid, occluded)."""
    truth = {}
    for sequence in ("alley_1", "market_2"):
        for number in (1, 2, 3):
            for sintel_pass in ("clean", "final"):
                path = root / "training" / sintel_pass / sequence / f"frame_{number:04}.png"
                write(path, png(random_frame()))
            if number == 3:
                continue
            flow = RNG.normal(scale=20, size=(*SIZE, 2)).astype(np.float32)
            occluded, invalid = RNG.random((2, *SIZE)) < 0.2
            name = f"{sequence}/frame_{number:04}"
            write(root / "training/flow" / f"{name}.flo", flo(flow))
            for mask, of in (("occlusions", occluded), ("invalid", invalid)):
                write(
                    root / "training" / mask / f"{name}.png",
                    png(255 * of[..., None].astype(np.uint8)),
                )
            truth[name] = flow, ~invalid, occluded
    return truth


def kitti(root):
    """Three pairs of two sizes; returns name -> (flow, valid, occluded)."""
    truth = {}
    for number, size in enumerate((SIZE, SIZE, (HEIGHT + 1, WIDTH + 2))):
        flow = np.rint(RNG.normal(scale=20, size=(*size, 2)) * 64) / 64
        valid = RNG.random(size) < 0.3
        visible = valid & (RNG.random(size) < 0.7)
        for i in (10, 11):
            write(root / f"training/image_2/{number:06}_{i}.png", png(random_frame(size)))
        write(root / f"training/flow_occ/{number:06}_10.png", kitti_png(flow, valid))
        write(root / f"training/flow_noc/{number:06}_10.png", kitti_png(flow, visible))
        truth[f"{number:06}_10"] = flow, valid, valid & ~visible
    return truth


class KnownModel:
    """Its flow of a pair is a function of the frames that the test knows; tiling is tested elsewhere."""

    def predict_flow(self, frame1, frame2, tiling="paper"):
        assert tiling == "paper"  # as claims.json says
        frame1, frame2 = (tf.io.decode_png(path.read_bytes()).numpy() for path in (frame1, frame2))
        return (frame1[..., :2].astype(np.float32) - frame2[..., 1:]) / 8


MODEL = KnownModel()


def errors(pairs, truth):
    """Name -> (error, length of the true flow, valid, occluded) of every pixel."""
    found = {}
    for pair in pairs:
        flow, valid, occluded = truth[pair.name]
        predicted = MODEL.predict_flow(pair.frame1, pair.frame2).astype(np.float64)
        error = np.sqrt(((predicted - flow) ** 2).sum(-1))
        found[pair.name] = error, np.sqrt((flow**2).sum(-1)), valid, occluded
    return found


def measured(protocol):
    rows = protocol.rows(MODEL, CONFIG, protocol.keys)
    return metrics(TASK, CONFIG, rows)


@pytest.mark.parametrize("name", ["sintel-clean", "sintel-final"])
def test_sintel_is_the_mean_over_valid_pixels(tmp_path, name):
    truth = sintel(tmp_path)
    protocol = get(name).open(tmp_path, {})
    assert protocol.keys == [f"{s}/frame_000{i}" for s in ("alley_1", "market_2") for i in (1, 2)]
    assert protocol.group("market_2/frame_0002") == "market_2"
    found = errors(folders.sintel(tmp_path, name[7:]), truth).values()
    error, length, valid, occluded = (np.stack(parts) for parts in zip(*found, strict=True))
    expected = {
        "aepe": error[valid].mean(),
        "aepe_matched": error[valid & ~occluded].mean(),
        "aepe_unmatched": error[valid & occluded].mean(),
        "aepe_s0_10": error[valid & (length < 10)].mean(),
        "aepe_s10_40": error[valid & (length >= 10) & (length <= 40)].mean(),
        "aepe_s40_plus": error[valid & (length > 40)].mean(),
        "outliers_3px": (error[valid] > 3).mean(),
    }
    result = measured(protocol)
    assert {key: result[key] for key in expected} == pytest.approx(expected, rel=1e-5)


def test_kitti_is_the_mean_of_images_and_fl_over_pixels(tmp_path):
    truth = kitti(tmp_path)
    protocol = get("kitti-2015").open(tmp_path, {})
    found = errors(folders.kitti_2015(tmp_path), truth).values()
    wrong = [
        (((e > 3) & (e > 0.05 * length))[valid], e[valid], e[valid & ~occluded])
        for e, length, valid, occluded in found
    ]
    expected = {
        "aepe_per_image": np.mean([e.mean() for _, e, _ in wrong]),
        "aepe": np.concatenate([e for _, e, _ in wrong]).mean(),
        "fl_all": np.concatenate([fl for fl, _, _ in wrong]).mean(),
        "aepe_matched": np.concatenate([seen for *_, seen in wrong]).mean(),
    }
    result = measured(protocol)
    assert {key: result[key] for key in expected} == pytest.approx(expected, rel=1e-5)


def test_masks_that_are_not_there_are_taken_as_nothing(tmp_path):
    truth = sintel(tmp_path)
    for mask in ("occlusions", "invalid"):
        (tmp_path / "training" / mask).rename(tmp_path / mask)
    pair = folders.sintel(tmp_path, "clean")[0]
    target = benchmark.read_target(pair)
    np.testing.assert_array_equal(target[..., :2], truth[pair.name][0])
    assert (target[..., 2] == 1).all() and (target[..., 3] == 0).all()


def test_what_can_t_be_measured_is_said(tmp_path):
    sintel(tmp_path)
    with pytest.raises(UsageError, match="no tiling 'papers'. Did you mean 'paper'"):
        get("sintel-clean").open(tmp_path, {"tiling": "papers"})
    with pytest.raises(UsageError, match="expected training/image_2"):
        get("kitti-2015").open(tmp_path, {})
    name = "alley_1/frame_0001"
    for folder, content, words in (
        ("invalid", png(np.zeros((2, 2, 1), np.uint8)), "pixels, but its flow has"),
        ("occlusions", b"no picture", "can't be read as a mask"),
        ("flow", flo(np.zeros((2, 2, 2))), "pixels"),
        ("flow", flo(np.zeros((*SIZE, 2)))[:-4], "flo"),
    ):
        path = next((tmp_path / "training" / folder).glob(f"{name}.*"))
        before = path.read_bytes()
        path.write_bytes(content)
        protocol = get("sintel-clean").open(tmp_path, {})
        with pytest.raises(PerceiverError, match=words):
            protocol.rows(MODEL, CONFIG, [name])
        path.write_bytes(before)
