"""YAML 1.2: what people write as a number is one, and what is written is read back by everyone."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.commands.shared import yaml_files

words = st.text(max_size=8) | st.sampled_from(
    ["on", "1e-3", "null", "~", "no", "1_000", "0o7", "<<", "\x85", "a\u2028b", "\u2029 "]
)
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words
sections = st.dictionaries(words, plain | st.lists(plain, max_size=3), max_size=3)
trees = st.dictionaries(words, plain | sections, max_size=3)


@given(trees)
def test_what_is_dumped_is_read_back_here_and_by_pyyaml(values) -> None:
    text = yaml_files.dump(values)
    assert yaml_files.load(text) == values
    assert (yaml.safe_load(text) or {}) == values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1E5", 1e5),
        (".5", 0.5),
        ("-1.5e+3", -1500.0),
        ("12", 12),
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("true", True),
        ("False", False),
        ("1.2.3", "1.2.3"),
        ("e3", "e3"),
        ("null", None),
        ("[1, 2e0]", [1, 2.0]),
    ],
)
def test_numbers_and_words_are_those_of_yaml_1_2(text: str, value) -> None:
    found = yaml_files.load(f"a: {text}")["a"]
    assert found == value and type(found) is type(value)


def test_infinity_and_nothing() -> None:
    assert yaml_files.load("a: .inf")["a"] == math.inf
    assert yaml_files.load("# nothing") == {}


def test_what_is_not_yaml_is_one_line() -> None:
    with pytest.raises(ValueError, match="expected") as raised:
        yaml_files.load("a: [")
    assert "\n" not in str(raised.value)
