"""Measures of texts, against Python's own and texts of many scripts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.data.described import texts
from perceiver_keras.data.described.decode import decoded


def measured(content: bytes) -> dict:
    return texts.describe(decoded("text", content))


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Good morning, world! 123", b"Latin"),
        ("Größe, façade, Đà Nẵng", b"Latin"),
        ("Доброе утро, мир", b"Cyrillic"),
        ("Καλημέρα κόσμε", b"Greek"),
        ("早上好世界", b"Han"),
        ("おはようございます", b"Hiragana"),
        ("カタカナ", b"Katakana"),
        ("ｶﾀｶﾅ", b"Katakana"),
        ("ｆｕｌｌ　ｗｉｄｔｈ", b"Latin"),
        ("𝐛𝐨𝐥𝐝 letters", b"Latin"),
        ("안녕하세요", b"Hangul"),
        ("صباح الخير", b"Arabic"),
        ("בוקר טוב", b"Hebrew"),
        ("नमस्ते दुनिया", b"Devanagari"),
        ("สวัสดี", b"Thai"),
        ("დილა მშვიდობისა", b"Georgian"),
        ("1234 + 5678 = ?", texts.NO_LETTERS),
        ("", texts.NO_LETTERS),
        ("Привет, this is mostly Latin text", b"Latin"),
    ],
)
def test_the_script_is_that_of_most_letters(text, script):
    assert texts.script(text) == script
    assert measured(text.encode())["script"] == script


def test_lengths_are_counted_in_bytes_characters_and_words():
    found = measured("naïve café\n 早上好".encode())
    assert (found["bytes"], found["characters"], found["words"]) == (23, 15, 3)
    assert found["not_utf8"] == 0


@given(st.text(st.characters(blacklist_categories=["Cs"])))
def test_utf8_is_all_utf8(text):
    found = measured(text.encode())
    assert found["not_utf8"] == 0 and found["characters"] == len(text)
    assert found["words"] == len(text.split())


@given(st.binary(max_size=100))
def test_any_bytes_have_measures(content):
    found = measured(content)
    assert found["bytes"] == len(content) and 0 <= found["not_utf8"] <= 1
    try:
        content.decode()
    except UnicodeDecodeError:
        assert found["not_utf8"] > 0


def test_latin_1_shows_as_a_share_that_is_not_utf8():
    assert measured("äöü plain".encode("latin-1"))["not_utf8"] == pytest.approx(3 / 9)
