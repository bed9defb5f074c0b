"""The sizes that text models share, so that the weights of one are a start for another (`train.init`)."""

from __future__ import annotations

from typing import Any

from perceiver_keras.config import DecodeConfig, EncodeConfig, ProcessConfig, TransformerConfig

# Ours: learns on two CPU cores in minutes.
TINY: dict[str, Any] = {
    "length": 64,
    "channels": 128,
    "query_dim": 128,
    "embedding_init_scale": 0.125,
    "encode": EncodeConfig(
        num_latents=32, latent_dim=128, num_cross_attention_heads=8, qk_dim=128, v_dim=128
    ),
    "process": ProcessConfig(num_self_attention_layers=2, num_self_attention_heads=8),
    "decode": DecodeConfig(num_cross_attention_heads=8, qk_dim=128, v_dim=128),
    # With `backbone=transformer`: a training step of the language model takes as many FLOPs, within 3 %.
    "transformer": TransformerConfig(num_layers=2, width=96),
}


def paper(
    *, length: int = 2048, latents: int = 256, latent_dim: int = 1280, layers: int = 26
) -> dict[str, Any]:
    """The released byte model, and the paper's variants of it (Tab. 1, 11 and 15): arguments of a model's settings.

    Args:
      length: Places of the text, and queries.
      latents: N.
      latent_dim: D, and the channels of values.
      layers: Self-attention layers.
    """
    attention = {"qk_dim": 256, "v_dim": latent_dim}
    return {
        "length": length,
        "channels": 768,
        "query_dim": 768,
        "encode": EncodeConfig(
            num_latents=latents, latent_dim=latent_dim, num_cross_attention_heads=8, **attention
        ),
        "process": ProcessConfig(
            num_self_attention_layers=layers, num_self_attention_heads=8, **attention
        ),
        "decode": DecodeConfig(num_cross_attention_heads=8, qk_dim=256, v_dim=768),
    }
