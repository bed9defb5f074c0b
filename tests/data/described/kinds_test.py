"""The kinds: each has a decoder, a row in the table of measures, and a place among questions or answers."""

from typing import get_args

from perceiver_keras.data.described import decode
from perceiver_keras.data.described.kinds import ANSWERS, Kind
from perceiver_keras.data.described.measures import MEASURES_OF


def test_each_kind_is_decoded_and_measured():
    kinds = get_args(Kind)
    assert set(decode._DECODERS) == set(kinds) == set(MEASURES_OF)
    assert len(set(kinds)) == len(kinds)


def test_answers_are_kinds_and_not_all_of_them():
    assert set(get_args(Kind)) > ANSWERS
    assert not ANSWERS & {"picture", "pictures", "sound", "text", "entities"}
