"""The language models' presets: settings that fit together, and the paper's ways to spend the same computation."""

from __future__ import annotations

import pytest

from perceiver_keras.tasks.language_mlm.data import check_dataset
from perceiver_keras.tasks.language_mlm.presets import PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_settings_fit_together(name):
    config = PRESETS[name].config
    check_dataset(None, config)  # the model has as many ids as the tokenizer
    model = config.model
    assert (
        model.query_dim == model.channels == model.decode.v_dim
    )  # the output embeddings are the input's
    for stage, heads in (
        (model.encode, model.encode.num_cross_attention_heads),
        (model.process, model.process.num_self_attention_heads),
        (model.decode, model.decode.num_cross_attention_heads),
    ):
        for size in (stage.qk_dim, stage.v_dim, model.encode.latent_dim):
            assert size is None or size % heads == 0


def test_fewer_latents_are_wider_for_about_the_same_computation():
    """Multiplications per text of self-attention and its MLP: of 128 and 512 latents as of the released 256."""

    def cost(name):
        model = PRESETS[name].config.model
        n, d, qk = model.encode.num_latents, model.encode.latent_dim, model.process.qk_dim
        attention = n * d * (2 * qk + 2 * d) + n * n * (qk + d)
        return model.process.num_self_attention_layers * (attention + n * d * 2 * d)

    released = cost("language_mlm_bytes")
    for latents in (128, 512):
        assert cost(f"language_mlm_bytes_{latents}_latents") == pytest.approx(released, rel=0.15)
    assert cost("language_mlm_bytes_large") > 1.5 * released
