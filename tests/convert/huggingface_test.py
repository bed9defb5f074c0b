"""The port's repositories, read and written bit for bit, and what their config.json says."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from perceiver_keras.convert import huggingface
from perceiver_keras.errors import PerceiverError
from tests.convert import attacks
from tests.convert.trees import HUGGINGFACE, assert_same
from tests.parity.fixtures import Fixture


@pytest.mark.parametrize("task", HUGGINGFACE)
def test_round_trip(task, tmp_path):
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
    assert_same(
        huggingface.load_safetensors(tmp_path / "copy" / "model.safetensors"), fixture.state_dict
    )
    assert json.loads((tmp_path / "copy" / "config.json").read_text())["model_type"] == "perceiver"


def test_one_file_is_written_where_the_path_names_one(tmp_path):
    fixture = Fixture("huggingface", "optical_flow")
    path = tmp_path / "flow.safetensors"
    huggingface.write_huggingface(fixture.checkpoint(), path, {"model_type": "perceiver"})
    assert [file.name for file in tmp_path.iterdir()] == ["flow.safetensors"]
    assert_same(huggingface.load_safetensors(path), fixture.state_dict)


def test_a_bin_is_read_like_the_safetensors(tmp_path):
    """The same state dict in PyTorch's own form, with one storage per tensor."""
    state = Fixture("huggingface", "language_mlm_bytes").state_dict
    tensors, entries = {}, {}
    for key, (name, array) in enumerate(state.items()):
        steps = tuple(step // array.itemsize for step in np.ascontiguousarray(array).strides)
        tensors[name] = attacks.tensor(str(key), array.size, 0, array.shape, steps)
        entries[f"data/{key}"] = array.tobytes()
    entries = {"data.pkl": attacks.state_dict(**tensors), "byteorder": b"little"} | entries
    (tmp_path / "pytorch_model.bin").write_bytes(attacks.archive(entries))
    read = huggingface.read_huggingface(tmp_path)
    assert_same(huggingface.to_state_dict(read), state)


def test_a_pickle_of_deepmind_is_refused(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(PerceiverError, match="a pickle file, not Hugging Face's"):
        huggingface.read_huggingface(path)


def test_a_folder_without_weights(tmp_path):
    with pytest.raises(PerceiverError, match="holds neither model.safetensors nor"):
        huggingface.read_huggingface(tmp_path)


# === config.json ===


@pytest.mark.parametrize(
    "config, words",
    [
        ("[]", "is not an object"),
        ("{", "is not JSON"),
        ('{"num_blocks": "8"}', "num_blocks is '8', not a positive whole number"),
        ('{"num_blocks": 0}', "num_blocks is 0, not a positive whole number"),
        ('{"hidden_act": "relu"}', "hidden_act 'relu' is not one of"),
        ('{"hidden_act": ["gelu"]}', "hidden_act .'gelu'. is not one of"),
        ('{"hidden_act": {}}', "hidden_act {} is not one of"),
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


@pytest.mark.parametrize(
    "id2label, labels",
    [
        ({"1": "dog", "0": "cat"}, ["cat", "dog"]),
        ({"0": "LABEL_0", "1": "LABEL_1"}, None),  # the port's placeholders
        ({"0": "cat", "2": "dog"}, None),  # one is missing
        ({"0": "cat", "1": 7}, None),
        (None, None),
    ],
)
def test_labels_in_the_order_of_their_classes(id2label, labels):
    assert huggingface.settings_of({"id2label": id2label})["labels"] == labels
