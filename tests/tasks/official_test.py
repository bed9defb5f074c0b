"""Official weights through whole models and back, by every way that a user names them."""

from __future__ import annotations

import dataclasses
import json
import pickle

import numpy as np
import pytest

from perceiver_keras.convert import (
    download,
    load_deepmind,
    load_huggingface,
    save_deepmind,
    save_huggingface,
)
from perceiver_keras.convert.pickles import load_pickle
from perceiver_keras.convert.safetensors_file import load_safetensors
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.tasks import official, registry
from perceiver_keras.tasks.glue.model import GlueModel
from perceiver_keras.tasks.glue.presets import GlueModelConfig
from perceiver_keras.tasks.image_classification import PRESETS, ImageClassifier
from perceiver_keras.training.warm_start import start_from
from tests.convert.server import Server
from tests.parity.fixtures import Fixture, fixtures

FOURIER = "imagenet_fourier_position_encoding"
LEARNED = "imagenet_learned_position_encoding"
CONV = "imagenet_conv_preprocessing"
DEEPMIND = [task for source, task in fixtures() if source == "deepmind"]
HUGGINGFACE = [task for source, task in fixtures() if source == "huggingface"]


def _pickle_of(task: str, folder):
    path = folder / f"{task}.pystate"
    path.write_bytes(pickle.dumps(Fixture("deepmind", task).tree))
    return path


