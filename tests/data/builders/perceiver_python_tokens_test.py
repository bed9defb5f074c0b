"""Tags of Python's source: against the tokenizer's own text of every token."""

from __future__ import annotations

import io
import tokenize

from perceiver_keras.data.builders.perceiver_python_tokens import (
    perceiver_python_tokens_dataset_builder as tokens,
)

SOURCE = '''"""Ein Satz, größer
als eine Zeile."""
import re  # für später

def größe(x: int = 0x1F) -> str:
    return f"{x}é" + 'a\\'b' if x else None
'''


def spelled(source):
    """(tag, text) of every run of bytes with the same tag."""
    runs, content = [], source.encode()
    for byte, tag in zip(content, tokens.tag_bytes(source), strict=True):
        name = tokens.TAGS[tag - ord("0")]
        if runs and runs[-1][0] == name:
            runs[-1][1].append(byte)
        else:
            runs.append((name, [byte]))
    return [(name, bytes(part).decode()) for name, part in runs]


def test_tags_are_of_bytes_over_lines_and_umlauts():
    found = spelled(SOURCE)
    assert found[0] == ("string", '"""Ein Satz, größer\nals eine Zeile."""')
    assert ("comment", "# für später") in found
    assert ("name", "größe") in found
    assert ("number", "0x1F") in found
    assert ("string", "'a\\'b'") in found
    assert [text for tag, text in found if tag == "keyword"] == [
        *("import", "def", "return", "if", "else", "None"),
    ]


def test_what_has_a_tag_is_what_the_tokenizer_names():
    marks = {tokenize.NAME, tokenize.NUMBER, tokenize.STRING, tokenize.COMMENT, tokenize.OP}
    named = tokenize.generate_tokens(io.StringIO(SOURCE).readline)
    expected = "".join(token.string for token in named if token.type in marks)
    assert "".join(text for tag, text in spelled(SOURCE) if tag != "space") == expected


def test_passages_are_whole_lines_outside_of_strings():
    source = SOURCE + "x = 1\n" * 60
    tags = tokens.tag_bytes(source)
    found = list(tokens.passages(source))
    assert len(found) > 2
    for text, kinds in found:
        assert len(text) == len(kinds) <= tokens.PASSAGE
        assert text.endswith(b"\n")
        place = source.encode().index(text)
        assert kinds == tags[place : place + len(text)]
    long = 'a = 1\nb = """' + "long\n" * 100 + '"""\nc = 2\n'
    assert [text for text, _ in tokens.passages(long)][-1] == b"c = 2\n"


def test_splits_share_no_module():
    splits = [tokens.split_of(name) for name in tokens.MODULES.split()]
    assert {split: splits.count(split) > 2 for split in splits} == dict.fromkeys(
        ("train", "validation", "test"), True
    )
