"""The official code's side: google-deepmind/deepmind-research, perceiver/, under JAX, with random weights.

Its modules come from the user's checkout; the sizes come from our settings, which are those of its notebooks. It runs
in an environment of its own and imports nothing of ours. Everything is compiled before the first call.
"""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Callable
from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import optax
from perceiver import io_processors, perceiver, position_encoding

Tree = dict[str, Any]
# A clip's outputs are decoded in so many parts, as its notebook does it.
CLIP_PARTS = 128


def versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("jax", "dm-haiku")}


def build(case: Tree) -> Tree:
    apply, inputs, loss_of, repeats = MAKERS[case["task"]](case)
    train = case["kind"] == "train"
    key = jax.random.PRNGKey(0)
    # Batch normalization has its averages from a first batch of training.
    first = hk.transform_with_state(lambda values: apply(values, True))
    weights, state = jax.jit(first.init)(key, inputs)
    model = hk.transform_with_state(lambda values: apply(values, train))
    half = case["precision"] == "bfloat16"

    def outputs(weights: Any, inputs: Any) -> Any:
        if half:
            weights, inputs = _halved(weights), _halved(inputs)
        return model.apply(weights, state, key, inputs)[0]

    if train:
        optimizer = optax.adamw(1e-4, weight_decay=0.01)

        def step(held: tuple, inputs: Any) -> tuple:
            weights, slots = held
            gradients = jax.grad(lambda w: loss_of(outputs(w, inputs)))(weights)
            changes, slots = optimizer.update(gradients, slots, weights)
            return optax.apply_updates(weights, changes), slots

        kept = {"held": (weights, optimizer.init(weights))}
        function = jax.jit(step, donate_argnums=0)
    else:
        kept = {"held": _halved(weights) if half else weights}
        function = jax.jit(outputs)
    count = sum(leaf.size for leaf in jax.tree_util.tree_leaves(weights))
    del weights  # `kept` has the only copy that is needed

    def compiled() -> None:
        kept["run"] = function.lower(kept["held"], inputs).compile()

    def call() -> None:
        result = jax.block_until_ready(kept["run"](kept["held"], inputs))
        if train:
            kept["held"] = result

    return {
        "compile": compiled,
        "call": call,
        "parameters": count,
        "repeats": repeats,
        "examples": case["batch"],
    }


def _halved(tree: Any) -> Any:
    def one(leaf: Any) -> Any:
        return leaf.astype(jnp.bfloat16) if leaf.dtype == jnp.float32 else leaf

    return jax.tree_util.tree_map(one, tree)


# === The models: ((inputs, whether it trains) -> outputs, inputs, outputs -> loss, calls per result) ===


def _encoder(model: Tree) -> perceiver.PerceiverEncoder:
    encode, process = model["encode"], model["process"]
    return perceiver.PerceiverEncoder(
        num_self_attends_per_block=process["num_self_attention_layers"],
        num_blocks=process["num_blocks"],
        z_index_dim=encode["num_latents"],
        num_z_channels=encode["latent_dim"],
        num_self_attend_heads=process["num_self_attention_heads"],
        num_cross_attend_heads=encode["num_cross_attention_heads"],
        qk_channels=encode["qk_dim"],
        v_channels=encode["v_dim"],
        use_query_residual=encode["use_query_residual"],
        cross_attend_widening_factor=encode["widening_factor"],
        self_attend_widening_factor=process["widening_factor"],
    )


def _fourier(position: Tree, size: tuple[int, ...]) -> Tree:
    return {
        "position_encoding_type": "fourier",
        "fourier_position_encoding_kwargs": {
            "num_bands": position["num_bands"],
            "max_resolution": tuple(position["max_resolution"] or size),
            "sine_only": False,
            "concat_pos": True,
        },
    }


