"""Which tokenizer a configuration means: bytes, a file, or one that is trained from its data and travels with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.data.store import source
from perceiver_keras.data.text import sentencepiece
from perceiver_keras.data.text.byte_tokenizer import ByteTokenizer
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.tasks.language_mlm.presets import PRESETS
from perceiver_keras.tasks.shared import tokens

BYTES = PRESETS["tiny"].config
SENTENCE = "the quick brown fox jumps over a lazy dog while seven wizards make very bad jokes"
WORDS = SENTENCE.split()
TEXTS = [" ".join(WORDS[i:] + WORDS[:i]).encode() for i in range(len(WORDS))]


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A vocabulary of 50 that is yet to be trained, from a folder of texts."""
    root = tmp_path_factory.mktemp("data")
    folder = root / "manual/text_folder/train"
    folder.mkdir(parents=True)
    for number, text in enumerate(TEXTS):
        (folder / f"{number:02}.txt").write_bytes(text)
    data = "data.dataset=text_folder", "data.sentencepiece=train", f"data.data_dir={root}"
    return override(BYTES, *data, "model.vocabulary=50")


def test_bytes_are_the_tokenizer_without_a_file():
    assert isinstance(tokens.tokenizer_of(BYTES), ByteTokenizer)
    assert tokens.sentencepiece_path(BYTES) is None
    assert tokens.resources(BYTES) == []
    assert tokens.portable(BYTES) == (BYTES, {})
    assert tokens.located(BYTES, Path("/anywhere")) == BYTES
    assert tokens.words({"text": tf.constant(["a b"])}, BYTES) is None


def test_the_wrong_number_of_ids_is_told(config):
    with pytest.raises(UsageError, match="--set model.vocabulary=262"):
        tokens.tokenizer_of(override(BYTES, "model.vocabulary=300"))
    path = tokens.sentencepiece_path(config)
    wrong = override(config, f"data.sentencepiece={path}", "model.vocabulary=51")
    for refuse in (tokens.tokenizer_of, tokens.check_tokens):
        with pytest.raises(UsageError, match="44 pieces, 50 ids .* model.vocabulary is 51"):
            refuse(wrong)
    with pytest.raises(PerceiverError, match="No such file"):
        tokens.tokenizer_of(override(BYTES, "data.sentencepiece=missing.model"))


def test_texts_are_read_from_the_split(config):
    builder = source.open_builder(config.data.dataset, config.data.data_dir)
    assert sorted(tokens.texts(builder, "train")) == sorted(TEXTS)
    assert len(list(tokens.texts(builder, "train[:3]"))) == 3


def test_the_vocabulary_is_the_same_from_the_data_and_from_counted_words(config, tmp_path):
    """`tokenizer_of` reads the data set itself; in a pipeline, Transform counts `words` and the Trainer learns."""
    counts = {}
    for text in TEXTS:
        for word in tokens.words({"text": tf.constant([text])}, config).numpy():
            counts[word] = counts.get(word, 0) + 1
    learned = tokens.learn(counts, config, str(tmp_path))
    assert Path(learned.data.sentencepiece).is_relative_to(tmp_path)
    first, second = map(tokens.sentencepiece_path, (config, learned))
    assert Path(first).read_bytes() == Path(second).read_bytes()
    assert tokens.tokenizer_of(learned).names() == tokens.tokenizer_of(config).names()
    assert tokens.resources(config) == [tokens.tokenizer_of(config)]


def test_the_file_travels_with_the_configuration(config, tmp_path):
    portable, files = tokens.portable(config)
    assert portable.data.sentencepiece == sentencepiece.FILE  # nothing of this machine
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    found = tokens.tokenizer_of(tokens.located(portable, tmp_path))
    texts = tf.constant([SENTENCE, "a [MASK] dog", ""])
    assert found.encode(texts).to_list() == tokens.tokenizer_of(config).encode(texts).to_list()
