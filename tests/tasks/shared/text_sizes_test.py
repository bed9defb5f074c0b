"""The sizes of text models: one source, so that weights fit from one task to another."""

from __future__ import annotations

from perceiver_keras.config_tree import to_dict
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.shared import text_sizes

SHARED = ("length", "channels", "query_dim", "vocabulary", "encode", "process", "decode")


def stages(task: str, preset: str) -> dict:
    model = to_dict(registry.get(task).presets[preset].config.model)
    return {name: model[name] for name in SHARED}


def test_text_models_have_the_same_stages() -> None:
    tiny = stages("language_mlm", "tiny")
    assert stages("glue", "tiny") == tiny == stages("token_classification", "tiny")
    assert stages("text_classification", "tiny") == tiny
    released = stages("language_mlm", "language_mlm_bytes")
    assert stages("glue", "glue_multitask_query") == released
    assert stages("token_classification", "token_classification_bytes") == released
    assert stages("text_classification", "text_classification_bytes") == released


def test_the_paper_s_variants_keep_the_width_of_values() -> None:
    """Tab. 15: N x D of about equal FLOPs; values are as wide as the latents, queries and keys 256."""
    wide = text_sizes.paper(latents=128, latent_dim=1920)
    for stage in (wide["encode"], wide["process"]):
        assert (stage.qk_dim, stage.v_dim) == (256, 1920)
    assert (wide["encode"].num_latents, wide["encode"].latent_dim) == (128, 1920)
    assert wide["decode"] == text_sizes.paper()["decode"]