def _masked_language_model(case: Tree) -> tuple:
    model = case["model"]
    length, channels, decode = model["length"], model["channels"], model["decode"]

    def apply(ids: Any, train: bool) -> Any:
        embed = hk.Embed(vocab_size=model["vocabulary"], embed_dim=channels)
        places = position_encoding.TrainablePositionEncoding(
            index_dim=length, num_channels=channels
        )
        embedded = embed(ids) + places(ids.shape[0])
        mask = jnp.ones(ids.shape, jnp.int32)
        decoder = perceiver.BasicDecoder(
            output_num_channels=model["encode"]["latent_dim"],
            position_encoding_type="trainable",
            output_index_dims=length,
            num_z_channels=model["encode"]["latent_dim"],
            qk_channels=decode["qk_dim"],
            v_channels=decode["v_dim"],
            num_heads=decode["num_cross_attention_heads"],
            final_project=False,
            use_query_residual=False,
            trainable_position_encoding_kwargs={"num_channels": channels},
        )
        whole = perceiver.Perceiver(encoder=_encoder(model), decoder=decoder)
        decoded = whole(embedded, is_training=train, input_mask=mask, query_mask=mask)
        return io_processors.EmbeddingDecoder(embedding_matrix=embed.embeddings)(decoded)

    ids, targets = (_integers(model["vocabulary"], case["batch"], length) for _ in range(2))
    return apply, ids, lambda logits: _cross_entropy(logits, targets), 1


