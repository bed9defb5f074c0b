"""The tokenizer that a configuration means: bytes, a SentencePiece model, or one trained from its data."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from perceiver_keras.data.store import source
from perceiver_keras.data.store.records import read_serialized
from perceiver_keras.data.text import sentencepiece
from perceiver_keras.data.text.byte_tokenizer import OFFSET, ByteTokenizer
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.contract.examples import Vocabulary


def tokenizer_of(config: Any) -> Any:
    """The tokenizer of a configuration, whose ids are the model's; trained first where it says so.

    Raises:
      UsageError: the model has another number of ids.
      PerceiverError: the file is no SentencePiece model, or the data to train one from is not to be had.
    """
    ids = config.model.vocabulary
    path = sentencepiece_path(config)
    found = ByteTokenizer() if path is None else sentencepiece.load(path)
    if found.vocabulary != ids:
        what = "bytes have" if path is None else f"{path} has {found.vocabulary - OFFSET} pieces,"
        raise UsageError(
            f"{what} {found.vocabulary} ids with the {OFFSET} special ones, but model.vocabulary is {ids}; "
            f"add --set model.vocabulary={found.vocabulary}, or name another data.sentencepiece."
        )
    return found


def check_tokens(config: Any) -> None:
    """Raises what `tokenizer_of` does; of a vocabulary that is yet to be trained, what can be seen before."""
    if config.data.sentencepiece != "train":
        tokenizer_of(config)
    elif config.model.vocabulary < OFFSET + 2:
        raise UsageError(
            f"model.vocabulary={config.model.vocabulary} has no room for SentencePiece's pieces after the "
            f"{OFFSET} special ids; take some thousands."
        )


def sentencepiece_path(config: Any) -> str | None:
    """The SentencePiece model's file, trained first where the configuration says so; None for bytes."""
    if config.data.sentencepiece != "train":
        return config.data.sentencepiece
    data = config.data
    return _trained(data.dataset, data.data_dir, data.train_split, config.model.vocabulary)


@functools.lru_cache(maxsize=8)
def _trained(dataset: str, data_dir: str | None, split: str, vocabulary: int) -> str:
    builder = source.open_builder(dataset, data_dir)
    about = {"split": split, "data": source.fingerprint(builder, [split]), "from": "words"}
    folder = os.path.join(source.data_folder(data_dir), "sentencepiece", builder.name)
    return sentencepiece.trained(
        folder, about, vocabulary, lambda: sentencepiece.counted(texts(builder, split))
    )


def texts(builder: Any, split: str) -> Iterator[bytes]:
    """The texts of a split, in their order."""
    for shard in source.builder_records(builder, split).shards:
        for record in read_serialized(shard):
            yield from tf.train.Example.FromString(record).features.feature["text"].bytes_list.value


def words(features: Mapping[str, tf.Tensor], config: Any) -> tf.Tensor | None:
    """The words of the feature `text`, where a vocabulary is to be trained."""
    return sentencepiece.words(features["text"]) if config.data.sentencepiece == "train" else None


def learn(counts: Mapping[bytes, int], config: Any, folder: str) -> Any:
    """The configuration with a vocabulary in `folder` that was trained on the words, if it was not there already."""
    path = sentencepiece.trained(folder, {}, config.model.vocabulary, lambda: counts)
    return dataclasses.replace(config, data=dataclasses.replace(config.data, sentencepiece=path))


def portable(config: Any) -> tuple[Any, dict[str, bytes]]:
    """The configuration as it travels, and the SentencePiece file that travels with it, {name: content}."""
    path = sentencepiece_path(config)
    if path is None:
        return config, {}
    data = dataclasses.replace(config.data, sentencepiece=sentencepiece.FILE)
    content = Path(path).read_bytes()
    return dataclasses.replace(config, data=data), {sentencepiece.FILE: content}


def located(config: Any, folder: Path) -> Any:
    """A configuration that `portable` made, read from `folder`: its file is there."""
    if config.data.sentencepiece != sentencepiece.FILE:
        return config
    path = str((folder / sentencepiece.FILE).absolute())
    return dataclasses.replace(config, data=dataclasses.replace(config.data, sentencepiece=path))


def resources(config: Any) -> list[tf.Module]:
    """The tokenizer, where it has a file that an export needs."""
    tokenizer = tokenizer_of(config)
    return [tokenizer] if isinstance(tokenizer, tf.Module) else []


# GLUE has it too: what it names is a file, so it counts no words.
VOCABULARY = Vocabulary(
    resources=resources, words=words, learn=learn, portable=portable, located=located
)
