"""Arms are found by name, and become quick by their claim's settings."""

from __future__ import annotations

import pytest

from perceiver_keras.errors import UsageError
from perceiver_keras.miniature.claim import by_seed
from tests.miniature.formula import claim


def test_an_arm_is_found_by_its_name():
    assert claim().arm("bad").settings == {"base": 0.5}
    with pytest.raises(UsageError, match="no arm 'godo'; its arms are good, bad.*'good'"):
        claim().arm("godo")


def test_a_quick_claim_is_the_same_with_other_settings():
    quick = claim().made_quick()
    assert [arm.settings for arm in quick.arms] == [{"base": 0.1}] * 2
    assert [arm.name for arm in quick.arms] == ["good", "bad"]


def test_numbers_by_seed_leave_out_what_was_not_measured():
    records = {"good": {0: {"numbers": {"a": 1}}, 3: {"numbers": {"b": 2}}}}
    assert by_seed(records, "good", "a") == {0: 1.0}
    assert by_seed(records, "bad", "a") == {}


def test_the_command_of_a_single_run():
    assert claim().command("good", 2) == "perceiver reproduce miniature made_up --arm good --seed 2"
