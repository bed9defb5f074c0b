"""Hugging Face's side: the PyTorch port's Perceiver of the same sizes, with random weights.

The released models are its own classes. The tiny ones are made of its parts, with the sizes of our settings. bfloat16
is its fastest there: in forward passes the weights are bfloat16 too, in training steps they are float32 under autocast.
It runs in an environment of its own and imports nothing of ours.
"""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import cross_entropy, mse_loss
from transformers.models.perceiver import modeling_perceiver as port

Tree = dict[str, Any]
# A clip's outputs are decoded in so many parts, as the port's documentation does it.
CLIP_PARTS = 128


def versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("torch", "transformers")}


def build(case: Tree) -> Tree:
    torch.set_num_threads(case["threads"])
    torch.manual_seed(0)
    if case["kind"] == "products":
        return _products(case)
    model, inputs, loss_of, repeats = MAKERS[case["task"]](case)
    count = sum(weight.numel() for weight in model.parameters())
    makers = {"forward": _forward, "train": _train}
    built = makers[case["kind"]](case, model, inputs, loss_of)
    return built | {"parameters": count, "repeats": repeats}


def _forward(case: Tree, model: torch.nn.Module, inputs: Tree, loss_of: Any) -> Tree:
    model.eval()
    if case["precision"] == "bfloat16":
        model.to(torch.bfloat16)
        inputs = _floats_to(torch.bfloat16, inputs)

    def call() -> None:
        with torch.inference_mode():
            model(**inputs)

    return {"call": call, "examples": case["batch"]}


def _train(case: Tree, model: torch.nn.Module, inputs: Tree, loss_of: Callable) -> Tree:
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01)
    mixed = case["precision"] == "bfloat16"

    def call() -> None:
        for _ in range(case["steps"]):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
                outputs = model(**inputs).logits
            loss_of(outputs).backward()
            optimizer.step()

    return {"call": call, "examples": case["batch"] * case["steps"]}


def _products(case: Tree) -> Tree:
    side = case["x"]
    matrix = (torch.rand(side, side) / side).to(getattr(torch, case["precision"]))

    def call() -> None:
        product = matrix
        for _ in range(case["steps"]):
            product = torch.mm(product, matrix)

    return {"call": call}


def _floats_to(dtype: torch.dtype, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _floats_to(dtype, one) for key, one in value.items()}
    return value.to(dtype) if torch.is_tensor(value) and value.is_floating_point() else value


# === The models: (module, its inputs, outputs -> loss, calls per result) ===


def _settings(model: Tree, **own: Any) -> port.PerceiverConfig:
    encode, process = model["encode"], model["process"]
    return port.PerceiverConfig(
        num_latents=encode["num_latents"],
        d_latents=encode["latent_dim"],
        num_blocks=process["num_blocks"],
        num_self_attends_per_block=process["num_self_attention_layers"],
        num_self_attention_heads=process["num_self_attention_heads"],
        num_cross_attention_heads=encode["num_cross_attention_heads"],
        qk_channels=encode["qk_dim"],
        v_channels=encode["v_dim"],
        cross_attention_widening_factor=encode["widening_factor"],
        self_attention_widening_factor=process["widening_factor"],
        attention_probs_dropout_prob=0.0,  # the released settings of ours have none either
        **own,
    )


def _masked_language_model(case: Tree) -> tuple:
    model = case["model"]
    length, decode = model["length"], model["decode"]
    config = _settings(
        model,
        vocab_size=model["vocabulary"],
        d_model=model["channels"],
        max_position_embeddings=length,
    )
    module = port.PerceiverForMaskedLM(config)
    if decode["qk_dim"] != 256:  # which is fixed in the port's class
        module.perceiver.decoder = port.PerceiverBasicDecoder(
            config,
            output_num_channels=config.d_latents,
            output_index_dims=length,
            num_channels=config.d_model,
            qk_channels=decode["qk_dim"],
            v_channels=decode["v_dim"],
            num_heads=decode["num_cross_attention_heads"],
            use_query_residual=False,
            final_project=False,
            trainable_position_encoding_kwargs={
                "num_channels": config.d_model,
                "index_dims": length,
            },
        )
    ids, targets = (_integers(model["vocabulary"], case["batch"], length) for _ in range(2))
    mask = torch.ones(case["batch"], length)
    loss = lambda logits: cross_entropy(logits.float().flatten(0, 1), targets.flatten())  # noqa: E731
    return module, {"inputs": ids, "attention_mask": mask}, loss, 1


