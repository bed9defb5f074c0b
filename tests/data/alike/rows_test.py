"""A stored row is what was stored."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.data.alike.example import Fingerprint
from perceiver_keras.data.alike.rows import from_row, to_row

fingerprints = st.builds(
    Fingerprint,
    exact=st.binary(max_size=16),
    label=st.binary(),
    keys=st.lists(st.binary()).map(tuple),
    print=st.binary(),
)


@given(st.integers(0, 2**62), fingerprints)
def test_a_row_is_read_as_it_was_written(index, fingerprint):
    row = to_row(index, fingerprint)
    assert from_row(row) == (index, fingerprint)
    assert to_row(index, fingerprint) == row
