"""SentencePiece as a tokenizer inside the graph, loaded or trained, with only TF Text operations that TF Serving has.

Ids: the six special ids (PAD 0 to SEP 5), then the model's own pieces + 6, so a model of 31,994 pieces has the paper's
32,000 ids. A vocabulary trained here keeps white space as it is and adds no space before a text, so that the text on
both sides of a `[MASK]` is split as in the whole text. It is trained not on the text itself but on words and their
frequencies, which a pipeline can count in one full pass.
"""

from __future__ import annotations

import functools
import hashlib
import io
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from perceiver_keras.data.text.byte_tokenizer import MASK, MASK_TEXT, OFFSET, SPECIALS, valid_utf8
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.files import write_whole
from perceiver_keras.remote import local_copy

FILE = "sentencepiece.model"  # name of the model in preset folders and exports
SPACE = "\u2581"  # how SentencePiece writes a space
SAMPLE = 64 << 20  # bytes of text that a vocabulary is trained on at most
LINE = 1000  # characters of words per training line; SentencePiece takes at most 4192 bytes


class SentencePieceTokenizer(tf.Module):
    """A SentencePiece model, with the methods of `byte_tokenizer.ByteTokenizer`.

    Raises:
      PerceiverError: `path` cannot be read or is not a SentencePiece model.
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
            raise PerceiverError(f"{path} is not a SentencePiece model.") from None
        with tf.init_scope():
            self._tokenizer = _lasting(content)
            self.asset = tf.saved_model.Asset(os.fspath(path))  # so that it travels in exports
        self._names = [pieces.id_to_piece(number) for number in range(len(pieces))]
        self._bytes = {number for number in range(len(pieces)) if pieces.is_byte(number)}
        self.vocabulary = OFFSET + len(pieces)

    def encode(self, texts: tf.Tensor, specials: bool = True) -> tf.RaggedTensor:
        """Strings [B] to ids [B, (pieces)], int32. With `specials`, `[MASK]` and the space before it become MASK."""
        texts = valid_utf8(texts)
        if not specials:
            return self._tokenizer.tokenize(texts) + OFFSET
        texts = tf.strings.regex_replace(texts, r"[ \t\n]*\[MASK\]", MASK_TEXT)
        parts = tf.strings.split(texts, MASK_TEXT)
        ids = self._tokenizer.tokenize(parts) + OFFSET
        gap = parts.with_values(tf.fill([tf.size(parts.values), 1], MASK))
        return tf.concat([ids, gap], axis=2).merge_dims(1, 2)[:, :-1]

    def decode(self, ids: tf.RaggedTensor) -> tf.Tensor:
        """Ids [B, (n)] to strings [B], valid UTF-8. MASK is written out; the other special ids are dropped."""
        shown = [name.replace(SPACE, " ").encode() for name in self._names]
        for number in self._bytes:
            shown[number] = bytes([int(self._names[number][3:5], 16)])
        special = [f" {MASK_TEXT}".encode() if n == MASK else b"" for n in range(OFFSET)]
        table = tf.constant([*special, *shown])
        pieces = tf.gather(table, tf.clip_by_value(ids.values, 0, self.vocabulary - 1))
        return valid_utf8(tf.strings.reduce_join(ids.with_values(pieces), axis=-1))

    def names(self) -> list[str]:
        """How each id is shown, [V], with U+2581 for a space."""
        return [*SPECIALS, *self._names]

    def word_numbers(self, ids: tf.Tensor) -> tf.Tensor:
        """Number of the word that each id [n] belongs to, int32 [n], ascending; -1 for the special ids."""
        starts = tf.constant([False] * OFFSET + [name.startswith(SPACE) for name in self._names])
        numbers = tf.cumsum(tf.cast(tf.gather(starts, ids), tf.int32))
        return tf.where(ids < OFFSET, -1, numbers)


def _lasting(content: bytes) -> Any:
    """TF Text's tokenizer, with a model that lives as long as the process.

    TF Text ties the model to a cached kernel, so whatever clears TensorFlow's caches (`tf.random.set_seed` does)
    destroys it. A resource with a name belongs to no kernel; the name comes from the content, so equal models
    share one.
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
    """The tokenizer of a model file; the same object until the file changes. Raises as `SentencePieceTokenizer`."""
    path = local_copy(path)
    try:
        changed = os.stat(path).st_mtime_ns
    except OSError as error:
        raise PerceiverError(f"{path}: {error.strerror}; name a SentencePiece model.") from None
    return _load(os.fspath(path), changed)