def _text_classifier(case: Tree) -> tuple:
    model = case["model"]
    config = _settings(
        model,
        vocab_size=model["vocabulary"],
        d_model=model["channels"],
        max_position_embeddings=model["length"],
        num_labels=model["num_classes"],
    )
    module = port.PerceiverForSequenceClassification(config)
    ids = _integers(model["vocabulary"], case["batch"], model["length"])
    mask = torch.ones(case["batch"], model["length"])
    return module, {"inputs": ids, "attention_mask": mask}, _class_loss(case), 1


def _image_classifier(case: Tree) -> tuple:
    model = case["model"]
    height, width = model["image_size"]
    stem = model["stem"]["kind"]
    config = _settings(model, num_labels=model["num_classes"])
    if stem == "ConvStem":
        module = port.PerceiverForImageClassificationConvProcessing(config)
    elif stem == "Conv1x1Stem":
        config.image_size = height
        module = port.PerceiverForImageClassificationLearned(config)
    elif stem == "PixelStem":
        module = port.PerceiverForImageClassificationFourier(config)
    else:
        module = _patch_classifier(config, model)
    pictures = torch.rand(case["batch"], model["channels"], height, width)
    return module, {"inputs": pictures}, _class_loss(case), 1


def _patch_classifier(config: port.PerceiverConfig, model: Tree) -> torch.nn.Module:
    """The tiny classifier: patches of a picture, Fourier positions, one learned query."""
    patch = model["stem"]["spatial_downsample"]
    grid = tuple(side // patch for side in model["image_size"])
    return port.PerceiverModel(
        config,
        input_preprocessor=port.PerceiverImagePreprocessor(
            config,
            prep_type="patches",
            spatial_downsample=patch,
            in_channels=model["channels"],
            fourier_position_encoding_kwargs={
                "num_bands": model["position"]["num_bands"],
                "max_resolution": grid,
            },
        ),
        decoder=port.PerceiverClassificationDecoder(
            config,
            num_channels=model["query_dim"],
            trainable_position_encoding_kwargs={
                "num_channels": model["query_dim"],
                "index_dims": 1,
            },
            use_query_residual=model["decode"]["use_query_residual"],
        ),
    )


def _optical_flow(case: Tree) -> tuple:
    model = case["model"]
    height, width = model["image_size"]
    config = _settings(model, train_size=[height, width])
    module = port.PerceiverForOpticalFlow(config)
    channels = model["channels"] * model["patch_size"] ** 2
    frames = torch.rand(case["batch"], 2, channels, height, width)
    true = torch.rand(case["batch"], height, width, 2)
    return module, {"inputs": frames}, lambda flow: mse_loss(flow.float(), true), 1


def _autoencoder(case: Tree) -> tuple:
    model, batch = case["model"], case["batch"]
    frames, (height, width) = model["num_frames"], model["image_size"]
    samples = model["audio_samples"]
    config = _settings(
        model,
        d_model=704,
        num_frames=frames,
        audio_samples_per_frame=samples // frames,
        samples_per_patch=model["samples_per_patch"],
        image_size=height // model["image_patch"],
        output_shape=[batch, frames, height, width],
        output_num_channels=model["decode"]["output_dim"],
        num_labels=model["num_classes"],
    )
    module = port.PerceiverForMultimodalAutoencoding(config)
    inputs = {
        "image": torch.rand(batch, frames, 3, height, width),
        "audio": torch.rand(batch, samples, 1),
        "label": torch.zeros(batch, model["num_classes"]),
    }
    pixels, patches = frames * height * width, samples // model["samples_per_patch"]
    if case["kind"] == "train" or case["points"]:
        counts, repeats = (case["data"]["image_points"], case["data"]["audio_points"]), 1
    else:
        counts, repeats = (
            (math.ceil(pixels / CLIP_PARTS), math.ceil(patches / CLIP_PARTS)),
            CLIP_PARTS,
        )
    points = {
        "image": torch.randint(pixels, (counts[0],)),
        "audio": torch.randint(patches, (counts[1],)),
        "label": None,
    }

    def loss(outputs: Tree) -> torch.Tensor:
        return sum(one.float().square().mean() for one in outputs.values())

    return module, {"inputs": inputs, "subsampled_output_points": points}, loss, repeats


def _class_loss(case: Tree) -> Callable:
    classes = _integers(case["model"]["num_classes"], case["batch"])
    return lambda logits: cross_entropy(logits.float(), classes)


def _integers(below: int, *shape: int) -> torch.Tensor:
    return torch.randint(below, shape)


MAKERS = {
    "language_mlm": _masked_language_model,
    "text_classification": _text_classifier,
    "image_classification": _image_classifier,
    "optical_flow": _optical_flow,
    "multimodal_autoencoding": _autoencoder,
}
