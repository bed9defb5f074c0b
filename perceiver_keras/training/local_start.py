"""An initialisation from which a small sequence model learns in minutes: attention is local before training begins.

With the usual random initialisation, each query must discover which latents carry its position, and no single step
towards that lowers the loss, so training plateaus at the unigram baseline. Here, the positions of the input, the
latents and the queries start as sinusoids (Vaswani et al., 2017, section 3.5) of evenly spaced positions, and the keys
start with the kernel of the queries, so that attention weights depend on the distance between positions. Everything is
trained from there. This is not in the paper.
"""

from __future__ import annotations

import numpy as np
from tensorflow import keras

from perceiver_keras.errors import PerceiverError
from perceiver_keras.layers.linear import weights_by_path

TOKENS, POSITION = "preprocess/embeddings", "preprocess/position/embeddings"
LATENTS, QUERY = "encode/latents", "query/embeddings"
SLOWEST = 100  # the longest wavelength as a multiple of the shortest, which is two positions


def sinusoids(rows: int, channels: int, places: int) -> np.ndarray:
    """Sines, then cosines, of `rows` points spread evenly over `places`: float32 [rows, channels], mean square 1."""
    lengths = 2.0 * SLOWEST ** np.linspace(0.0, 1.0, channels // 2)
    spots = np.arange(rows) * (places / rows)
    angles = 2 * np.pi * spots[:, None] / lengths
    return np.float32(np.sqrt(2) * np.concatenate([np.sin(angles), np.cos(angles)], axis=1))


def start_local(model: keras.Model) -> str:
    """Initialises a built model so that its attention is local; returns a sentence that says what was set.

    Queries that are not one per position (those of tasks or classes) stay as they are, and so does the decoder.

    Raises:
      PerceiverError: the model has no learned positions, or its channels differ, so that keys and queries cannot match.
    """
    weights = weights_by_path(model)
    shapes = {path: list(weight.shape) for path, weight in weights.items()}
    missing = [path for path in (TOKENS, POSITION, LATENTS) if path not in shapes]
    if missing:
        raise PerceiverError(
            f"train.init=local is for sequences of tokens; the model has no {missing[0]}."
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
            f"train.init=local: {'; '.join(unlike)} differs from the queries' kernel. Set model.channels, "
            "model.query_dim and model.encode.latent_dim to one number."
        )
    places = shapes[POSITION][0]
    # Twice the deviation of the token embeddings, so that attention first depends on positions.
    scale = 2 * np.std(weights[TOKENS].numpy())
    weights[POSITION].assign(scale * sinusoids(*shapes[POSITION], places))
    weights[LATENTS].assign(sinusoids(*shapes[LATENTS], places))
    if "decode" in stages:
        weights[QUERY].assign(sinusoids(*shapes[QUERY], places))
    for query, key in kernels:
        weights[key].assign(weights[query])
    return f"Starting with local attention: {places} positions, {shapes[LATENTS][0]} latents, {' and '.join(stages)}."
