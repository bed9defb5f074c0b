"""The one table of weight names: ours, and those of the two kinds of released checkpoints.

Each row maps one of our weights (its path as `layers.linear.weights_by_path` gives it) to one tensor in
DeepMind's Haiku tree (module/name) and one in Hugging Face's state dict, with its layout in each. All
conversion, in both directions, reads these rows; no other code names a tensor. docs/architecture.md,
Names in the checkpoints, has the same names for readers.

    ours                              Haiku                                 PyTorch port
    attention/query/kernel [in, out]  attention/linear/w [in, out]          attention.self.query.weight [out, in]
    mlp/expand/kernel                 mlp/linear/w                          mlp.dense1.weight
    norm/scale [C]                    layer_norm/scale [C]                  layernorm.weight [C]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

Reshape = Callable[[np.ndarray], np.ndarray]
Shape = tuple[str | int, ...]


def _same(array: np.ndarray) -> np.ndarray:
    return array


@dataclass(frozen=True)
class Layout:
    """How a tensor is laid out in each source. `..._rank` is its number of axes there."""

    deepmind_rank: int
    huggingface_rank: int
    to_deepmind: Reshape = _same
    from_deepmind: Reshape = _same
    to_huggingface: Reshape = _same
    from_huggingface: Reshape = _same


VECTOR = Layout(1, 1)
ARRAY = Layout(2, 2)  # learned positions, queries, latents: [index, channels]
KERNEL = Layout(2, 2, to_huggingface=np.transpose, from_huggingface=np.transpose)
# Ours and Haiku's [h, w, in, out], PyTorch's [out, in, h, w].
CONVOLUTION = Layout(
    4,
    4,
    to_huggingface=lambda a: a.transpose(3, 2, 0, 1),
    from_huggingface=lambda a: a.transpose(2, 3, 1, 0),
)
# A 1x1 convolution, which in our models is a Linear layer.
POINTWISE = Layout(
    4,
    4,
    to_deepmind=lambda a: a[None, None],
    from_deepmind=lambda a: a.reshape(a.shape[2:]) if a.shape[:2] == (1, 1) else a,
    to_huggingface=lambda a: a.T[:, :, None, None],
    from_huggingface=lambda a: a.reshape(a.shape[:2]).T if a.shape[2:] == (1, 1) else a,
)
# Ours and PyTorch's [C], Haiku's [1, 1, 1, C].
BATCH_NORM = Layout(
    4,
    1,
    to_deepmind=lambda a: a.reshape(1, 1, 1, -1),
    from_deepmind=lambda a: a.reshape(-1),
)


@dataclass(frozen=True)
class Row:
    """One weight under its three names.

    Attributes:
        shape: our shape, of numbers and names of sizes; a file's sizes are those that most tensors agree on.
        state: whether Haiku keeps it in the state tree instead of with the parameters.
    """

    ours: str
    deepmind: str
    huggingface: str
    layout: Layout
    shape: Shape
    state: bool = False


# === The parts that all models share ===


def _linear(
    ours: str, deepmind: str, huggingface: str, shape: Shape, layout: Layout = KERNEL
) -> Iterator[Row]:
    yield Row(f"{ours}/kernel", f"{deepmind}/w", f"{huggingface}.weight", layout, shape)
    yield Row(f"{ours}/bias", f"{deepmind}/b", f"{huggingface}.bias", VECTOR, shape[1:])


def _norm(ours: str, deepmind: str, huggingface: str, channels: str) -> Iterator[Row]:
    shape = (channels,)
    yield Row(f"{ours}/scale", f"{deepmind}/scale", f"{huggingface}.weight", VECTOR, shape)
    yield Row(f"{ours}/offset", f"{deepmind}/offset", f"{huggingface}.bias", VECTOR, shape)


def _array(ours: str, deepmind: str, huggingface: str, shape: Shape) -> Row:
    return Row(ours, f"{deepmind}/pos_embs", huggingface, ARRAY, shape)


def _block(
    ours: str, deepmind: str, huggingface: str, norms: dict[str, str], stage: str
) -> Iterator[Row]:
    """The rows of one attention block in a stage.

    `norms` maps our names of the norms on the block's inputs to their channels: one norm for
    self-attention; the query's and the key/value input's for cross-attention.
    """
    numbers = ("", "_1", "_2", "_3")
    for i, (norm, channels) in enumerate(norms.items()):
        yield from _norm(
            f"{ours}/{norm}",
            f"{deepmind}/layer_norm{numbers[i]}",
            f"{huggingface}.attention.self.layernorm{i + 1}",
            channels,
        )
    query, key_value = list(norms.values())[0], list(norms.values())[-1]
    qk, v, hidden = f"{stage}.qk_dim", f"{stage}.v_dim", f"{stage}.hidden"
    shapes = {"query": (query, qk), "key": (key_value, qk), "value": (key_value, v)}
    for i, (part, shape) in enumerate(shapes.items()):
        yield from _linear(
            f"{ours}/attention/{part}",
            f"{deepmind}/attention/linear{numbers[i]}",
            f"{huggingface}.attention.self.{part}",
            shape,
        )
    yield from _linear(
        f"{ours}/attention/out",
        f"{deepmind}/attention/linear_3",
        f"{huggingface}.attention.output.dense",
        (v, query),
    )
    yield from _norm(
        f"{ours}/mlp_norm",
        f"{deepmind}/layer_norm{numbers[len(norms)]}",
        f"{huggingface}.layernorm",
        query,
    )
    yield from _linear(
        f"{ours}/mlp/expand", f"{deepmind}/mlp/linear", f"{huggingface}.mlp.dense1", (query, hidden)
    )
    yield from _linear(
        f"{ours}/mlp/contract",
        f"{deepmind}/mlp/linear_1",
        f"{huggingface}.mlp.dense2",
        (hidden, query),
    )


def _encode_and_process(encoder: str, num_layers: int) -> Iterator[Row]:
    yield _array(
        "encode/latents",
        f"{encoder}/~/trainable_position_encoding",
        "perceiver.embeddings.latents",
        ("num_latents", "latent_dim"),
    )
    yield from _block(
        "encode/cross_attention",
        f"{encoder}/~/cross_attention",
        "perceiver.encoder.cross_attention",
        {"query_norm": "latent_dim", "key_value_norm": "input_dim"},
        "encode",
    )
    for i in range(num_layers):
        number = f"_{i}" if i else ""
        yield from _block(
            f"process/self_attention_{i}",
            f"{encoder}/~/self_attention{number}",
            f"perceiver.encoder.self_attends.{i}",
            {"norm": "latent_dim"},
            "process",
        )


def _decode(deepmind: str, huggingface: str, final_linear: bool = True) -> Iterator[Row]:
    yield from _block(
        "decode/cross_attention",
        f"{deepmind}/cross_attention",
        f"{huggingface}.decoding_cross_attention",
        {"query_norm": "query_dim", "key_value_norm": "latent_dim"},
        "decode",
    )
    if final_linear:
        yield from _linear(
            "decode/out",
            f"{deepmind}/output",
            f"{huggingface}.final_layer",
            ("query_dim", "output_dim"),
        )


_PORT_INPUT = "perceiver.input_preprocessor"
_PORT_DECODER = "perceiver.decoder.decoder"
_PORT_QUERY = "output_position_encodings.position_embeddings"


# === The released models ===


def _language_mlm_bytes() -> Iterator[Row]:
    yield Row(
        "preprocess/embeddings",
        "embed/embeddings",
        f"{_PORT_INPUT}.embeddings.weight",
        ARRAY,
        ("vocabulary", "input_dim"),
    )
    yield _array(
        "preprocess/position/embeddings",
        "trainable_position_encoding",
        f"{_PORT_INPUT}.position_embeddings.weight",
        ("length", "input_dim"),
    )
    yield _array(
        "query/embeddings",
        "basic_decoder/~/trainable_position_encoding",
        f"perceiver.decoder.{_PORT_QUERY}",
        ("length", "query_dim"),
    )
    yield from _decode("basic_decoder", "perceiver.decoder", final_linear=False)
    yield Row(
        "postprocess/bias",
        "embedding_decoder/bias",
        "embedding_decoder.bias",
        VECTOR,
        ("vocabulary",),
    )


def _classifier() -> Iterator[Row]:
    decoder = "classification_decoder/~/basic_decoder"
    yield _array(
        "query/embeddings",
        f"{decoder}/~/trainable_position_encoding",
        f"{_PORT_DECODER}.{_PORT_QUERY}",
        (1, "query_dim"),
    )
    yield from _decode(decoder, _PORT_DECODER)


def _imagenet_learned() -> Iterator[Row]:
    network = "image_preprocessor/~_build_network_inputs"
    yield from _linear(
        "preprocess/stem/linear",
        "image_preprocessor/~/conv2_d",
        f"{_PORT_INPUT}.convnet_1x1",
        ("channels", "stem"),
        POINTWISE,
    )
    yield _array(
        "preprocess/position/embeddings",
        f"{network}/trainable_position_encoding",
        f"{_PORT_INPUT}.position_embeddings.position_embeddings",
        ("places", "position"),
    )
    yield from _linear(
        "preprocess/position/projection",
        f"{network}/position_encoding_projector/linear",
        f"{_PORT_INPUT}.positions_projection",
        ("position", "projection"),
    )
    yield from _classifier()


def _imagenet_conv() -> Iterator[Row]:
    downsample, net = "image_preprocessor/~/conv2_d_downsample/~", f"{_PORT_INPUT}.convnet"
    norm, stem = f"{downsample}/batchnorm", "preprocess/stem/batch_norm_0"
    yield Row(
        "preprocess/stem/convolution_0/kernel",
        f"{downsample}/conv/w",
        f"{net}.conv.weight",
        CONVOLUTION,
        (7, 7, "channels", "stem"),
    )
    for ours, deepmind, huggingface in (("gamma", "scale", "weight"), ("beta", "offset", "bias")):
        yield Row(
            f"{stem}/{ours}",
            f"{norm}/{deepmind}",
            f"{net}.batchnorm.{huggingface}",
            BATCH_NORM,
            ("stem",),
        )
    for ours, deepmind, huggingface in (
        ("moving_mean", "mean_ema", "running_mean"),
        ("moving_variance", "var_ema", "running_var"),
    ):
        yield Row(
            f"{stem}/{ours}",
            f"{norm}/~/{deepmind}/average",
            f"{net}.batchnorm.{huggingface}",
            BATCH_NORM,
            ("stem",),
            state=True,
        )
    yield from _classifier()


def _optical_flow() -> Iterator[Row]:
    yield from _linear(
        "preprocess/stem/linear",
        "image_preprocessor/patches_linear",
        f"{_PORT_INPUT}.conv_after_patches",
        ("patch", "stem"),
    )
    yield from _decode("flow_decoder/~/basic_decoder", _PORT_DECODER)


def _video_autoencoding() -> Iterator[Row]:
    for modality in ("audio", "image", "label"):
        yield _array(
            f"preprocess/{modality}_padding",
            f"multimodal_preprocessor/{modality}_padding",
            f"{_PORT_INPUT}.padding.{modality}",
            (1, f"{modality}.padding"),
        )
        yield _array(
            f"preprocess/{modality}_mask_token",
            f"multimodal_preprocessor/{modality}_mask_token",
            f"{_PORT_INPUT}.mask.{modality}",
            (1, "input_dim"),
        )
        yield _array(
            f"query/{modality}_padding",
            f"multimodal_decoder/~decoder_query/{modality}_padding",
            f"perceiver.decoder.padding.{modality}",
            (1, f"{modality}.query_padding"),
        )
    yield _array(
        "query/label/embeddings",
        "classification_decoder/~/basic_decoder/~/trainable_position_encoding",
        f"perceiver.decoder.modalities.label.decoder.{_PORT_QUERY}",
        (1, "label.query_dim"),
    )
    yield from _decode("multimodal_decoder/~/basic_decoder", _PORT_DECODER)
    for modality, deepmind in (
        ("audio", "audio_postprocessor"),
        ("image", "projection_postprocessor"),
        ("label", "classification_postprocessor"),
    ):
        yield from _linear(
            f"postprocess/{modality}/linear",
            f"{deepmind}/linear",
            f"perceiver.output_postprocessor.modalities.{modality}.classifier",
            ("output_dim", f"{modality}.output_dim"),
        )


@dataclass(frozen=True)
class Released:
    """One of the released models, under the name of its preset.

    Attributes:
        own_rows: the rows other than those of encode and process.
        with_state: whether DeepMind's pickle holds {"params", "state"} or only the parameters.
        encoder: Haiku's name for the encoder.
    """

    own_rows: Callable[[], Iterator[Row]]
    with_state: bool = True
    encoder: str = "perceiver_encoder"

    def rows(self, num_layers: int) -> list[Row]:
        """All rows of the model with `num_layers` self-attention layers per block."""
        return [*self.own_rows(), *_encode_and_process(self.encoder, num_layers)]


RELEASED = {
    "language_mlm_bytes": Released(_language_mlm_bytes, with_state=False),
    "imagenet_learned_position_encoding": Released(_imagenet_learned),
    "imagenet_fourier_position_encoding": Released(_classifier),
    "imagenet_conv_preprocessing": Released(_imagenet_conv),
    "optical_flow": Released(_optical_flow, with_state=False),
    "video_autoencoding": Released(_video_autoencoding, encoder="encoder"),
}
