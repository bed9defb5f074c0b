"""Official files through the command: to a preset folder, to the other official form, to a SavedModel."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import perceiver_keras as pk
from perceiver_keras import cli
from perceiver_keras.serve import Servable
from tests.parity.fixtures import downloaded

SIZES = {"image_size": [16, 16], "process__num_blocks": 2}


def convert(*arguments: str | Path, code: int = 0):
    result = CliRunner().invoke(cli.main, ["convert", *map(str, arguments)])
    assert result.exit_code == code, result.stderr
    return result


@pytest.fixture(scope="module")
def model():
    """The released Fourier classifier at a small size, with random weights."""
    return pk.ImageClassifier.from_preset(
        "imagenet_fourier_position_encoding",
        **SIZES,
        num_classes=5,
        query_dim=16,
        encode__num_latents=4,
        encode__latent_dim=16,
        process__num_self_attention_layers=1,
    )


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, 16, 16, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory) -> Path:
    """A preset folder that the command made from a DeepMind pickle."""
    place = tmp_path_factory.mktemp("converted")
    pk.convert.save_deepmind(model, place / "official.pystate")
    sizes = ["--set", "model.image_size=[16,16]", "--set", "model.process.num-blocks=2"]
    told = convert(place / "official.pystate", place / "ours", "--to", "keras", "--json", *sizes)
    assert json.loads(told.stdout)["parameters"] == model.count_params()
    return place / "ours"


def assert_same(actual, expected, pictures: np.ndarray) -> None:
    """Weights bit for bit, numbers up to the order of sums."""
    for one, other in zip(actual.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(actual(pictures), expected(pictures), rtol=0, atol=1e-4)


def test_a_pickle_becomes_a_folder_with_the_same_numbers(model, folder, pictures) -> None:
    assert_same(pk.load(folder), model, pictures)


def test_the_folder_becomes_a_pickle_again(model, folder, pictures, tmp_path: Path) -> None:
    convert(folder, tmp_path / "back.pystate", "--to", "deepmind")
    again = pk.convert.load_deepmind(tmp_path / "back.pystate", **SIZES)
    assert_same(again, model, pictures)


def test_the_folder_becomes_what_the_port_takes(folder, tmp_path: Path) -> None:
    convert(folder, tmp_path / "port.safetensors", "--to", "huggingface")
    length = int.from_bytes((tmp_path / "port.safetensors").read_bytes()[:8], "little")
    header = json.loads((tmp_path / "port.safetensors").read_bytes()[8 : 8 + length])
    assert header["perceiver.embeddings.latents"]["shape"] == [4, 16]


def test_a_saved_model_answers_as_the_folder(model, folder, pictures, tmp_path: Path) -> None:
    convert(folder, tmp_path / "1", "--to", "savedmodel")
    served = Servable(str(tmp_path / "1")).predict("serving_tensors", inputs=pictures)
    logits = model(pictures).numpy()
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(served["probabilities"], expected, rtol=1e-4)


@pytest.mark.parametrize("address", ["", "https://huggingface.co/"])
def test_a_repository_of_the_hub_is_its_weights(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = downloaded("language_mlm_bytes", tmp_path / "cache")
    monkeypatch.setenv("PERCEIVER_CACHE", str(tmp_path / "cache"))
    convert(f"{address}deepmind/language-perceiver", tmp_path / "ours", "--to", "keras")
    expected = pk.convert.load_huggingface(stored).get_weights()
    for one, other in zip(pk.load(tmp_path / "ours").get_weights(), expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["{tmp}/none", "{tmp}/out", "--to", "keras"], 1, "does not exist"),
        (["deepmind/perceiver", "{tmp}/out", "--to", "keras"], 2, "is no released model"),
        (["{folder}", "{folder}", "--to", "deepmind"], 1, "exists; name a new"),
        (["{folder}", "{tmp}/out", "--to", "onnx"], 2, "'onnx' is not one of"),
        (["{folder}", "{tmp}/out", "--to", "keras", "--set", "x=1"], 2, "write model.KEY=VALUE"),
        (["{folder}", "{tmp}/out", "--to", "keras", "--set", "model.x=1"], 2, "omit --set"),
        (["{tmp}/junk", "{tmp}/out", "--to", "keras"], 1, "junk"),
    ],
)
def test_what_can_go_wrong(folder: Path, tmp_path: Path, arguments, code, words) -> None:
    (tmp_path / "junk").write_bytes(b"no weights at all")
    result = convert(*(a.format(tmp=tmp_path, folder=folder) for a in arguments), code=code)
    assert words in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()