def _image_classifier(case: Tree) -> tuple:
    model = case["model"]
    size, stem = tuple(model["image_size"]), model["stem"]["kind"]
    latent_dim, query_dim = model["encode"]["latent_dim"], model["query_dim"]
    if stem == "Conv1x1Stem":
        channels = model["position"]["channels"]
        before = {
            "position_encoding_type": "trainable",
            "trainable_position_encoding_kwargs": {"num_channels": channels, "init_scale": 0.02},
            "prep_type": "conv1x1",
            "project_pos_dim": model["position"]["project_dim"],
            "num_channels": model["stem"]["channels"],
            "spatial_downsample": 1,
            "concat_or_add_pos": "concat",
        }
    elif stem == "ConvStem":
        grid = tuple(side // 4 for side in size)
        before = {"prep_type": "conv"} | _fourier(model["position"], grid)
    else:
        before = {"prep_type": "pixels", "spatial_downsample": 1} | _fourier(
            model["position"], size
        )

    def apply(pictures: Any, train: bool) -> Any:
        decoder = perceiver.ClassificationDecoder(
            model["num_classes"],
            num_z_channels=latent_dim,
            position_encoding_type="trainable",
            trainable_position_encoding_kwargs={"init_scale": 0.02, "num_channels": query_dim},
            use_query_residual=model["decode"]["use_query_residual"],
        )
        whole = perceiver.Perceiver(
            encoder=_encoder(model),
            decoder=decoder,
            input_preprocessor=io_processors.ImagePreprocessor(**before),
        )
        return whole(pictures, is_training=train)

    pictures = _numbers(case["batch"], *size, model["channels"])
    classes = _integers(model["num_classes"], case["batch"])
    return apply, pictures, lambda logits: _cross_entropy(logits, classes), 1


def _optical_flow(case: Tree) -> tuple:
    model = case["model"]
    size = tuple(model["image_size"])
    positions = _fourier(model["position"], size)

    def apply(frames: Any, train: bool) -> Any:
        whole = perceiver.Perceiver(
            input_preprocessor=io_processors.ImagePreprocessor(
                **positions,
                n_extra_pos_mlp=0,
                prep_type="patches",
                spatial_downsample=1,
                conv_after_patching=True,
                temporal_downsample=2,
            ),
            encoder=_encoder(model),
            decoder=perceiver.FlowDecoder(
                size,
                rescale_factor=100.0,
                use_query_residual=False,
                output_num_channels=2,
                output_w_init=jnp.zeros,
                **positions,
            ),
        )
        return whole(io_processors.patches_for_flow(frames), is_training=train)

    frames = _numbers(case["batch"], 2, *size, model["channels"])
    true = _numbers(case["batch"], *size, 2)
    return apply, frames, lambda flow: jnp.mean((flow.astype(jnp.float32) - true) ** 2), 1


def _autoencoder(case: Tree) -> tuple:
    model, batch = case["model"], case["batch"]
    frames, (height, width), samples = (
        model["num_frames"],
        model["image_size"],
        model["audio_samples"],
    )
    per_patch, side = model["samples_per_patch"], model["image_patch"]
    pixels, patches = frames * height * width, samples // per_patch
    if case["kind"] == "train" or case["points"]:
        counts, repeats = (case["data"]["image_points"], case["data"]["audio_points"]), 1
    else:
        counts, repeats = (
            (math.ceil(pixels / CLIP_PARTS), math.ceil(patches / CLIP_PARTS)),
            CLIP_PARTS,
        )
    points = {
        "image": _integers(pixels, counts[0]),
        "audio": _integers(patches, counts[1]),
        "label": None,
    }
    space_time = _fourier(
        {"num_bands": model["image_bands"], "max_resolution": None},
        (frames, height // side, width // side),
    )
    time = _fourier({"num_bands": model["audio_bands"], "max_resolution": None}, (samples,))
    own = {"concat_preprocessed_input": False, "use_query_residual": False, "num_z_channels": 1024}

    def apply(clip: Tree, train: bool) -> Any:
        outputs = model["decode"]["output_dim"]
        queries = {
            "audio": perceiver.BasicDecoder(
                subsampled_index_dims=points["audio"],
                output_index_dims=(patches,),
                output_num_channels=outputs,
                **own,
                **time,
            ),
            "image": perceiver.BasicVideoAutoencodingDecoder(
                subsampled_index_dims=points["image"],
                output_shape=(batch, frames, height, width),
                output_num_channels=outputs,
                **own,
                **space_time,
            ),
            "label": perceiver.ClassificationDecoder(
                num_classes=model["num_classes"],
                position_encoding_type="trainable",
                trainable_position_encoding_kwargs={"num_channels": 1024, "init_scale": 0.02},
                **own,
            ),
        }
        whole = perceiver.Perceiver(
            input_preprocessor=io_processors.MultimodalPreprocessor(
                min_padding_size=model["input_padding"],
                modalities={
                    "audio": io_processors.AudioPreprocessor(
                        **time, n_extra_pos_mlp=0, prep_type="patches", samples_per_patch=per_patch
                    ),
                    "image": io_processors.ImagePreprocessor(
                        **space_time,
                        n_extra_pos_mlp=0,
                        prep_type="patches",
                        spatial_downsample=side,
                        temporal_downsample=1,
                    ),
                    "label": io_processors.OneHotPreprocessor(),
                },
                mask_probs={"image": 0.0, "audio": 0.0, "label": 1.0},
            ),
            encoder=_encoder(model),
            decoder=perceiver.MultimodalDecoder(
                concat_preprocessed_input=False,
                subsampled_index_dims={"audio": counts[1], "image": counts[0], "label": 1},
                modalities=queries,
                num_outputs=None,
                output_num_channels=outputs,
                use_query_residual=False,
            ),
            output_postprocessor=io_processors.MultimodalPostprocessor(
                modalities={
                    "audio": io_processors.AudioPostprocessor(samples_per_patch=per_patch),
                    "image": io_processors.ProjectionPostprocessor(num_outputs=3),
                    "label": io_processors.ClassificationPostprocessor(
                        num_classes=model["num_classes"]
                    ),
                }
            ),
        )
        return whole(clip, is_training=train, subsampled_output_points=points)

    clip = {
        "image": _numbers(batch, frames, height, width, 3),
        "audio": _numbers(batch, samples, 1),
        "label": np.zeros((batch, model["num_classes"]), np.float32),
    }

    def loss(outputs: Tree) -> Any:
        return sum(jnp.mean(one.astype(jnp.float32) ** 2) for one in outputs.values())

    return apply, clip, loss, repeats


def _cross_entropy(logits: Any, classes: Any) -> Any:
    return optax.softmax_cross_entropy_with_integer_labels(
        logits.astype(jnp.float32), classes
    ).mean()


def _integers(below: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, below, shape).astype(np.int32)


def _numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, np.float32)


MAKERS: dict[str, Callable[[Tree], tuple]] = {
    "language_mlm": _masked_language_model,
    "image_classification": _image_classifier,
    "optical_flow": _optical_flow,
    "multimodal_autoencoding": _autoencoder,
}
