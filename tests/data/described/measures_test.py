"""The table: what the describers give is in it, and the page shows it."""

import numpy as np
import pytest

from perceiver_keras.data.described import measures
from perceiver_keras.data.described.measures import MEASURES, MEASURES_OF, keys_of, measure_of

KINDS = {"image": "picture", "label": "label", "data/review": "text", "entities": "entities"}


def test_keys_are_found_by_feature_and_measure():
    assert measure_of("image/height", KINDS) is MEASURES["picture/height"]
    assert measure_of("label", KINDS).is_name
    assert measure_of("data/review/words", KINDS) is MEASURES["text/words"]
    assert measure_of("entities/column_12", KINDS) is MEASURES["entities/column_NAME"]
    assert measure_of("entities/column_health", KINDS) is MEASURES["entities/column_NAME"]
    assert measure_of("label/undecodable", KINDS) is MEASURES["picture/undecodable"]
    for key in (
        "image",
        "image/words",
        "text/words",
        "review/words",
        "entities/column_",
        "entities/x",
        "",
    ):
        assert measure_of(key, KINDS) is None


def test_all_keys_are_listed_once_and_known():
    keys = keys_of(KINDS)
    assert {"image/height", "label", "data/review/script"} <= set(keys)
    assert len(keys) == len(set(keys))
    assert all(measure_of(key, KINDS) for key in keys)


@pytest.mark.parametrize("key", MEASURES)
def test_each_has_unit_meaning_and_rising_edges(key):
    measure = MEASURES[key]
    assert measure.unit and measure.meaning and not measure.meaning.endswith(".")
    assert (np.diff(measure.edges) > 0).all()
    assert not (measure.is_name and measure.edges)


def test_the_page_is_current(request):
    page = (request.config.rootpath / "docs" / "data_checks.md").read_text()
    assert measures.as_markdown() in page, "put measures.as_markdown() there"
    assert measures.as_markdown().count("\n") == 2 + sum(map(len, MEASURES_OF.values()))
