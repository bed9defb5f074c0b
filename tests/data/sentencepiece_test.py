"""SentencePiece in the graph against the library itself, training, and what is refused."""

from __future__ import annotations

import pytest
import sentencepiece as library
import tensorflow as tf

from perceiver_keras.data import sentencepiece
from perceiver_keras.errors import PerceiverError, UsageError

SENTENCE = "the quick brown fox jumps over a lazy dog while seven wizards make very bad jokes"
WORDS = SENTENCE.split()
CORPUS = [" ".join(WORDS[i:] + WORDS[:i]).encode() for i in range(len(WORDS))]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pieces")
    return sentencepiece.load(sentencepiece.trained(folder, {"of": "words"}, 50, iter(CORPUS)))


def test_ids_are_the_librarys_after_the_special_ones(tokenizer):
    own = library.SentencePieceProcessor(
        model_file=str(tokenizer.asset.asset_path.numpy().decode())
    )
    assert tokenizer.vocabulary == 50 == 6 + len(own)
    texts = ["a fox", "", "seven  wizards", "\xe9?"]
    expected = [[i + 6 for i in own.encode(text)] for text in texts]
    assert tokenizer.encode(tf.constant(texts)).to_list() == expected
    graph = tf.function(tokenizer.encode).get_concrete_function(tf.TensorSpec([None], tf.string))
    assert graph(tf.constant(texts)).to_list() == expected
    assert tokenizer.decode(tokenizer.encode(tf.constant(texts[:3]))).numpy().tolist() == [
        text.encode() for text in texts[:3]
    ]


def test_masks_stand_between_pieces_of_the_whole_text(tokenizer):
    whole = tokenizer.encode(tf.constant(["the quick dog"]))[0].numpy().tolist()
    quick = tokenizer.encode(tf.constant([" quick"]))[0].numpy().tolist()
    at = next(i for i in range(len(whole)) if whole[i : i + len(quick)] == quick)
    masked = tokenizer.encode(tf.constant(["the [MASK] dog"]))
    assert masked[0].numpy().tolist() == [*whole[:at], 3, *whole[at + len(quick) :]]
    assert tokenizer.decode(masked).numpy().tolist() == [b"the [MASK] dog"]
    assert tokenizer.encode(tf.constant([b"\xff[MASK][MASK]"])).to_list()[0][-2:] == [3, 3]


def test_words_begin_where_a_space_is(tokenizer):
    ids = tokenizer.encode(tf.constant(["the lazy dog"])).values
    numbers = tokenizer.word_numbers(tf.concat([ids, [3, 0]], 0)).numpy()
    pieces = [tokenizer.names()[i] for i in ids.numpy()]
    by_word = {}
    for number, piece in zip(numbers, pieces, strict=False):
        by_word[number] = by_word.get(number, "") + piece
    assert list(by_word.values()) == ["the", "\u2581lazy", "\u2581dog"]
    assert numbers[-2:].tolist() == [-1, -1]


def test_a_vocabulary_is_trained_once_and_always_the_same(tmp_path):
    first = sentencepiece.trained(tmp_path / "a", {}, 50, iter(CORPUS))
    again = sentencepiece.trained(tmp_path / "b", {}, 50, iter(CORPUS))
    with open(first, "rb") as one, open(again, "rb") as other:
        assert one.read() == other.read()

    def never():
        raise AssertionError("read again")
        yield b""

    assert sentencepiece.trained(tmp_path / "a", {}, 50, never()) == first


def test_what_is_no_model_or_too_large_a_vocabulary_is_told(tmp_path):
    with pytest.raises(UsageError, match="vocabulary of 5000 ids"):
        sentencepiece.train(CORPUS, 5000)
    with pytest.raises(PerceiverError, match="No such file"):
        sentencepiece.load(tmp_path / "missing.model")
    (tmp_path / "bad.model").write_bytes(b"\0\1\2")
    with pytest.raises(PerceiverError, match="is no SentencePiece model"):
        sentencepiece.load(tmp_path / "bad.model")
