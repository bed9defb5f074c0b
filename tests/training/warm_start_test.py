"""Starting from other weights: what is shared is copied, what differs is named, and a resumed run is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_keras.config_tree import override
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.layers.linear import weights_by_path
from perceiver_keras.tasks import registry
from perceiver_keras.training.warm_start import check, fingerprint, named, read, start_from


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


def test_one_task_gives_another_its_queries_where_they_are_alike(pretrained):
    """Tags are asked for byte by byte, like masked bytes; classes are not."""
    source, folder = pretrained
    _, tagger = small("token_classification")
    words = start_from(tagger, str(folder))
    assert "decode, query" in words and "New: postprocess/" in words
    np.testing.assert_array_equal(tagger.query.embeddings, source.query.embeddings)
    _, classifier = small("text_classification")
    words = start_from(classifier, str(folder))
    assert "query/embeddings: [16, 8] there, [1, 8] here" in words


def test_seeds_of_random_numbers_are_the_runs_own(pretrained):
    """A start with other dropout fits: its seeds are no weights."""
    _, folder = pretrained
    _, model = small("glue", "model.process.dropout=0.1", "model.encode.dropout=0.1")
    start_from(model, str(folder))


def test_what_does_not_belong_to_the_head_is_an_error_on_both_sides(pretrained, tmp_path):
    config, deeper = small("language_mlm", "model.process.num_self_attention_layers=2")
    folder = deeper.save_to_preset(tmp_path / "deep", task_config=config)
    _, model = small("language_mlm")
    with pytest.raises(PerceiverError, match=r"process/self_attention_1/.* there, missing here"):
        start_from(model, str(folder))


def test_names_for_init(pretrained, tmp_path):
    _, folder = pretrained
    glue, images = registry.get("glue"), registry.get("image_classification")
    mlm = registry.get("language_mlm")
    assert named("deepmind", mlm, "language_mlm_bytes") == "deepmind/language_mlm_bytes"
    # A preset that starts from released weights means these.
    assert named("huggingface", glue, "glue_shared_token") == "huggingface/language_mlm_bytes"
    repository = "deepmind/language-perceiver"
    assert named(repository, mlm, "tiny") == "huggingface/language_mlm_bytes"
    with pytest.raises(UsageError, match="no weights are released for image_classification/tiny"):
        named("deepmind", images, "tiny")
    run = tmp_path / "run"
    (run / "training").mkdir(parents=True)
    (run / "training" / "lock").touch()
    with pytest.raises(PerceiverError, match="has not finished"):
        named(str(run), mlm, "tiny")
    (run / "preset").symlink_to(folder)
    assert named(str(run), mlm, "tiny") == str(run / "preset")
    assert named(str(folder), mlm, "tiny") == str(folder)
    assert named("local", mlm, "tiny") == "local" and read("local") is None


def test_weights_without_their_configuration_are_refused(pretrained):
    _, folder = pretrained
    with pytest.raises(PerceiverError, match="name the preset folder"):
        read(str(folder / "model.weights.h5"))


def test_a_check_raises_what_training_would(pretrained):
    _, folder = pretrained
    config, _ = small("glue")
    check(registry.get("glue"), override(config, f"train.init={folder}"))
    with pytest.raises(PerceiverError, match="encode/latents"):
        wrong = override(config, f"train.init={folder}", "model.encode.num_latents=5")
        check(registry.get("glue"), wrong)
    check(registry.get("glue"), override(config, "train.init=null"))
