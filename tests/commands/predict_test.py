"""Each released model answers what a user really has, from official weights and as a SavedModel made of them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from perceiver_keras import cli
from perceiver_keras.data.video import clips as video
from tests.parity.fixtures import Fixture

SENTENCES = ("An incomplete sent[MASK]nce where some words are [MASK].", "No mask.")


def told(*arguments: object) -> dict:
    result = CliRunner().invoke(cli.main, [*map(str, arguments), "--json"])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """Preset -> the fixture's weights as DeepMind's pickle."""
    folder = tmp_path_factory.mktemp("official")

    def written(preset: str) -> Path:
        path = folder / f"{preset}.pystate"
        path.write_bytes(pickle.dumps(Fixture("deepmind", preset).tree))
        return path

    return written


def picture(path: Path, height: int, width: int, seed: int) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def answers(*arguments: object) -> list:
    return [prediction["answer"] for prediction in told("predict", *arguments)["predictions"]]


def both_ways(official: Path, folder: Path, task: str, sizes: list[str], *asked: object):
    """The answers from a preset folder, after those of the SavedModel are found to be the same."""
    overrides = [word for size in sizes for word in ("--set", size)]
    told("convert", official, folder / "ours", "--to", "keras", *overrides)
    told("convert", folder / "ours", folder / "served" / "1", "--to", "savedmodel")
    numbers = {}
    for option, model in (("--weights", folder / "ours"), ("--model", folder / "served")):
        saved = folder / f"{option[2:]}.npz"
        found = answers(task, *asked, option, model, "--save", saved)
        with np.load(saved) as arrays:
            numbers[option] = found, {name: arrays[name] for name in arrays.files}
    (own, own_numbers), (served, served_numbers) = numbers.values()
    assert own_numbers.keys() == served_numbers.keys()
    for name, value in own_numbers.items():
        if value.dtype.kind == "f":
            np.testing.assert_allclose(value, served_numbers[name], rtol=1e-4, atol=1e-5)
        else:
            np.testing.assert_array_equal(value, served_numbers[name])
    assert len(own) == len(served)
    return own


def test_a_picture_to_labels_with_names(official, tmp_path):
    weights = official("imagenet_learned_position_encoding")
    asked = [picture(tmp_path / f"{i}.png", 40, 30, i) for i in range(2)]
    found = both_ways(weights, tmp_path, "image_classification", [], *asked, "--top", "3")
    assert [[set(entry) for entry in answer] for answer in found] == [[{"label", "score"}] * 3] * 2
    assert all(
        a["score"] >= b["score"]
        for answer in found
        for a, b in zip(answer, answer[1:], strict=False)
    )


def test_a_sentence_with_masks_to_their_fillings(official, tmp_path):
    weights = official("language_mlm_bytes")
    found = both_ways(weights, tmp_path, "language_mlm", [], *SENTENCES)
    assert answers("language_mlm", *SENTENCES, "--weights", weights) == found
    first, none = found
    assert len(first) == 2 and len(first[0]) == 5 and none == []
    assert {"score", "token", "token_str", "sequence"} == set(first[0][0])


def test_two_pictures_to_flow(official, tmp_path):
    size = json.dumps(Fixture("deepmind", "optical_flow").settings["size"])
    frames = [picture(tmp_path / f"{i}.png", 19, 45, i) for i in range(2)]  # larger than a tile
    weights = official("optical_flow")
    both_ways(weights, tmp_path, "optical_flow", [f"model.image_size={size}"], *frames)
    told(
        *("predict", "optical_flow", *frames, "--weights", tmp_path / "ours"),
        *("-o", tmp_path / "flow.png", "--save", tmp_path / "flow.flo"),
    )
    with np.load(tmp_path / "weights.npz") as arrays:
        flow = arrays["flow"][0]
    written = np.fromfile(tmp_path / "flow.flo", "<f4", offset=12).reshape(19, 45, 2)
    np.testing.assert_allclose(written, flow, atol=1e-5)
    with Image.open(tmp_path / "flow.png") as drawn:
        assert min(drawn.size) > 100


def test_a_clip_to_its_reconstruction_and_label(official, tmp_path):
    rng = np.random.default_rng(0)
    film = tmp_path / "clip.mp4"
    film.write_bytes(video.to_mp4(rng.random((4, 16, 16, 3)), rng.uniform(-1, 1, 7680)))
    sizes = ["num_frames=4", "image_size=[16,16]", "audio_samples=256"]
    weights = official("video_autoencoding")
    (found,) = both_ways(
        *(weights, tmp_path, "multimodal_autoencoding", [f"model.{size}" for size in sizes]),
        *(film, "--top", "2"),
    )
    assert [set(entry) for entry in found] == [{"label", "score"}] * 2
    told(
        *("predict", "multimodal_autoencoding", film, "--weights", tmp_path / "ours"),
        *("-o", tmp_path / "drawn.png", "--save", tmp_path / "again.mp4"),
    )
    assert len(video.read_film(tmp_path / "again.mp4").frames) == 4
