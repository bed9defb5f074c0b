"""Tagged texts of every form give the same bytes and tags; damaged lines are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tensorflow_datasets as tfds

from perceiver_keras.data.own import tagged
from perceiver_keras.data.own.found import Place
from perceiver_keras.data.own.prepare import prepare
from perceiver_keras.data.store import source
from perceiver_keras.errors import PerceiverError, UsageError

SENTENCES = [
    (["Zoë", "lives", "in", "New", "York", f"{n}"], ["B-PER", "O", "O", "B-LOC", "I-LOC", "O"])
    for n in range(20)
]


def _conll(path: Path, between: str) -> None:
    blocks = ["\n".join(f"{w}{between}{t}" for w, t in zip(*s, strict=True)) for s in SENTENCES]
    path.write_text("-DOCSTART- -X- O\n\n" + "\n\n".join(blocks) + "\n")


def _look(path: Path):
    return tagged.look(Place(given=path, root=path, store=path.parent / "store"))


def test_every_form_gives_the_same_sentences(tmp_path: Path) -> None:
    _conll(tmp_path / "a.conll", " NN B-NP ")  # as in CoNLL 2003: token first, tag last
    _conll(tmp_path / "b.tsv", "\t")
    _conll(tmp_path / "c.txt", " ")
    rows = [{"tokens": words, "ner_tags": tags} for words, tags in SENTENCES]
    (tmp_path / "d.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "e.json").write_text(json.dumps(rows))
    want = [tagged.Sentence(tuple(words), tuple(tags)) for words, tags in SENTENCES]
    for path in tmp_path.iterdir():
        assert [sentence for _, sentence in tagged.read_sentences(path)] == want, path.name


@pytest.mark.parametrize("header", ["token\ttag", "word\tlabel", "Text\tNER", "form\tpos"])
def test_a_line_of_names_is_no_class(tmp_path: Path, header: str) -> None:
    rows = [
        f"{word}\t{tag}" for words, tags in SENTENCES for word, tag in zip(words, tags, strict=True)
    ]
    blocks = ["\n".join(rows[n : n + 6]) for n in range(0, len(rows), 6)]
    (tmp_path / "a.tsv").write_text(f"{header}\n" + "\n\n".join(blocks))
    found = _look(tmp_path / "a.tsv")
    assert found.measured["tags"] == ("O", "B-LOC", "B-PER", "I-LOC")
    assert [list(item.source.tokens) for item in found.items] == [words for words, _ in SENTENCES]


def test_every_byte_is_stored_with_its_tag(tmp_path: Path) -> None:
    _conll(tmp_path / "a.conll", " ")
    found = _look(tmp_path / "a.conll")
    assert found.measured["tags"] == ("O", "B-LOC", "B-PER", "I-LOC")
    prepare(found, str(tmp_path / "data"))
    builder = source.open_builder(found.dataset, str(tmp_path / "data"))
    stored = {
        row["text"]: row["tags"]
        for split in ("train", "validation", "test")
        for row in tfds.as_numpy(builder.as_dataset(split))
    }
    # Zoë has four bytes; the space within New York is part of the place.
    tags = "2222" + "0" * 10 + "111" + "3" * 5 + "0"
    assert stored == {
        " ".join(words).encode(): (tags + "0" * len(words[-1])).encode() for words, _ in SENTENCES
    }


@pytest.mark.parametrize("begin", ["", "ner_"])
def test_folders_and_files_named_by_splits(tmp_path: Path, begin: str) -> None:
    for name in ("train", "dev", "test"):
        _conll(tmp_path / f"{begin}{name}.conll", " ")
    (tmp_path / "notes.pdf").write_bytes(b"x")
    found = _look(tmp_path)
    assert {(item.name.split(".")[0], item.split) for item in found.items} == {
        (f"{begin}train", "train"),
        (f"{begin}dev", "validation"),
        (f"{begin}test", "test"),
    }
    assert found.passed == {"not tagged texts": 1}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.conll", "word O\nlonely\n", "line 2: 'lonely' is not a token and its tag"),
        ("a.jsonl", '{"tokens": ["a", "b"], "tags": ["O"]}', "line 1: 2 tokens but 1 tags"),
        ("a.jsonl", '{"text": "a b", "label": "x"}', "expected two lists per line"),
        (
            "a.jsonl",
            '\n{"tokens": ["a", null], "tags": ["O", "X"]}',
            "line 2: token 2 is null",
        ),
        ("a.jsonl", '{"tokens": ["a", "b"], "tags": [null, "X"]}', "line 1: tag 1 is null"),
        ("a.jsonl", '{"tokens": ["a", "b"], "tags": ["O", " "]}', 'line 1: tag 2 is " "'),
        ("a.jsonl", '{"tokens": ["a", NaN], "tags": ["O", "X"]}', "line 1: token 2 is NaN"),
        ("a.json", '[{"tokens": ["a"], "tags": [{"x": 1}]}]', "line 1: tag 1 is {"),
    ],
)
def test_damaged_lines_are_named(tmp_path: Path, name, content, words) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(PerceiverError, match=words):
        _look(tmp_path / name)


def test_sentences_that_are_no_unicode_are_left_out_by_name(tmp_path: Path) -> None:
    rows = [{"tokens": words, "tags": tags} for words, tags in SENTENCES]
    rows += [
        {"tokens": ["a", "\ud800b"], "tags": ["O", "O"]},
        {"tokens": ["c"], "tags": ["\udc00"]},
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    found = _look(path)
    assert found.measured["tags"] == ("O", "B-LOC", "B-PER", "I-LOC")
    assert prepare(found, str(tmp_path / "data"), max_corrupt_share=0.1) == {
        "a.jsonl:21": r"'\ud800b' holds half of a character (a lone surrogate)",
        "a.jsonl:22": r"'\udc00' holds half of a character (a lone surrogate)",
    }
    path.write_text(json.dumps(rows[20]))
    with pytest.raises(UsageError, match=r"a.jsonl:1 is broken: '\\ud800b'"):
        _look(path)


def test_running_text_is_not_taken_for_tags(tmp_path: Path) -> None:
    lines = "\n".join(f"this is an ordinary text with the word number{n}" for n in range(300))
    (tmp_path / "a.txt").write_text(lines)
    with pytest.raises(UsageError, match="301 different tags|300 different tags"):
        _look(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("tagged_words", "spaces"),
    [
        ("EU/I-ORG rejects/O German/I-MISC call/O", "O O O"),  # IOB1: I- may begin
        ("a/O New/I-LOC York/I-LOC Paris/B-LOC Bo/I-PER", "O I-LOC O O"),
        ("New/B-LOC York/I-LOC a/O", "I-LOC O"),  # IOB2
        ("Paris/U-LOC London/U-LOC New/B-LOC York/I-LOC City/L-LOC", "O O I-LOC L-LOC"),  # BILOU
        ("Paris/S-LOC London/S-LOC New/B-LOC York/E-LOC Bo/B-PER", "O O E-LOC O"),  # BIOES
        ("New/LOC York/LOC a/O b/O Bo/PER", "LOC O O O"),  # no scheme
    ],
)
def test_a_space_has_a_tag_only_within_an_entity(tagged_words: str, spaces: str) -> None:
    tokens, tags = zip(*(pair.split("/") for pair in tagged_words.split()), strict=True)
    _, runs = tagged.joined(tagged.Sentence(tokens, tags))
    assert [run for run in runs[::2]] == [(len(t), g) for t, g in zip(tokens, tags, strict=True)]
    assert runs[1::2] == [(1, tag) for tag in spaces.split()]
