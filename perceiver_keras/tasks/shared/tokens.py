"""The tokenizer that a configuration names: bytes, a SentencePiece model, or one trained on its data."""

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
from perceiver_keras.remote import local_copy
from perceiver_keras.tasks.contract.examples import Vocabulary


def tokenizer_of(config: Any) -> Any:
    """The tokenizer of a configuration; trained first if `data.sentencepiece` is "train".

    Raises:
      UsageError: the tokenizer and the model differ in their numbers of ids.
      PerceiverError: the file is not a SentencePiece model, or the data to train one on is unavailable.
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
    """Raises what `tokenizer_of` raises; a vocabulary that is still to be trained is checked only for its size."""
    if config.data.sentencepiece != "train":
        tokenizer_of(config)
    elif config.model.vocabulary < OFFSET + 2:
        raise UsageError(
            f"model.vocabulary={config.model.vocabulary} has no room for SentencePiece's pieces after the "
            f"{OFFSET} special ids; use several thousand."
        )


def sentencepiece_path(config: Any) -> str | None:
    """Path of the SentencePiece model, trained first if the configuration says "train"; None for bytes."""
    if config.data.sentencepiece != "train":
        return config.data.sentencepiece
    data = config.data
    return _trained(
        data.dataset,
        data.data_dir,
        data.train_split,
        config.model.vocabulary,
        data.max_corrupt_share,
    )


@functools.lru_cache(maxsize=8)
def _trained(
    dataset: str, data_dir: str | None, split: str, vocabulary: int, max_corrupt_share: float
) -> str:
    builder = source.open_builder(dataset, data_dir, max_corrupt_share=max_corrupt_share)
    about = {"split": split, "data": source.fingerprint(builder, [split]), "from": "words"}
    there = source.local_data_folder(data_dir, "data.sentencepiece=train")
    folder = os.path.join(there, "sentencepiece", builder.name)
    return sentencepiece.trained(
        folder, about, vocabulary, lambda: sentencepiece.counted(texts(builder, split))
    )


def texts(builder: Any, split: str) -> Iterator[bytes]:
    """The texts of a split, in the order stored."""
    for shard in source.builder_records(builder, split).shards:
        for record in read_serialized(shard):
            yield from tf.train.Example.FromString(record).features.feature["text"].bytes_list.value


def words(features: Mapping[str, tf.Tensor], config: Any) -> tf.Tensor | None:
    """The words of the feature `text` if a vocabulary is to be trained, else None."""
    return sentencepiece.words(features["text"]) if config.data.sentencepiece == "train" else None


def learn(counts: Mapping[bytes, int], config: Any, folder: str) -> Any:
    """The configuration with a vocabulary in `folder`, trained on {word: frequency} unless it is already there."""
    path = sentencepiece.trained(folder, {}, config.model.vocabulary, lambda: counts)
    return dataclasses.replace(config, data=dataclasses.replace(config.data, sentencepiece=path))


def portable(config: Any) -> tuple[Any, dict[str, bytes]]:
    """The configuration without paths of this machine, and its SentencePiece file, {name: content}."""
    path = sentencepiece_path(config)
    if path is None:
        return config, {}
    data = dataclasses.replace(config.data, sentencepiece=sentencepiece.FILE)
    content = local_copy(path).read_bytes()
    return dataclasses.replace(config, data=data), {sentencepiece.FILE: content}


def located(config: Any, folder: Path) -> Any:
    """A configuration that `portable` made, with its file found in `folder`."""
    if config.data.sentencepiece != sentencepiece.FILE:
        return config
    path = str((folder / sentencepiece.FILE).absolute())
    return dataclasses.replace(config, data=dataclasses.replace(config.data, sentencepiece=path))


def resources(config: Any) -> list[tf.Module]:
    """The tokenizer, if it has a file that exports need."""
    tokenizer = tokenizer_of(config)
    return [tokenizer] if isinstance(tokenizer, tf.Module) else []


# GLUE uses it too. Its configurations always name a file, so it never counts words.
VOCABULARY = Vocabulary(
    resources=resources, words=words, learn=learn, portable=portable, located=located
)
