"""Columns of tokens: no token is lost, shifted or cut, and what is no such file is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from perceiver_keras.data.own import columns
from perceiver_keras.errors import PerceiverError


def _lines(tmp_path: Path, text: str) -> list[tuple[int, list[str], list[str]]]:
    path = tmp_path / "t.conll"
    path.write_bytes(text.encode())
    read = columns.read_lines(path, ("token", "form"), ("tag", "upos"))
    return [(n, list(s.tokens), list(s.tags)) for n, s in read]


@pytest.mark.parametrize("between", [" ", "\t", "   "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_hash_signs_are_tokens_where_they_have_all_columns(tmp_path, between, end) -> None:
    rows = [
        "# a comment",
        "EU NNP B-ORG",
        "# NN O",
        "#tag NN O",
        "",
        "-DOCSTART- X O",
        "",
        "1 CD O",
    ]
    plain = [rows[0], *(row.replace(" ", between) for row in rows[1:])]
    assert _lines(tmp_path, end.join(plain)) == [
        (1, ["EU", "#", "#tag"], ["B-ORG", "O", "O"]),
        (8, ["1"], ["O"]),
    ]


def test_other_white_space_belongs_to_tokens(tmp_path: Path) -> None:
    tokens = ["10\u00a0000", "a\u2028b", "c\x85d"]
    for between in ("\t", " "):
        text = "".join(f"{token}{between}O\n" for token in tokens)
        assert _lines(tmp_path, text) == [(1, tokens, ["O"] * 3)]


def test_conllu_is_read_by_form_and_part_of_speech(tmp_path: Path) -> None:
    word = "{}\t{}\tlemma\t{}\tX\t_\t0\tdep\t_\tSpaceAfter=No\n"
    text = (
        "# text = vámonos ya\n"
        + "1-2\tvámonos" + "\t_" * 8 + "\n"
        + word.format(1, "vamos", "VERB")
        + word.format(2, "nos", "PRON")
        + "2.1\tempty" + "\t_" * 8 + "\n"
        + word.format(3, "ya", "ADV")
    )  # fmt: skip
    assert _lines(tmp_path, f"{text}\n{text}") == [
        (1, ["vamos", "nos", "ya"], ["VERB", "PRON", "ADV"]),
        (8, ["vamos", "nos", "ya"], ["VERB", "PRON", "ADV"]),
    ]


def test_a_first_column_that_counts_is_no_token(tmp_path: Path) -> None:
    text = "1\tAnna\tB-PER\n2\tgeht\tO\n\n1\tSie\tO\n"
    assert _lines(tmp_path, text) == [(1, ["Anna", "geht"], ["B-PER", "O"]), (4, ["Sie"], ["O"])]
    text = "7\tCD\tO\n8\tCD\tO\n\n1\tCD\tB-N\n"
    assert _lines(tmp_path, text) == [(1, ["7", "8"], ["O", "O"]), (4, ["1"], ["B-N"])]


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("token\ttag\n", "a\tO\nb\tX\n"),
        ("Token\tTAG\n\n", "a\tO\nb\tX\n"),
        ("token pos tag\n", "a N O\nb N X\n"),
        ("id\ttoken\ttag\n", "1\ta\tO\n2\tb\tX\n"),
        ("\t".join(["id", "form", "lemma", "upos", "e", "f", "g", "h", "i", "j"]) + "\n",
         "1\ta\tl\tO\te\tf\tg\th\ti\tj\n2\tb\tl\tX\te\tf\tg\th\ti\tj\n"),
    ],
)  # fmt: skip
def test_a_first_line_that_names_the_columns_is_no_token(tmp_path, header, rows) -> None:
    line = header.count("\n") + 1
    assert _lines(tmp_path, header + rows) == [(line, ["a", "b"], ["O", "X"])]


@pytest.mark.parametrize("first", ["token\tO", "word\ttag", "token\ttag\nx\ttag", "a\ttag"])
def test_a_first_line_that_does_not_name_the_columns_is_a_token(tmp_path, first) -> None:
    tokens, tags = zip(*(row.split("\t") for row in [*first.split("\n"), "b\tX"]), strict=True)
    assert _lines(tmp_path, f"{first}\nb\tX\n") == [(1, list(tokens), list(tags))]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a O\nb O\nc\n", "line 3: 'c' is not a token"),
        ("a\tO\nb\t\n", "line 2: 'b' is not a token"),
        ("a O\nb O\n12 34 O\n", "line 3: 3 columns, but most lines have 2"),
        ("hello world, how is it\ngoing on\nand on\n", "line 1: 5 columns"),
    ],
)
def test_what_is_not_in_columns_is_refused_with_its_line(tmp_path, text, words) -> None:
    with pytest.raises(PerceiverError, match=words):
        _lines(tmp_path, text)


def test_a_row_per_token_with_the_sentence_in_its_first_row_or_all(tmp_path: Path) -> None:
    path = tmp_path / "ner.csv"
    want = [(2, ("In", "Paris, F"), ("O", "B-geo")), (4, ("He",), ("O",))]
    for first, second in (("Sentence: 1", ""), ("1", "1")):
        path.write_text(
            f'Sentence #,Word,POS,Tag\n{first},In,IN,O\n{second},"Paris, F",NNP,B-geo\nSentence: 2,He,PRP,O\n'
        )
        read = columns.read_rows(path, ["tokens", "word"], ["tags", "tag"])
        assert [(line, s.tokens, s.tags) for line, s in read] == want
    with pytest.raises(PerceiverError, match="expected a row per token"):
        list(columns.read_rows(path, ["tokens"], ["tag"]))


@pytest.mark.parametrize("name", ["doc", "Document_ID", "file"])
@pytest.mark.parametrize("all_rows", [False, True])
def test_numbers_of_sentences_may_begin_again_in_each_document(tmp_path, name, all_rows) -> None:
    documents = {"x": [["a", "b"], ["c"]], "y": [["d"]], "z": [["e", "f"], ["g"]]}
    rows = [f"{name},sentence_id,word,tag"]
    for document, sentences in documents.items():
        for number, tokens in enumerate(sentences, 1):
            for place, token in enumerate(tokens):
                first = all_rows or not place
                named = document if all_rows or (first and number == 1) else ""
                rows.append(f"{named},{number if first else ''},{token},O")
    (tmp_path / "r.csv").write_text("\n".join(rows))
    read = columns.read_rows(tmp_path / "r.csv", ["word"], ["tag"])
    assert [s.tokens for _, s in read] == [tuple(t) for d in documents.values() for t in d]
