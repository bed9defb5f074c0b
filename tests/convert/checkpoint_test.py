"""Checkpoints between the two sources without loss, and one error for everything that differs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from perceiver_keras.convert import checkpoint as checkpoints
from perceiver_keras.convert import deepmind, huggingface
from perceiver_keras.errors import PerceiverError, UsageError
from tests.convert.trees import DEEPMIND, assert_same
from tests.parity.fixtures import Fixture


@pytest.mark.parametrize("task", DEEPMIND)
def test_deepmind_to_huggingface_and_back(task):
    """Only the state of Haiku's averages is lost in the port's names and layouts."""
    checkpoint = Fixture("deepmind", task).checkpoint()
    state = checkpoints.to_source(checkpoint, "huggingface")
    assert all(name.startswith(("perceiver.", "embedding_decoder.")) for name in state)
    back = huggingface.from_state_dict(state)
    assert back.model == task
    assert_same(back.tensors, checkpoint.tensors)


def test_extras_go_back_to_their_own_source_only():
    checkpoint = Fixture("deepmind", "imagenet_conv_preprocessing").checkpoint()
    assert checkpoint.extras and all("_ema/" in name for name in checkpoint.extras)
    assert checkpoint.extras.keys() <= checkpoints.to_source(checkpoint, "deepmind").keys()
    bare = dataclasses.replace(checkpoint, extras={})
    assert_same(
        checkpoints.to_source(checkpoint, "huggingface"),
        checkpoints.to_source(bare, "huggingface"),
    )


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


def test_layers_are_counted_in_both_sources():
    names = dict.fromkeys(f"encoder/~/self_attention{i}/mlp" for i in ("", "_1", "_2", "_11"))
    assert checkpoints.count_layers(names, checkpoints.LAYER_NUMBER["deepmind"]) == 12
    names = dict.fromkeys(f"perceiver.encoder.self_attends.{i}.mlp" for i in (0, 1))
    assert checkpoints.count_layers(names, checkpoints.LAYER_NUMBER["huggingface"]) == 2
    assert checkpoints.count_layers({"a": 0}, checkpoints.LAYER_NUMBER["huggingface"]) == 0


def test_a_size_is_what_most_tensors_say():
    rows = {row.ours: row for row in checkpoints.released("optical_flow").rows(2)}
    found = {
        row.ours: tuple(7 if size == "latent_dim" else 5 for size in row.shape)
        for row in rows.values()
    }
    assert checkpoints.agreed_sizes(None, found, rows)["latent_dim"] == 7
    found["encode/latents"] = (5, 1000)
    found["process/self_attention_0/norm/scale"] = (1000,)
    assert checkpoints.agreed_sizes(None, found, rows)["latent_dim"] == 7


def test_a_misspelt_model_is_named():
    with pytest.raises(UsageError, match="no released model 'optical_flo'.*'optical_flow'"):
        checkpoints.released("optical_flo")
