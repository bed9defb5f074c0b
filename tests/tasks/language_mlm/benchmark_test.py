"""Masked words and masked bytes of a small text: accuracy and bits per byte, calculated a second time in NumPy."""

from __future__ import annotations

import re

import numpy as np
import pytest

import perceiver_keras as pk
from perceiver_keras import reproduce
from perceiver_keras.data.text import masking
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.language_mlm import benchmark

LENGTH = 64
TEXT = "Grüße: the mask hides [MASK] whole  words\nor single bytes, ".encode() * 45
TEXTS = {"a.txt": TEXT, "deep/b.txt": b"short"}


@pytest.fixture(scope="module")
def model():
    return pk.MaskedLanguageModel.from_preset("tiny")


@pytest.fixture
def folder(tmp_path):
    for name, text in TEXTS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text)
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "picture.png").write_bytes(b"no text")
    return tmp_path


def test_accuracy_and_bits_are_those_of_a_second_calculation(tmp_path, folder, model, monkeypatch):
    seen = []

    def spied(text, tokenizer, length, kind, rate, seed):
        inputs, targets = masking.mask_text(text, tokenizer, length, kind, rate, seed)
        seen.append((text.numpy(), kind, rate, inputs["ids"].numpy(), targets.numpy()))
        return inputs, targets

    monkeypatch.setattr(benchmark, "mask_text", spied)
    row = reproduce.get("mlm")
    whole = reproduce.reproduce(
        row,
        row.open(folder, {}),
        lambda: (registry.get(row.task), model, model.task_config),
        tmp_path / "record.json",
        weights={"given": "random", "sha256": "0"},
        options={},
    )
    assert list(whole["examples"]) == ["a.txt#00000", "a.txt#00001", "deep/b.txt#00000"]
    assert set(whole["groups"]) <= set(TEXTS)
    for kind, name in (("words", "words"), ("tokens", "bytes")):
        own = [one for one in seen if one[1] == kind]
        # Each byte once.
        assert sum(len(text) for text, *_ in own) == len(TEXT) + 5
        pieces = [t[i : i + LENGTH] for t in TEXTS.values() for i in range(0, len(t), LENGTH)]
        assert sorted(text for text, *_ in own) == sorted(pieces)
        for text, _, rate, ids, targets in own:
            assert rate == 0.15
            hidden = targets >= 0
            # By hand: what is hidden is what the text says there, and its id is the mask's, 3.
            assert bytes((targets[hidden] - 6).astype(np.uint8)) == bytes(
                np.frombuffer(text, np.uint8)[hidden[: len(text)]]
            )
            assert (ids[hidden] == 3).all() and not (
                ids[: len(text)][~hidden[: len(text)]] == 3
            ).any()
            if kind == "words":  # never a part of one, and never white space
                for word in re.finditer(rb"\S+", text):
                    assert len(set(hidden[word.start() : word.end()])) == 1
                assert not any(hidden[i] for i in range(len(text)) if text[i : i + 1].isspace())
        ids, targets = (np.stack([one[i] for one in own]) for i in (3, 4))
        there = np.arange(LENGTH) < np.array([[len(one[0])] for one in own])
        logits = model({"ids": ids, "mask": there}).numpy().astype(np.float64)
        logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        hidden = targets >= 0
        asked, right = hidden.sum(), (logits.argmax(-1) == targets)[hidden].sum()
        chosen = np.take_along_axis(logs, np.maximum(targets, 0)[..., None], -1)[..., 0]
        nats = -chosen[hidden].sum()
        found = whole["measured"]
        assert found[f"masked_{name}_accuracy"] == pytest.approx(right / asked, rel=1e-5)
        bits = nats / asked / np.log(2)
        assert found[f"masked_{name}_bits_per_byte"] == pytest.approx(bits, rel=1e-4)
    share = sum((one[4] >= 0).sum() for one in seen if one[1] == "tokens") / len(TEXT)
    assert 0.12 < share < 0.18


def test_one_file_is_a_text_too_and_a_folder_without_text_is_refused(folder):
    row = reproduce.get("mlm")
    assert row.open(folder / "deep" / "b.txt", {}).keys == ["b.txt#00000"]
    (folder / "none").mkdir()
    with pytest.raises(UsageError, match="holds no text"):
        row.open(folder / "none", {})


def test_models_of_pieces_are_refused(folder):
    config = registry.get("language_mlm").presets["tiny_sentencepiece"].config
    protocol = reproduce.get("mlm").open(folder, {})
    with pytest.raises(UsageError, match="measures models of bytes"):
        protocol.rows(None, config, protocol.keys)
