"""A text in pieces: no byte is lost, lines stay whole where they fit, and characters always do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.data.text.documents import LONGEST, split

SIZES = st.lists(st.integers(1, 3 * LONGEST // 2), min_size=1, max_size=12)


@given(sizes=SIZES, last=st.booleans())
def test_pieces_are_whole_lines_and_nothing_is_lost(sizes, last):
    content = b"\n".join(b"x" * (size - 1) for size in sizes) + b"\n" * last
    found = split(content)
    assert b"".join(found).replace(b"\n", b"") == content.replace(b"\n", b"")
    assert all(0 < len(piece) <= LONGEST for piece in found)
    for before, after in zip(found, found[1:], strict=False):
        # Cut at the end of a line, or within one that is too long for a piece.
        assert before.endswith(b"\n") or (before + after).split(b"\n")[before.count(b"\n")].strip()
        first = after.split(b"\n")[0] + b"\n"
        assert len(before) + min(len(first), LONGEST) > LONGEST


@given(text=st.text(alphabet="aé日🙂 \n", min_size=1), longest=st.integers(4, 40))
def test_a_long_line_is_cut_between_characters(text, longest):
    found = split(text.encode(), longest)
    kept = "".join(piece.decode() for piece in found)  # raises inside a character
    assert "".join(kept.split()) == "".join(text.split())
    assert all(len(piece) <= longest for piece in found)


@pytest.mark.parametrize("content", [b"", b"\n\n", b" \t\r\n"])
def test_blank_text_has_no_pieces(content):
    assert split(content) == []


@given(content=st.binary(max_size=200), longest=st.integers(4, 40))
def test_bytes_that_are_no_utf_8_are_kept_too(content, longest):
    found = split(content, longest)
    assert b"".join(b"".join(found).split()) == b"".join(content.split())
