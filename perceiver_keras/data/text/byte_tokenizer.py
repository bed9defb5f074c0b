"""Text to ids and back: UTF-8 bytes, with TensorFlow's core operations only, so the same in tf.data and in a server.

Ids (SPEC: Preprocess): PAD 0, BOS 1, EOS 2, MASK 3, CLS 4, SEP 5, then each byte + 6; 262 in all. Any bytes can be
encoded: what is not UTF-8 keeps its bytes, and leaves as U+FFFD where text has to be valid.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

PAD, BOS, EOS, MASK, CLS, SEP = range(6)
SPECIALS = ("[PAD]", "[BOS]", "[EOS]", "[MASK]", "[CLS]", "[SEP]")
OFFSET = len(SPECIALS)
VOCABULARY = OFFSET + 256
MASK_TEXT = SPECIALS[MASK]


class Encoded(NamedTuple):
    """One text as the model takes it.

    Attributes:
      ids: int32 [length], PAD after the text.
      mask: bool [length], true where there is text.
      cut: int32 [], how many ids did not fit.
    """

    ids: tf.Tensor
    mask: tf.Tensor
    cut: tf.Tensor


def byte_ids(texts: tf.Tensor, specials: bool = True) -> tf.RaggedTensor:
    """Strings [B] to ids [B, (bytes)], int32.

    Args:
      texts: Any bytes.
      specials: Whether `[MASK]` in a text is the id MASK; else it is six bytes like any other.
    """
    sizes = tf.strings.length(texts)
    width = tf.maximum(tf.reduce_max(tf.concat([sizes, [1]], 0)), 1)
    values = tf.io.decode_raw(texts, tf.uint8, fixed_length=width)
    ids = tf.cast(values, tf.int32) + OFFSET
    if not specials:
        return tf.RaggedTensor.from_tensor(ids, lengths=sizes)
    # Where "[MASK]" starts, by bytes: no string operation works on what is not UTF-8.
    size = len(MASK_TEXT)
    ahead = tf.pad(values, [[0, 0], [0, size - 1]])
    starts = tf.ones_like(values, tf.bool)
    for offset, byte in enumerate(MASK_TEXT.encode()):
        starts &= ahead[:, offset : offset + width] == byte
    behind = tf.pad(tf.cast(starts, tf.int32), [[0, 0], [size - 1, 0]])
    inside = tf.add_n([behind[:, offset : offset + width] for offset in range(size - 1)])
    keep = (inside == 0) & tf.sequence_mask(sizes, width)
    return tf.ragged.boolean_mask(tf.where(starts, MASK, ids), keep)


def byte_text(ids: tf.RaggedTensor | tf.Tensor, valid: bool = True) -> tf.Tensor:
    """Ids [B, (n)] to strings [B]; MASK is written out, the other specials and what is no id leave nothing.

    Args:
      ids: int.
      valid: Whether to write U+FFFD for what is not UTF-8, so that every string is (JSON needs it).
    """
    table = tf.constant([b""] * OFFSET + [bytes([value]) for value in range(256)])
    table = tf.tensor_scatter_nd_update(table, [[MASK]], [MASK_TEXT])
    ragged = ids if isinstance(ids, tf.RaggedTensor) else tf.RaggedTensor.from_tensor(ids)
    flat = ragged.values
    known = (flat >= 0) & (flat < VOCABULARY)
    pieces = tf.gather(table, tf.where(known, flat, tf.zeros_like(flat)))
    texts = tf.strings.reduce_join(ragged.with_values(pieces), axis=-1)
    return valid_utf8(texts) if valid else texts


def valid_utf8(texts: tf.Tensor) -> tf.Tensor:
    """The same strings with U+FFFD for every byte that is not part of UTF-8."""
    return tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", replace_control_characters=False)


def fit(ids: tf.Tensor, length: int) -> Encoded:
    """Ids [n] cut or padded to `length`."""
    size = tf.size(ids)
    kept = ids[:length]
    return Encoded(
        ids=tf.ensure_shape(tf.pad(kept, [[0, length - tf.size(kept)]]), [length]),
        mask=tf.range(length) < size,
        cut=tf.maximum(size - length, 0),
    )


def encode(text: tf.Tensor | str | bytes, length: int, specials: bool = True) -> Encoded:
    """One text, string [], as the model takes it; see `byte_ids`."""
    return fit(byte_ids(tf.reshape(text, [1]), specials).values, length)


def decode(ids: tf.Tensor, valid: bool = True) -> tf.Tensor:
    """Ids [n] to one text, string []; see `byte_text`."""
    return byte_text(tf.reshape(ids, [1, -1]), valid)[0]


class ByteTokenizer:
    """The bytes of UTF-8 as a tokenizer: what `perceiver_keras.data.masking` and `fill_mask` need of one.

    Attributes:
      vocabulary: Number of ids.
      unit: What a `[MASK]` stands for, in words.
    """

    vocabulary = VOCABULARY
    unit = "byte"

    def encode(self, texts: tf.Tensor, specials: bool = True) -> tf.RaggedTensor:
        return byte_ids(texts, specials)

    def decode(self, ids: tf.RaggedTensor) -> tf.Tensor:
        return byte_text(ids)

    def names(self) -> list[str]:
        """How each id is shown, [V]: a byte that is no character by itself as `<0xE2>`."""
        shown = [chr(value) if value < 128 else f"<0x{value:02X}>" for value in range(256)]
        return [*SPECIALS, *shown]

    def word_numbers(self, ids: tf.Tensor) -> tf.Tensor:
        """Which word each id [n] is part of, int32 [n], ascending; -1 for white space and padding."""
        byte = ids - OFFSET
        space = (byte == ord(" ")) | ((byte >= ord("\t")) & (byte <= ord("\r"))) | (ids == PAD)
        return tf.where(space, -1, tf.cumsum(tf.cast(space, tf.int32)))
