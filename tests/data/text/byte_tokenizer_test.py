"""Bytes to ids and back, and words of bytes, against plain Python."""

from __future__ import annotations

import re

import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perceiver_keras.data.text import byte_tokenizer as text

TOKENIZER = text.ByteTokenizer()


def plain_ids(content: bytes) -> list[int]:
    """The official rule in Python: byte + 6, and 3 for each "[MASK]"."""
    parts = [[byte + 6 for byte in part] for part in content.split(b"[MASK]")]
    return sum(([3, *part] for part in parts[1:]), parts[0])


ANY = st.lists(
    st.sampled_from([b"[MASK]", b"[MASK", b"ASK]", b"[", b"\xff\xfe", "é€😀".encode(), b"\0a "])
).map(b"".join)
GRAPH = tf.function(text.byte_ids, input_signature=[tf.TensorSpec([None], tf.string)])


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(contents=st.lists(ANY, max_size=4))
def test_any_bytes_there_and_back(contents):
    """Eager and graph, whatever the bytes; nothing is lost, and what is shown is valid UTF-8."""
    ids = text.byte_ids(tf.constant(contents, tf.string))
    assert ids.to_list() == [plain_ids(content) for content in contents]
    assert GRAPH(tf.constant(contents, tf.string)).to_list() == ids.to_list()
    assert text.byte_text(ids, valid=False).numpy().tolist() == contents
    for shown, content in zip(text.byte_text(ids).numpy(), contents, strict=True):
        assert "\ufffd" in shown.decode() or shown == content


def test_one_text_is_cut_with_a_count_or_padded():
    long = text.encode("a[MASK]bcdef", 4)
    assert long.ids.numpy().tolist() == [103, 3, 104, 105] and int(long.cut) == 3
    short = text.encode(b"", 4)
    assert short.ids.numpy().tolist() == [0] * 4 and not short.mask.numpy().any()
    assert text.encode("[MASK]", 6, specials=False).ids.numpy().tolist() == [97, 83, 71, 89, 81, 99]
    assert text.decode(tf.constant([3, 7, 0, 500, -1, 70])) == b"[MASK]\x01@"


@settings(max_examples=15, deadline=None)
@given(content=st.text(alphabet="ab .é\t\n\v\f\r ").map(str.encode))
def test_words_are_what_stands_between_white_space(content):
    """Against Python's words of ASCII white space; padding is in none."""
    ids = tf.constant([*(byte + 6 for byte in content), text.PAD, text.PAD])
    numbers = TOKENIZER.word_numbers(ids).numpy().tolist()
    words = [content[match.start() : match.end()] for match in re.finditer(rb"[^ \t-\r]+", content)]
    found = {}
    for number, byte in zip(numbers, content, strict=False):
        if number >= 0:
            found[number] = found.get(number, b"") + bytes([byte])
    assert list(found.values()) == words
    assert sorted(found) == list(found)  # ascending
    assert numbers[-2:] == [-1, -1]


def test_every_id_has_a_name_of_its_own():
    names = TOKENIZER.names()
    assert len(set(names)) == len(names) == text.VOCABULARY
    assert names[: text.OFFSET] == ["[PAD]", "[BOS]", "[EOS]", "[MASK]", "[CLS]", "[SEP]"]
    assert [names[byte + 6] for byte in "aé".encode()] == ["a", "<0xC3>", "<0xA9>"]
