"""Names and layouts: both chains to our names and back, bit for bit, and what is said when they don't fit."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from perceiver_keras.convert import deepmind, huggingface
from perceiver_keras.convert.checkpoint import to_source
from perceiver_keras.convert.names import RELEASED
from perceiver_keras.convert.pickles import load_pickle
from perceiver_keras.errors import PerceiverError
from tests.convert import attacks
from tests.parity.fixtures import Fixture, fixtures

DEEPMIND = [task for source, task in fixtures() if source == "deepmind"]
HUGGINGFACE = [task for source, task in fixtures() if source == "huggingface"]


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


def _official(tree, task):
    """As the released file of the task holds it: with the state tree or without."""
    return tree if RELEASED[task].with_state else tree["params"]


@pytest.mark.parametrize("task", DEEPMIND)
def test_deepmind_pickle_round_trip(task, tmp_path):
    tree = _official(Fixture("deepmind", task).tree, task)
    first, second = tmp_path / "official.pystate", tmp_path / "ours.pystate"
    first.write_bytes(pickle.dumps(tree))
    checkpoint = deepmind.read_deepmind(first)
    assert checkpoint.model == task and checkpoint.activation == "gelu_tanh"
    deepmind.write_deepmind(checkpoint, second)
    _assert_same(load_pickle(second), tree)
    _assert_same(pickle.loads(second.read_bytes()), tree)  # ours may be loaded as pickles are
    assert sorted(path.name for path in tmp_path.iterdir()) == ["official.pystate", "ours.pystate"]


@pytest.mark.parametrize("task", HUGGINGFACE)
def test_huggingface_round_trip(task, tmp_path):
    fixture = Fixture("huggingface", task)
    (tmp_path / "config.json").write_text(json.dumps(fixture.settings))
    (tmp_path / "model.safetensors").write_bytes(
        fixture.path.with_suffix(".safetensors").read_bytes()
    )
    checkpoint = huggingface.read_huggingface(tmp_path)
    assert checkpoint.model == task and checkpoint.activation == "gelu"
    heads = fixture.settings.get("num_self_attention_heads", 8)
    assert checkpoint.settings["num_self_attention_heads"] == heads
    huggingface.write_huggingface(checkpoint, tmp_path / "copy", {"model_type": "perceiver"})
    _assert_same(
        huggingface.load_safetensors(tmp_path / "copy" / "model.safetensors"), fixture.state_dict
    )
    assert json.loads((tmp_path / "copy" / "config.json").read_text())["model_type"] == "perceiver"


def test_a_bin_is_read_as_the_safetensors_are(tmp_path):
    """The same state dict in PyTorch's own form, each tensor in a storage of its own."""
    state = Fixture("huggingface", "language_mlm_bytes").state_dict
    tensors, entries = {}, {}
    for key, (name, array) in enumerate(state.items()):
        steps = tuple(step // array.itemsize for step in np.ascontiguousarray(array).strides)
        tensors[name] = attacks.tensor(str(key), array.size, 0, array.shape, steps)
        entries[f"data/{key}"] = array.tobytes()
    entries = {"data.pkl": attacks.state_dict(**tensors), "byteorder": b"little"} | entries
    (tmp_path / "pytorch_model.bin").write_bytes(attacks.archive(entries))
    read = huggingface.read_huggingface(tmp_path)
    _assert_same(huggingface.to_state_dict(read), state)


@pytest.mark.parametrize("task", DEEPMIND)
def test_deepmind_to_huggingface_and_back(task):
    """Through the port's names and layouts nothing is lost but the state of Haiku's averages."""
    checkpoint = Fixture("deepmind", task).checkpoint()
    state = to_source(checkpoint, "huggingface")
    assert all(name.startswith(("perceiver.", "embedding_decoder.")) for name in state)
    back = huggingface.from_state_dict(state)
    assert back.model == task
    _assert_same(back.tensors, checkpoint.tensors)


def test_every_released_model_names_each_weight_once():
    for model, entry in RELEASED.items():
        rows = entry.rows(num_layers=3)
        for side in ("ours", "deepmind", "huggingface"):
            names = [getattr(row, side) for row in rows]
            assert len(set(names)) == len(names), (model, side)


def test_a_settled_average_is_written_where_haikus_state_is_unknown():
    """From the port's batch norm: average as given, and the two numbers that make it exact."""
    state = Fixture("huggingface", "imagenet_conv_preprocessing").state_dict
    tree = deepmind.to_tree(huggingface.from_state_dict(state))
    averages = tree["state"]["image_preprocessor/~/conv2_d_downsample/~/batchnorm/~/mean_ema"]
    np.testing.assert_array_equal(averages["hidden"], averages["average"])
    decay = np.float32(0.9)
    assert np.float32(1) - decay ** averages["counter"].astype(np.float32) == 1


def test_differences_are_all_listed_at_once():
    tree = Fixture("deepmind", "imagenet_fourier_position_encoding").tree
    params = tree["params"]
    gone = params["perceiver_encoder/~/cross_attention/mlp/linear"].pop("b")
    params["perceiver_encoder/~/self_attention/attention/linear_1"]["w"] = np.zeros((3, 3))
    params["perceiver_encoder/~/cross_attention/attention/linear"]["w"] = np.zeros((1, 2, 3))
    params["surplus"] = {"w": np.zeros(5)}
    with pytest.raises(PerceiverError) as caught:
        deepmind.from_tree(tree, path="x.pystate")
    first, *lines = str(caught.value).splitlines()
    assert first.startswith("x.pystate doesn't fit imagenet_fourier_position_encoding")
    assert "4 of its tensors differ" in first
    wide = params["perceiver_encoder/~/self_attention/attention/linear_1"]["b"].shape[0]
    inputs = params["perceiver_encoder/~/cross_attention/layer_norm_1"]["scale"].shape[0]
    encoder = "perceiver_encoder/~"
    assert sorted(lines) == sorted(
        [
            f"- {encoder}/cross_attention/mlp/linear/b [{gone.shape[0]}]: missing",
            "+ surplus/w [5]: unknown",
            f"! {encoder}/self_attention/attention/linear_1/w [3, 3]: should be [{wide}, {wide}]",
            f"! {encoder}/cross_attention/attention/linear/w [1, 2, 3]: should be [{wide}, {inputs}]",
        ]
    )


@pytest.mark.parametrize(
    "tree, words",
    [
        ([1, 2], "holds a list"),
        ({}, "none of the released"),
        ({"linear": {"w": np.ones(3)}}, "none of the released"),
        ({"params": {"embed": {"embeddings": "text"}}}, "is a str, not an array"),
    ],
)
def test_other_trees_are_refused(tree, words):
    with pytest.raises(PerceiverError, match=words):
        deepmind.from_tree(tree)


def test_a_file_of_the_other_source_is_named(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(
        Fixture("huggingface", "optical_flow").path.with_suffix(".safetensors").read_bytes()
    )
    with pytest.raises(PerceiverError, match="a safetensors file, not one of DeepMind's pickles"):
        deepmind.read_deepmind(path)
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(PerceiverError, match="a pickle file, not Hugging Face's"):
        huggingface.read_huggingface(path)


@pytest.mark.parametrize(
    "config, words",
    [
        ("[]", "is not an object"),
        ("{", "is not JSON"),
        ('{"num_blocks": "8"}', "num_blocks is '8'"),
        ('{"hidden_act": "relu"}', "hidden_act 'relu' is none of"),
        ('{"num_blocks": 1, "train_size": [8]}', "train_size is .8., not a height"),
        (
            '{"num_blocks": 1, "use_query_residual": 1}',
            "use_query_residual is 1, not true or false",
        ),
    ],
)
def test_a_broken_config_json(config, words, tmp_path):
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(PerceiverError, match=words):
        huggingface.read_settings(tmp_path)


def test_another_programs_config_json_says_nothing(tmp_path):
    (tmp_path / "config.json").write_text('{"data": {}, "model": {"activation": "gelu"}}')
    assert huggingface.read_settings(tmp_path) == {}


def test_a_folder_without_weights(tmp_path):
    with pytest.raises(PerceiverError, match="holds neither model.safetensors nor"):
        huggingface.read_huggingface(tmp_path)
