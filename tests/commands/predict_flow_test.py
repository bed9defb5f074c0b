"""`perceiver predict optical_flow` on pictures, a folder and a film, with a tiny model's random weights."""

from __future__ import annotations

import json
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

import perceiver_keras as pk
from perceiver_keras import cli
from perceiver_keras.data.flow import formats as flow

RNG = np.random.default_rng(10)
SIZE = (18, 40)


def invoke(*arguments: str | Path, code: int = 0):
    result = CliRunner().invoke(cli.main, ["predict", "optical_flow", *map(str, arguments)])
    assert result.exit_code == code, result.stderr
    return result


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    tf.random.set_seed(2)
    sizes = {"encode__num_latents": 4, "process__num_self_attention_layers": 1}
    model = pk.OpticalFlow.from_preset("tiny", **sizes)
    for variable in model.trainable_variables:
        variable.assign_add(tf.random.normal(variable.shape, stddev=0.1))
    return model.save_to_preset(tmp_path_factory.mktemp("weights") / "preset")


@pytest.fixture
def frames(tmp_path) -> Path:
    """Three frames that fit and one that doesn't."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, size in enumerate((SIZE, SIZE, SIZE, (18, 41))):
        frame = RNG.integers(0, 256, (*size, 3), dtype=np.uint8)
        (folder / f"f{number}.png").write_bytes(tf.io.encode_png(frame).numpy())
    return folder


def test_pictures_and_a_folder_to_files(weights, frames, tmp_path):
    pair = [frames / "f0.png", frames / "f1.png"]
    picture, saved = tmp_path / "flow.png", tmp_path / "flow.flo"
    said = invoke(*pair, "--weights", weights, "-o", picture, "--save", saved, "--json").stdout
    own = pk.load(weights).predict_flow(*pair)
    read, known = flow.read_flow(saved)
    assert known.all()
    np.testing.assert_allclose(read, own, rtol=1e-4, atol=1e-4 * np.abs(own).max())
    assert picture.read_bytes().startswith(b"\x89PNG")
    answer = json.loads(said)["predictions"][0]["answer"]
    assert (answer["height"], answer["width"]) == SIZE
    assert answer["largest_motion"] == pytest.approx(
        np.hypot(*own.reshape(-1, 2).T).max(), rel=1e-3
    )

    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "f0.flo").write_bytes(b"there before")
    result = invoke(frames, "--weights", weights, "--save", flows, "--json", code=1)
    told = json.loads(result.stdout)
    assert told["skipped"] == [str(frames / "f0.png")]
    assert [p["file"] for p in told["predictions"]] == [str(frames / "f1.png")]
    assert "18x40 pixels and" in told["errors"][0]["error"]
    assert sorted(p.name for p in flows.iterdir()) == ["f0.flo", "f1.flo"]
    assert (flows / "f0.flo").read_bytes() == b"there before"
    assert flow.read_flow(flows / "f1.flo")[0].shape == (*SIZE, 2)


def test_a_film_to_a_film(weights, tmp_path):
    path, out = tmp_path / "in.mp4", tmp_path / "out.mp4"
    writer = imageio_ffmpeg.write_frames(str(path), (48, 32), fps=5, macro_block_size=2)
    writer.send(None)
    for _ in range(3):
        writer.send(RNG.integers(0, 256, (32, 48, 3), dtype=np.uint8))
    writer.close()
    said = invoke(path, "--weights", weights, "-o", out).stdout
    assert "in_000001.mp4" in said and f"Written: {out}" in said
    frames = imageio_ffmpeg.read_frames(str(out))
    about = next(frames)
    assert about["size"] == (48, 32) and about["fps"] == 5 and len(list(frames)) == 2


def test_what_is_no_pair_is_said_before_any_model_is_loaded(frames, tmp_path):
    for words, expected in (
        ([frames / "f0.png"], "got only"),
        ([tmp_path / "none.mp4"], "none.mp4 does not exist"),
        ([frames, frames], "a sequence of its own"),
        ([frames, "-o", tmp_path / "x.gif"], "write it as .png or"),
    ):
        assert expected in invoke(*words, "--weights", tmp_path, code=2).stderr
