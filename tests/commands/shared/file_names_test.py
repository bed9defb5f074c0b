"""Names of files that every system can hold, whatever the request is called."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.commands.shared.file_names import folded, origin, plain, shown, stem_of


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("-", "stdin"),
        ("-:3", "stdin-3"),
        ("An incomplete sent[MASK]nce.", "An incomplete sent[MASK]nce"),
        ("a/b\\c:d*e?f", "a_b_c_d_e_f"),
        ("two\nlines\tand\0more", "two_lines_and_more"),
        ("../../none/passwd", "_.._none_passwd"),
        ("con", "_con"),
        ("LPT1.txt", "_LPT1.txt"),
        ("console", "console"),
        ("--save", "save"),
        (" . ", "answer"),
        ("cafe\u0301", "caf\u00e9"),
        ("\udcff\u202e", "__"),
        ("x" * 5000, "x" * 100),
        ("é" * 5000, "é" * 50),
    ],
)
def test_texts_become_names(name, stem):
    assert stem_of(name) == stem


def test_files_and_their_parts_are_named_without_their_suffix(tmp_path):
    (tmp_path / "a.b.txt").touch()
    file = str(tmp_path / "a.b.txt")
    assert stem_of(file) == "a.b"
    assert stem_of(f"{file}:12") == stem_of(f"{file}#12") == "a.b-12"
    assert stem_of(str(tmp_path / "none.txt:12")).endswith("none.txt_12")


def test_requests_of_files_have_an_absolute_origin_and_texts_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.txt").touch()
    Path("b.mp4").touch()
    for name in ("a.txt", "a.txt:3", "a.txt#3", "b_000001.mp4"):
        assert origin(name) == str(tmp_path / name)
    for name in ("a text", "-", "-:3", "x" * 5000, "a\0b", "c_000001.mp4", "c.txt:3"):
        assert origin(name) is None


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_becomes_a_name_that_can_be_written(name):
    stem = stem_of(name)
    assert 0 < len(stem.encode()) <= 112
    assert not set(stem) & set('<>:"/\\|?*\0') and stem == stem.strip(" .")
    assert not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in stem)


def test_names_that_are_one_on_some_disk_are_folded_together():
    assert folded("A.PNG") == folded("a.png")
    assert folded("caf\u00e9") == folded("cafe\u0301") != folded("cafe")
    assert folded("stra\u00dfe") == folded("STRASSE")


def test_names_are_shown_on_one_line():
    assert shown("a\nb\udcff\x1b[2J é") == "a\\nb\ufffd\\x1b[2J é"
    assert plain("a\nb\udcff") == "a\nb\ufffd"
