"""Text to ids and back, as UTF-8 bytes; with TensorFlow's core operations only, so the same in tf.data and in a server.

Ids (docs/architecture.md, Preprocess): PAD 0, BOS 1, EOS 2, MASK 3, CLS 4, SEP 5, then each byte + 6; 262 in all. Any
bytes can be encoded and come back unchanged; where text must be valid, what is not UTF-8 becomes U+FFFD.
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
    """One text as a model takes it.

    Attributes:
      ids: int32 [length], PAD after the text.
      mask: bool [length], true where there is text.
      cut: int32 [], the number of ids that did not fit.
    """

    ids: tf.Tensor
    mask: tf.Tensor
    cut: tf.Tensor


def byte_ids(texts: tf.Tensor, specials: bool = True) -> tf.RaggedTensor:
    """Strings [B] to ids [B, (bytes)], int32.

    Args:
      texts: Any bytes.
      specials: Whether `[MASK]` in a text becomes the id MASK; otherwise its six bytes are text like any other.
    """
    sizes = tf.strings.length(texts)
    width = tf.maximum(tf.reduce_max(tf.concat([sizes, [1]], 0)), 1)
    values = tf.io.decode_raw(texts, tf.uint8, fixed_length=width)
    ids = tf.cast(values, tf.int32) + OFFSET
    if not specials:
        return tf.RaggedTensor.from_tensor(ids, lengths=sizes)
    # Where "[MASK]" starts, found byte by byte: string operations fail on text that is not UTF-8.
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
    """Ids [B, (n)] to strings [B]. MASK is written out; other special ids, and numbers that are not ids, are dropped.

    Args:
      ids: int.
      valid: Whether to replace what is not UTF-8 by U+FFFD, so that every string is valid, as JSON requires.
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
    """The same strings, with U+FFFD for every byte that is not valid UTF-8."""
    return tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", replace_control_characters=False)


def fit(ids: tf.Tensor, length: int) -> Encoded:
    """Ids [n], cut or padded to `length`."""
    size = tf.size(ids)
    kept = ids[:length]
    return Encoded(
        ids=tf.ensure_shape(tf.pad(kept, [[0, length - tf.size(kept)]]), [length]),
        mask=tf.range(length) < size,
        cut=tf.maximum(size - length, 0),
    )


def encode(text: tf.Tensor | str | bytes, length: int, specials: bool = True) -> Encoded:
    """One text, string [], as a model takes it; `specials` as in `byte_ids`."""
    return fit(byte_ids(tf.reshape(text, [1]), specials).values, length)


def decode(ids: tf.Tensor, valid: bool = True) -> tf.Tensor:
    """Ids [n] to one text, string []; see `byte_text`."""
    return byte_text(tf.reshape(ids, [1, -1]), valid)[0]


class ByteTokenizer:
    """UTF-8 bytes as a tokenizer; `sentencepiece.SentencePieceTokenizer` has the same methods.

    Attributes:
      vocabulary: Number of ids.
      unit: What one `[MASK]` stands for, as people call it.
    """

    vocabulary = VOCABULARY
    unit = "byte"

    def encode(self, texts: tf.Tensor, specials: bool = True) -> tf.RaggedTensor:
        return byte_ids(texts, specials)

    def decode(self, ids: tf.RaggedTensor) -> tf.Tensor:
        return byte_text(ids)

    def names(self) -> list[str]:
        """How each id is shown, [V]; a byte that is not a character by itself as `<0xE2>`."""
        shown = [chr(value) if value < 128 else f"<0x{value:02X}>" for value in range(256)]
        return [*SPECIALS, *shown]

    def word_numbers(self, ids: tf.Tensor) -> tf.Tensor:
        """Number of the word that each id [n] belongs to, int32 [n], ascending; -1 for white space and padding."""
        byte = ids - OFFSET
        space = (byte == ord(" ")) | ((byte >= ord("\t")) & (byte <= ord("\r"))) | (ids == PAD)
        return tf.where(space, -1, tf.cumsum(tf.cast(space, tf.int32)))
