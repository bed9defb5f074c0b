"""What a rule found, as people and files read it."""

import json
import math

from perceiver_keras.gate.check import Check, listed, number


def test_a_check_becomes_json():
    for passed in (True, False, None):
        check = Check("threshold accuracy", passed, "accuracy is 0.9.")
        tree = json.loads(json.dumps(check.to_json()))
        assert Check(**tree) == check


def test_numbers_have_four_digits():
    assert [number(x) for x in (0.98765, 123456.0, 1.0)] == ["0.9877", "1.235e+05", "1"]
    assert number(None) == number(math.nan) == "unknown"


def test_a_long_list_is_cut_and_counted():
    assert listed(["a", "b"]) == "a; b"
    assert listed(list("abcdefg"), 5) == "a; b; c; d; e; and 2 more"
