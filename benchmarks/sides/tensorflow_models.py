"""The side of tensorflow/models: official/projects/perceiver, under TensorFlow 2.15 and tf_keras, with random weights.

Its layers come from the user's checkout, the sizes from our settings. It has one model that we have too, the masked
language model. Its own output layer is BERT's, with a dense layer and a layer norm more; through the argument that it
has for that, it gets the paper's, and so as many parameters as ours. bfloat16 is Keras's mixed policy, in forward
passes and in training steps. It runs in an environment of its own and imports nothing of ours.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from official.projects.perceiver.modeling.layers import decoder, encoder
from official.projects.perceiver.modeling.models import pretrainer
from official.projects.perceiver.modeling.networks import positional_decoder, sequence_encoder

Tree = dict[str, Any]
keras = (
    encoder.tf_keras
)  # the Keras that its layers are made of; a policy of another has no effect on them


def versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("tensorflow", "tf-keras")}


def build(case: Tree) -> Tree:
    tf.config.threading.set_inter_op_parallelism_threads(case["threads"])
    tf.config.threading.set_intra_op_parallelism_threads(case["threads"])
    if case["precision"] == "bfloat16":
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    model, inputs, loss_of = MAKERS[case["task"]](case)
    makers = {"forward": _forward, "train": _train}
    built = makers[case["kind"]](case, model, inputs, loss_of)
    return built | {"parameters": sum(w.shape.num_elements() for w in model.trainable_variables)}


def _forward(case: Tree, model: Any, inputs: Tree, loss_of: Callable) -> Tree:
    @tf.function
    def run(inputs: Tree) -> tf.Tensor:
        return model(inputs)["mlm_logits"]

    return {
        "compile": lambda: run.get_concrete_function(inputs),
        "call": lambda: _wait(run(inputs)),
        "examples": case["batch"],
    }


def _train(case: Tree, model: Any, inputs: Tree, loss_of: Callable) -> Tree:
    optimizer = keras.optimizers.AdamW(1e-4, weight_decay=0.01)
    optimizer.build(model.trainable_variables)

    @tf.function
    def run(inputs: Tree, steps: tf.Tensor) -> tf.Tensor:
        loss = tf.constant(0.0)
        for _ in tf.range(steps):
            with tf.GradientTape() as tape:
                loss = loss_of(model(inputs)["mlm_logits"])
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    steps = tf.constant(case["steps"])
    return {
        "compile": lambda: run.get_concrete_function(inputs, steps),
        "call": lambda: _wait(run(inputs, steps)),
        "examples": case["batch"] * case["steps"],
    }


# === The models: (module, its inputs, outputs -> loss) ===


class _TiedEmbedding(keras.layers.Layer):
    """The paper's output layer of a language model: [B, O, C] times the embeddings [V, C], and a bias."""

    def __init__(self, embedding: tf.Variable):
        super().__init__()
        self.embedding = embedding

    def build(self, shape: Any) -> None:
        self.bias = self.add_weight("bias", [self.embedding.shape[0]], initializer="zeros")
        super().build(shape)

    def call(self, decoded: tf.Tensor, masked_positions: tf.Tensor) -> tf.Tensor:
        """Logits [B, O, V] of all positions, since all are asked for."""
        flat = tf.reshape(decoded, [-1, decoded.shape[-1]])
        logits = tf.nn.bias_add(tf.matmul(flat, self.embedding, transpose_b=True), self.bias)
        return tf.reshape(logits, [-1, decoded.shape[1], self.embedding.shape[0]])


def _masked_language_model(case: Tree) -> tuple:
    model, batch = case["model"], case["batch"]
    encode, process, decode = model["encode"], model["process"], model["decode"]
    length, channels = model["length"], model["channels"]
    encodes = sequence_encoder.SequenceEncoder(
        encoder=encoder.Encoder(
            self_attention_num_heads=process["num_self_attention_heads"],
            self_attention_widening_factor=process["widening_factor"],
            cross_attention_num_heads=encode["num_cross_attention_heads"],
            cross_attention_widening_factor=encode["widening_factor"],
            num_self_attends_per_block=process["num_self_attention_layers"],
            num_blocks=process["num_blocks"],
            qk_last_dim=encode["qk_dim"],
            v_last_dim=encode["v_dim"],
        ),
        d_model=channels,
        d_latents=encode["latent_dim"],
        z_index_dim=encode["num_latents"],
        max_seq_len=length,
        vocab_size=model["vocabulary"],
    )
    decodes = positional_decoder.PositionalDecoder(
        decoder=decoder.Decoder(
            output_last_dim=channels,
            qk_last_dim=decode["qk_dim"],
            v_last_dim=decode["v_dim"],
            num_heads=decode["num_cross_attention_heads"],
        ),
        output_index_dim=length,
        z_index_dim=encode["num_latents"],
        d_latents=encode["latent_dim"],
        d_model=channels,
    )
    encodes(encodes.inputs)  # makes the embeddings, which the output layer needs
    module = pretrainer.Pretrainer(
        encoder=encodes,
        decoder=decodes,
        customized_masked_lm=_TiedEmbedding(encodes.get_embedding_table()),
    )
    ids, targets = (_integers(model["vocabulary"], batch, length) for _ in range(2))
    inputs = {
        "input_word_ids": ids,
        "input_mask": tf.ones([batch, length], tf.int32),
        "masked_lm_positions": tf.tile(tf.range(length)[tf.newaxis], [batch, 1]),
    }
    module(inputs)  # makes the weights of the output layer

    def loss(logits: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(targets, tf.cast(logits, tf.float32))
        )

    return module, inputs, loss


def _integers(below: int, *shape: int) -> tf.Tensor:
    return tf.random.uniform(shape, maxval=below, dtype=tf.int32)


def _wait(result: tf.Tensor) -> None:
    """Until the device has computed it."""
    tf.reshape(result, [-1])[:1].numpy()


MAKERS: dict[str, Callable[[Tree], tuple]] = {"language_mlm": _masked_language_model}