def _folder_of(task: str, folder, **settings):
    """A repository of the port: config.json and model.safetensors."""
    fixture = Fixture("huggingface", task)
    (folder / "config.json").write_text(json.dumps(fixture.settings | settings))
    weights = fixture.path.with_suffix(".safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def _flat(tree, prefix=()):
    if not isinstance(tree, dict):
        return {prefix: tree}
    return {k: v for name in tree for k, v in _flat(tree[name], (*prefix, name)).items()}


def _assert_same(got, expected):
    got, expected = _flat(got), _flat(expected)
    assert got.keys() == expected.keys()
    for name, array in expected.items():
        assert got[name].dtype == array.dtype and got[name].shape == array.shape, name
        assert got[name].tobytes() == array.tobytes(), name


def _overrides(task: str) -> dict:
    """What no tensor tells of a DeepMind fixture."""
    settings = Fixture("deepmind", task).settings
    if task.startswith("imagenet"):
        return {"image_size": settings["size"], "process__num_blocks": settings["blocks"]}
    if task == "video_autoencoding":
        side = settings["img"]
        sizes = {"num_frames": settings["frames"], "audio_samples": settings["audio"]}
        return sizes | {"image_size": [side, side]}
    return {"image_size": settings["size"]} if "size" in settings else {}


@pytest.mark.parametrize("task", DEEPMIND)
def test_deepmind_to_a_model_and_back(task, tmp_path):
    tree = Fixture("deepmind", task).tree
    model = load_deepmind(_pickle_of(task, tmp_path), **_overrides(task))
    assert [type(model)] == [home.model for home in registry.having(task)]
    assert model.config.activation == "gelu_tanh"
    parameters = sum(array.size for array in _flat(tree["params"]).values())
    trained = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert trained == parameters
    save_deepmind(model, tmp_path / "back.pystate")
    written = load_pickle(tmp_path / "back.pystate")
    _assert_same(written if "params" in written else {"params": written, "state": {}}, tree)


@pytest.mark.parametrize("task", [task for task in HUGGINGFACE if task != "video_autoencoding"])
def test_huggingface_to_a_model_and_back(task, tmp_path):
    fixture = Fixture("huggingface", task)
    model = load_huggingface(_folder_of(task, tmp_path))
    assert model.config.activation == "gelu"
    save_huggingface(model, tmp_path / "back")
    _assert_same(load_safetensors(tmp_path / "back" / "model.safetensors"), fixture.state_dict)
    config = json.loads((tmp_path / "back" / "config.json").read_text())
    told = {key: value for key, value in fixture.settings.items() if key != "v_channels"}
    assert {key: config[key] for key in told} == told
    again = load_huggingface(tmp_path / "back")
    assert again.config == model.config


@pytest.mark.parametrize("source", ["deepmind", "huggingface"])
def test_a_glue_model_starts_from_official_weights(source, tmp_path):
    of = {"deepmind": _pickle_of, "huggingface": _folder_of}[source]
    path = of("language_mlm_bytes", tmp_path)
    language = official.load_official(path)
    shared = dataclasses.asdict(language.config).keys() & {
        field.name for field in dataclasses.fields(GlueModelConfig)
    }
    model = GlueModel(
        GlueModelConfig(**{name: getattr(language.config, name) for name in shared})
    ).build_all()
    said = start_from(model, str(path))
    assert "preprocess, encode, process, decode" in said
    ids = np.random.default_rng(0).integers(6, 262, [2, language.config.length])
    theirs = language.process(language.encode(language.preprocess(ids)))
    inputs = {"ids": ids, "head": np.zeros(2, np.int32)}
    np.testing.assert_array_equal(model.process(model.encode(model.preprocess(inputs))), theirs)


def test_names_of_classes_come_and_go_with_the_ports_configuration(tmp_path):
    fixture = Fixture("huggingface", FOURIER)
    names = [f"class {i}" for i in range(fixture.settings["num_labels"])]
    named = {str(i): name for i, name in enumerate(names)}
    model = load_huggingface(_folder_of(FOURIER, tmp_path, id2label=named))
    assert model.labels == names
    save_huggingface(model, tmp_path / "back")
    assert load_huggingface(tmp_path / "back").labels == names


def test_a_pickle_of_imagenets_thousand_classes_has_their_names(tmp_path):
    small = {"encode__num_latents": 2, "encode__latent_dim": 8, "query_dim": 8}
    small |= {"image_size": [4, 4], "process__num_self_attention_layers": 1}
    save_deepmind(ImageClassifier.from_preset(FOURIER, **small), tmp_path / "m.pystate")
    labels = load_deepmind(tmp_path / "m.pystate", image_size=[4, 4]).labels
    # ILSVRC 2012's order, known from any of its models.
    assert len(labels) == 1000
    assert [labels[i].split(",")[0] for i in (0, 281, 999)] == ["tench", "tabby", "toilet tissue"]


def _classifier_weights(kind: str, folder):
    if kind == "pickle":
        return _pickle_of(FOURIER, folder)
    path = folder / "weights"
    path.write_bytes(Fixture("huggingface", FOURIER).path.with_suffix(".safetensors").read_bytes())
    return path


@pytest.mark.parametrize("kind, activation", [("pickle", "gelu_tanh"), ("safetensors", "gelu")])
def test_from_preset_takes_official_files_by_their_content(kind, activation, tmp_path):
    path = _classifier_weights(kind, tmp_path)
    model = ImageClassifier.from_preset(FOURIER, weights=path, image_size=(16, 16))
    assert model.config.activation == activation
    assert model.config.encode.num_latents == 8 and model.config.num_classes == 10
    assert model.config.process.num_blocks == PRESETS[FOURIER].config.model.process.num_blocks
    # Another preset of the same class does as well: the file tells its stem and positions.
    other = ImageClassifier.from_preset(CONV, weights=path, image_size=(16, 16))
    assert other.config.stem == model.config.stem
    images = np.random.default_rng(0).standard_normal((1, 16, 16, 3)).astype(np.float32)
    saved = model.save_to_preset(tmp_path / "preset")
    reloaded = ImageClassifier.from_preset(saved)
    np.testing.assert_array_equal(model(images), reloaded(images))
    assert reloaded.config == model.config


def test_weights_of_another_model_are_refused(tmp_path):
    path = _pickle_of("optical_flow", tmp_path)
    with pytest.raises(
        UsageError, match="weights of optical_flow, which is a OpticalFlow and not a ImageCl"
    ):
        ImageClassifier.from_preset(FOURIER, weights=path)


def test_sizes_that_contradict_the_file_are_listed(tmp_path):
    path = _pickle_of(FOURIER, tmp_path)
    with pytest.raises(PerceiverError) as caught:
        load_deepmind(path, image_size=(16, 16), encode__num_latents=9, num_classes=11)
    lines = str(caught.value).splitlines()
    assert "3 of its tensors differ" in lines[0]
    assert sorted(lines[1:]) == [
        "! decode/out/bias [10]: should be [11]",
        "! decode/out/kernel [32, 10]: should be [32, 11]",
        "! encode/latents [8, 32]: should be [9, 32]",
    ]


def test_a_malicious_pickle_is_not_run(tmp_path):
    from tests.convert import attacks

    path = tmp_path / "weights.pystate"
    path.write_bytes(attacks.pickles()["os_system"])
    with pytest.raises(PerceiverError, match="asks for 'posix', 'system'"):
        ImageClassifier.from_preset(FOURIER, weights=path)


def test_learned_positions_are_interpolated_to_another_size(tmp_path):
    fixture = Fixture("deepmind", LEARNED)
    path = _pickle_of(LEARNED, tmp_path)
    blocks = fixture.settings["blocks"]
    model = load_deepmind(path, image_size=(24, 20), process__num_blocks=blocks)
    positions = model.preprocess.position.embeddings.numpy().reshape(24, 20, -1)
    trained = official.read_official(path).tensors["preprocess/position/embeddings"]
    trained = trained.reshape(*fixture.settings["size"], -1)
    assert np.abs(positions.mean(axis=(0, 1)) - trained.mean(axis=(0, 1))).max() < 5e-3
    assert model(np.zeros((1, 24, 20, 3), np.float32)).shape == (1, fixture.settings["classes"])
    same = load_deepmind(path, process__num_blocks=blocks)
    assert list(same.config.image_size) == fixture.settings["size"]


def test_weights_by_the_name_of_their_source_are_downloaded_once(tmp_path, monkeypatch, capsys):
    with Server.running() as server:
        server.content = _pickle_of(FOURIER, tmp_path).read_bytes()
        server.break_after = [len(server.content) // 2]
        monkeypatch.setattr(download, "DEEPMIND_URL", server.url)
        monkeypatch.setenv("PERCEIVER_CACHE", str(tmp_path / "cache"))
        for _ in range(2):
            model = ImageClassifier.from_preset(FOURIER, weights="deepmind", image_size=(16, 16))
    assert model.config.encode.num_latents == 8
    half = len(server.content) // 2
    assert [wanted for _, wanted in server.requests] == [None, f"bytes={half}-"]
    assert f"deepmind/{FOURIER}: 100 % of" in capsys.readouterr().err


def test_a_model_of_no_released_kind_can_not_be_written_for_others(tmp_path):
    model = ImageClassifier.from_preset(
        "tiny", position={"kind": "LearnedPosition", "channels": 31}
    )
    with pytest.raises(PerceiverError, match="do not match any released model"):
        save_deepmind(model, tmp_path / "weights.pystate")
    assert list(tmp_path.iterdir()) == []
