"""An initialisation from which a small sequence model learns in minutes: attention is local before training begins.

With the usual random initialisation, each query must discover which latents carry its position, and no single step
towards that lowers the loss, so training plateaus at the unigram baseline. Here, the positions of the input, the
latents and the queries start as sinusoids (Vaswani et al., 2017, section 3.5) of evenly spaced positions, and the keys
start with the kernel of the queries (or, where the widths differ, with the one that maps the sinusoids of the keys to
what the queries' kernel makes of theirs), so that attention weights depend on the distance between positions.
Everything is trained from there. This is not in the paper.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.errors import PerceiverError
from perceiver_keras.layers.linear import weights_by_path

TOKENS, POSITION = "preprocess/embeddings", "preprocess/position/embeddings"
LATENTS, QUERY = "encode/latents", "query/embeddings"
_KEY = "process/self_attention_0/attention/key/kernel"  # the first layer's of a Transformer
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
    if LATENTS not in shapes and _KEY in shapes:
        return _start_transformer(weights)
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
    places = shapes[POSITION][0]
    # Twice the deviation of the token embeddings, so that attention first depends on positions.
    scale = 2 * np.std(weights[TOKENS].numpy())
    weights[POSITION].assign(scale * sinusoids(*shapes[POSITION], places))
    weights[LATENTS].assign(sinusoids(*shapes[LATENTS], places))
    if "decode" in stages:
        weights[QUERY].assign(sinusoids(*shapes[QUERY], places))
    for query, key in kernels:
        weights[key].assign(
            weights[query]
            if shapes[key] == shapes[query]
            else _like(weights[query].numpy(), shapes[key][0], places)
        )
    return f"Starting with local attention: {places} positions, {shapes[LATENTS][0]} latents, {' and '.join(stages)}."


def _start_transformer(weights: Mapping[str, tf.Variable]) -> str:
    """The same for a Transformer: positions are sinusoids, and its first layer compares them."""
    places, channels = weights[POSITION].shape
    scale = 2 * np.std(weights[TOKENS].numpy())
    weights[POSITION].assign(scale * sinusoids(places, channels, places))
    weights[_KEY].assign(weights[_KEY.replace("key", "query")])
    return f"Starting with local attention: {places} positions, the first layer."


def _like(kernel: np.ndarray, rows: int, places: int) -> np.ndarray:
    """The kernel [rows, K] that gives sinusoids of `rows` channels what `kernel` [D, K] gives those of D channels."""
    wanted = sinusoids(places, len(kernel), places) @ kernel
    return np.float32(np.linalg.lstsq(sinusoids(places, rows, places), wanted, rcond=1e-3)[0])
