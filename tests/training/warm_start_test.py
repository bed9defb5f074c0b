"""Starting from other weights: what is shared is copied, what differs is named, and a resumed run is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_keras.config_tree import override
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.layers.linear import weights_by_path
from perceiver_keras.tasks import registry
from perceiver_keras.training.warm_start import fingerprint, start_from


def small(name, *more):
    task = registry.get(name)
    config = next(iter(task.presets.values())).config
    sizes = ("channels=8", "query_dim=8", "length=16")
    stages = ("encode.num_latents=4", "encode.latent_dim=16", "encode.qk_dim=8", "encode.v_dim=8")
    rest = ("process.num_self_attention_layers=1", "decode.qk_dim=8", "decode.v_dim=8")
    config = override(config, *(f"model.{key}" for key in (*sizes, *stages, *rest)), *more)
    return config, task.build(config).build_all()


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    config, model = small("language_mlm")
    return model, model.save_to_preset(tmp_path_factory.mktemp("w") / "mlm", task_config=config)


def test_shared_stages_are_copied_and_the_rest_stays(pretrained):
    source, folder = pretrained
    _, model = small("glue", "model.readout=task_tokens")
    before = {path: weight.numpy() for path, weight in weights_by_path(model).items()}
    words = start_from(model, str(folder))
    assert "preprocess, encode, process, decode" in words
    theirs = weights_by_path(source)
    for path, weight in weights_by_path(model).items():
        shared = path in theirs and path.split("/")[0] not in ("query", "postprocess")
        np.testing.assert_array_equal(weight, theirs[path] if shared else before[path], path)
    assert not np.array_equal(before["encode/latents"], theirs["encode/latents"])


def test_every_difference_is_named(pretrained):
    _, folder = pretrained
    _, model = small("glue", "model.encode.num_latents=5")
    before = model.get_weights()
    with pytest.raises(PerceiverError, match=r"encode/latents: \[4, 16\] there, \[5, 16\] here"):
        start_from(model, str(folder))
    for kept, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, now)
    _, model = small("glue", "model.activation=gelu")
    with pytest.raises(UsageError, match="--set model.activation=gelu_tanh"):
        start_from(model, str(folder))
    with pytest.raises(PerceiverError, match="nothing at nowhere"):
        start_from(model, "nowhere")


def test_other_weights_under_the_same_name_are_another_run(tmp_path):
    assert fingerprint(None) is None
    assert fingerprint("deepmind/language_mlm_bytes") == "deepmind/language_mlm_bytes"
    (tmp_path / "a").write_bytes(b"one")
    first = fingerprint(str(tmp_path))
    (tmp_path / "a").write_bytes(b"two")
    assert fingerprint(str(tmp_path)) != first