@functools.lru_cache(maxsize=8)
def _load(path: str, changed: int) -> SentencePieceTokenizer:
    return SentencePieceTokenizer(path)


def words(texts: tf.Tensor) -> tf.Tensor:
    """The words that a vocabulary is trained on: strings [B] to words [n], valid UTF-8, none empty.

    Lines are split before every space, as SentencePiece itself does: a word starts with the space before it, and each
    of several spaces is a word of its own. A tab counts as a space; no word contains a tab or a line break.
    """
    lines = tf.strings.regex_replace(valid_utf8(texts), r"[\r\v\f]", "\n")
    found = tf.strings.split(tf.strings.regex_replace(lines, r"[ \t]", "\n "), "\n").values
    return tf.boolean_mask(found, found != "")


def counted(texts: Iterable[bytes]) -> Counter[bytes]:
    """Frequency of each word in the texts, of which at most `SAMPLE` bytes are read."""
    counts: Counter[bytes] = Counter()
    texts = _sample(texts)
    with tf.init_scope():  # the caller may be tracing a graph
        while batch := list(itertools.islice(texts, 1000)):
            counts.update(words(tf.constant(batch)).numpy().tolist())
    return counts


def _sample(texts: Iterable[bytes]) -> Iterator[bytes]:
    left = SAMPLE
    for text in texts:
        left -= len(text)
        if left < 0:
            return
        yield text


def train(counts: Mapping[bytes, int], vocabulary: int) -> bytes:
    """A SentencePiece model (unigram, like the paper's) with `vocabulary` ids, special ids included; deterministic.

    Args:
      counts: {word: frequency}, with words as `words` returns them. Counts of more than `SAMPLE` bytes of text are
        scaled down to it.

    Raises:
      UsageError: there are too few words for so many pieces, or too few pieces to spell all words.
    """
    import sentencepiece

    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_lines(counts),
            input_format="tsv",
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


def _lines(counts: Mapping[bytes, int]) -> Iterator[str]:
    """Training lines "words, tab, frequency", the commonest word first.

    SentencePiece seeds its pieces with substrings that have varied right contexts. A word alone on a line is always
    followed by the same character, so whole words would never be seeded; hence each word also appears once in a line
    with others.
    """
    size = sum(len(word) * count for word, count in counts.items())
    line = ""
    for count, word in sorted(((n, word) for word, n in counts.items()), reverse=True):
        count = count * SAMPLE // max(size, SAMPLE)
        if count == 0:
            break  # and 0 for all rarer words
        text = word.decode()
        if count > 1:
            yield f"{text}\t{count - 1}"
        if line and (text[0] != " " or len(line) + len(text) > LINE):
            yield f"{line}\t1"
            line = ""
        line += text
    if line:
        yield f"{line}\t1"


def trained(
    folder: str | os.PathLike[str],
    about: Mapping[str, Any],
    vocabulary: int,
    counts: Callable[[], Mapping[bytes, int]],
) -> str:
    """Path in `folder` of the model trained on `counts()`, which is called only if the model is not there yet.

    Args:
      folder: Holds any number of models.
      about: JSON values that tell where the words come from; different values get a model of their own.
      vocabulary, counts: As in `train`.
    """
    key = hashlib.sha256(repr(sorted((about | {"vocabulary": vocabulary}).items())).encode())
    path = Path(folder) / key.hexdigest()[:16] / FILE
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, train(counts(), vocabulary))
    return str(path)
