"""A start from which a small model of sequences learns in minutes: attention is local before anything is learned.

From the usual random start, each query has to find out by itself which latents know of its place, and nothing is to
be gained from one such step before the others are made: the loss stands still at the frequencies of the tokens. Here,
places of the input, latents and queries begin as sinusoids (Vaswani et al., 2017, section 3.5) of evenly spread
places, and keys begin with the kernel of the queries, so that the likeness of two places is what attention sees.
All of it is learned from there on. Nothing of this is in the paper.
"""

from __future__ import annotations

import numpy as np
from tensorflow import keras

from perceiver_keras.errors import PerceiverError
from perceiver_keras.layers.linear import weights_by_path

TOKENS, POSITION = "preprocess/embeddings", "preprocess/position/embeddings"
LATENTS, QUERY = "encode/latents", "query/embeddings"
SLOWEST = 100  # times the fastest wave's length, which is two places


def sinusoids(rows: int, channels: int, places: int) -> np.ndarray:
    """Sines, then cosines, of `rows` spots evenly over `places`: float32 [rows, channels], of mean square 1."""
    lengths = 2.0 * SLOWEST ** np.linspace(0.0, 1.0, channels // 2)
    spots = np.arange(rows) * (places / rows)
    angles = 2 * np.pi * spots[:, None] / lengths
    return np.float32(np.sqrt(2) * np.concatenate([np.sin(angles), np.cos(angles)], axis=1))


def start_local(model: keras.Model) -> str:
    """Gives a built model the local start; says in words what was set.

    Queries that are not one a place (a task's, a class's) stay as they are, and the decoder with them.

    Raises:
      PerceiverError: the model has no learned places or its widths differ, so that nothing could be alike.
    """
    weights = weights_by_path(model)
    shapes = {path: list(weight.shape) for path, weight in weights.items()}
    missing = [path for path in (TOKENS, POSITION, LATENTS) if path not in shapes]
    if missing:
        raise PerceiverError(
            f"train.init=local is for tokens in places; the model has no {missing[0]}."
        )
    stages = ["encode"]
    if shapes.get(QUERY, [])[:1] == shapes[POSITION][:1]:
        stages.append("decode")
    kernels = [
        [f"{stage}/cross_attention/attention/{side}/kernel" for side in ("query", "key")]
        for stage in stages
    ]
    unlike = [f"{p}: {shapes[p]}" for pair in kernels for p in pair if shapes[p] != shapes[pair[0]]]
    if unlike:
        raise PerceiverError(
            f"train.init=local: {'; '.join(unlike)} is no copy of the queries'. Set model.channels, model.query_dim "
            "and model.encode.latent_dim to one number."
        )
    places = shapes[POSITION][0]
    # Twice the tokens' share, so that attention sees the places first.
    scale = 2 * np.std(weights[TOKENS].numpy())
    weights[POSITION].assign(scale * sinusoids(*shapes[POSITION], places))
    weights[LATENTS].assign(sinusoids(*shapes[LATENTS], places))
    if "decode" in stages:
        weights[QUERY].assign(sinusoids(*shapes[QUERY], places))
    for query, key in kernels:
        weights[key].assign(weights[query])
    return f"Starting with local attention: {places} places, {shapes[LATENTS][0]} latents, {' and '.join(stages)}."
