"""SentencePiece as a tokenizer inside the graph, loaded or trained; TF Text's operations that TensorFlow Serving has.

Ids: the six special ones of bytes (PAD 0 to SEP 5), then the model's own pieces + 6: a model of 31,994 pieces makes the
paper's 32,000. A vocabulary that is trained here keeps white space as it is and starts no text with a space of its own,
so that what stands on both sides of a `[MASK]` is cut as in the whole text.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from perceiver_keras.data.text import MASK, MASK_TEXT, OFFSET, SPECIALS, valid_utf8
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.files import write_whole

FILE = "sentencepiece.model"  # its name in preset folders and exports
SPACE = "\u2581"  # how SentencePiece writes a space
SAMPLE = 64 << 20  # bytes of text that a vocabulary is trained on, at most


class SentencePieceTokenizer(tf.Module):
    """A SentencePiece model; the methods are those of `text.ByteTokenizer`.

    Raises:
      PerceiverError: `path` holds no SentencePiece model.
    """

    unit = "piece"

    def __init__(self, path: str | os.PathLike[str]):
        super().__init__(name="sentencepiece")
        from sentencepiece import SentencePieceProcessor

        try:
            content = Path(path).read_bytes()
            pieces = SentencePieceProcessor(model_proto=content)
        except OSError as error:
            raise PerceiverError(f"{path}: {error.strerror}; name a SentencePiece model.") from None
        except RuntimeError:
            raise PerceiverError(f"{path} is no SentencePiece model.") from None
        with tf.init_scope():
            self._tokenizer = _lasting(content)
            self.asset = tf.saved_model.Asset(os.fspath(path))  # so that it travels in exports
        self._names = [pieces.id_to_piece(number) for number in range(len(pieces))]
        self._bytes = {number for number in range(len(pieces)) if pieces.is_byte(number)}
        self.vocabulary = OFFSET + len(pieces)

    def encode(self, texts: tf.Tensor, specials: bool = True) -> tf.RaggedTensor:
        """Strings [B] to ids [B, (pieces)], int32; `[MASK]` with the space before it is MASK if `specials`."""
        texts = valid_utf8(texts)
        if not specials:
            return self._tokenizer.tokenize(texts) + OFFSET
        texts = tf.strings.regex_replace(texts, r"[ \t\n]*\[MASK\]", MASK_TEXT)
        parts = tf.strings.split(texts, MASK_TEXT)
        ids = self._tokenizer.tokenize(parts) + OFFSET
        gap = parts.with_values(tf.fill([tf.size(parts.values), 1], MASK))
        return tf.concat([ids, gap], axis=2).merge_dims(1, 2)[:, :-1]

    def decode(self, ids: tf.RaggedTensor) -> tf.Tensor:
        """Ids [B, (n)] to strings [B], as valid UTF-8; MASK is written out, the other specials leave nothing."""
        shown = [name.replace(SPACE, " ").encode() for name in self._names]
        for number in self._bytes:
            shown[number] = bytes([int(self._names[number][3:5], 16)])
        special = [f" {MASK_TEXT}".encode() if n == MASK else b"" for n in range(OFFSET)]
        table = tf.constant([*special, *shown])
        pieces = tf.gather(table, tf.clip_by_value(ids.values, 0, self.vocabulary - 1))
        return valid_utf8(tf.strings.reduce_join(ids.with_values(pieces), axis=-1))

    def names(self) -> list[str]:
        return [*SPECIALS, *self._names]

    def word_numbers(self, ids: tf.Tensor) -> tf.Tensor:
        """Which word each id [n] is part of, int32 [n], ascending; -1 for the special ids."""
        starts = tf.constant([False] * OFFSET + [name.startswith(SPACE) for name in self._names])
        numbers = tf.cumsum(tf.cast(tf.gather(starts, ids), tf.int32))
        return tf.where(ids < OFFSET, -1, numbers)


def _lasting(content: bytes) -> Any:
    """TF Text's tokenizer with a model that lives as long as the process.

    TF Text's own belongs to a cached kernel: whatever clears TensorFlow's caches, `tf.random.set_seed` among it,
    destroys it. A resource with a name is nobody's; that of its content, so that equal models are one.
    """
    from tensorflow_text.python.ops import sentencepiece_tokenizer as parts

    class Named(parts._SentencepieceModelResource):
        def _create_resource(self) -> tf.Tensor:
            name = f"sentencepiece_{hashlib.sha256(self._model).hexdigest()[:16]}"
            return parts.gen_sentencepiece_tokenizer.sentencepiece_op(
                model=self._model, shared_name=name
            )

    tokenizer = parts.SentencepieceTokenizer(model=content)
    tokenizer._model_resource = Named(content, "sentencepiece")
    return tokenizer


def load(path: str | os.PathLike[str]) -> SentencePieceTokenizer:
    """The tokenizer of a model file; the same object while the file stays the same."""
    try:
        changed = os.stat(path).st_mtime_ns
    except OSError as error:
        raise PerceiverError(f"{path}: {error.strerror}; name a SentencePiece model.") from None
    return _load(os.fspath(path), changed)


@functools.lru_cache(maxsize=8)
def _load(path: str, changed: int) -> SentencePieceTokenizer:
    return SentencePieceTokenizer(path)


def train(texts: Iterable[bytes], vocabulary: int) -> bytes:
    """A SentencePiece model (unigram, as the paper's) with `vocabulary` ids, specials included; always the same.

    Args:
      texts: UTF-8; as many as `SAMPLE` bytes of them are read.

    Raises:
      UsageError: the texts are too few for so many pieces, or so few pieces can't spell them.
    """
    import sentencepiece

    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_lines(texts),
            model_writer=model,
            vocab_size=vocabulary - OFFSET,
            model_type="unigram",
            character_coverage=0.9995,
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            unk_id=0,
            bos_id=-1,
            eos_id=-1,
            pad_id=-1,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise UsageError(
            f"No SentencePiece vocabulary of {vocabulary} ids can be made of these texts: "
            f"{str(error).strip().splitlines()[-1]} Try another model.vocabulary."
        ) from None
    return model.getvalue()


def _lines(texts: Iterable[bytes]) -> Iterator[str]:
    left = SAMPLE
    for text in texts:
        left -= len(text)
        if left < 0:
            return
        yield from (line for line in text.decode("utf-8", "replace").splitlines() if line.strip())


def trained(
    folder: str | os.PathLike[str],
    about: Mapping[str, Any],
    vocabulary: int,
    texts: Iterable[bytes],
) -> str:
    """The path in `folder` of the model that was trained on `texts`, which are read only if it is not there yet.

    Args:
      about: What the texts are, as JSON values: another vocabulary for other texts.
    """
    key = hashlib.sha256(repr(sorted((about | {"vocabulary": vocabulary}).items())).encode())
    path = Path(folder) / key.hexdigest()[:16] / FILE
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, train(texts, vocabulary))
    return str(path)
