"""Two texts in one sequence: who gets how much of the room."""

from __future__ import annotations

import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_keras.data.text.byte_tokenizer import OFFSET, SEP, ByteTokenizer
from perceiver_keras.tasks.shared.text_pairs import join


def joined(first: bytes, second: bytes, length: int) -> tuple[bytes, bytes, int]:
    encoded = join(tf.constant(first), tf.constant(second), ByteTokenizer(), length)
    ids = encoded.ids.numpy()[encoded.mask.numpy()].tolist()
    place = ids.index(SEP)
    left, right = (bytes(i - OFFSET for i in part) for part in (ids[:place], ids[place + 1 :]))
    assert len(encoded.ids) == length
    return left, right, int(encoded.cut)


@settings(max_examples=60, deadline=None)
@given(first=st.binary(max_size=24), second=st.binary(max_size=24), length=st.integers(3, 30))
def test_both_begin_at_their_beginning_and_share_the_room_fairly(first, second, length):
    left, right, cut = joined(first, second, length)
    assert first.startswith(left) and second.startswith(right)
    assert cut == len(first) - len(left) + len(second) - len(right)
    room = length - 1
    assert len(left) + len(right) == min(room, len(first) + len(second))
    if left != first:
        assert len(left) >= (room + 1) // 2 or len(right) == len(second)
    if right != second:
        assert len(right) >= room // 2
