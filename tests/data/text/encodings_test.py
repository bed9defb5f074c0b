"""Text files in every Unicode encoding are the same text; what is not text is refused with its reason."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.data.text.encodings import as_utf8, decode_text
from perceiver_keras.errors import PerceiverError

TEXT = "An incomplete [MASK]: naïve, 日本語, 🙂\r\nand a second line\n"
MARKED = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@pytest.mark.parametrize("encoding", MARKED)
def test_a_byte_order_mark_names_the_encoding_and_is_not_text(encoding):
    content = MARKED[encoding] + TEXT.encode(encoding)
    assert decode_text(content) == TEXT
    assert as_utf8(content) == TEXT.encode()


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff")))
def test_any_text_comes_back_from_every_encoding(text):
    assert decode_text(text.encode()) == text and as_utf8(text.encode()) == text.encode()
    for encoding, mark in MARKED.items():
        assert decode_text(mark + text.encode(encoding)) == text


@pytest.mark.parametrize("encoding", [name for name in MARKED if name != "utf-8"])
@pytest.mark.parametrize("text", ["Where some words are [MASK].", "x = 1\ny = 2\n", "naïve café"])
def test_without_a_mark_utf_16_and_utf_32_are_refused_by_name(encoding, text):
    name = encoding.upper().replace("-LE", "LE").replace("-BE", "BE")
    for read in (decode_text, as_utf8):
        with pytest.raises(PerceiverError, match=f"like {name} without .* iconv -f {name} "):
            read(text.encode(encoding))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_without_a_mark_and_without_zeros_it_is_no_text_either(encoding):
    text = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。" * 3
    for read in (decode_text, as_utf8):
        with pytest.raises(PerceiverError, match="not UTF-8|not a text"):
            read(text.encode(encoding))


def test_what_is_damaged_is_refused_with_its_place():
    for content, words in (
        ("naïve".encode("latin-1"), "byte 0xEF at offset 2; if it is Latin-1, convert it: iconv"),
        (codecs.BOM_UTF16_LE + b"a\0b", "says UTF-16LE, but the bytes at offset 4"),
        (codecs.BOM_UTF16_BE + b"\xd8\x00\x00a", "says UTF-16BE, but the bytes at offset 2"),
        (b"a fine text with one \0 in it, by accident", "character 21 is a zero byte"),
    ):
        with pytest.raises(PerceiverError, match=words):
            decode_text(content)


def test_a_model_of_bytes_takes_bytes_of_no_known_encoding_as_they_are():
    for content in ("naïve".encode("latin-1"), b"\xff two", b"\xff\x00[MASK]", b"", b"a\0b cdef"):
        assert as_utf8(content) == content
    with pytest.raises(PerceiverError, match="not a text: .* control characters"):
        as_utf8(bytes(range(256)) * 4)
