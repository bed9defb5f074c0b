"""Labels by their names."""

from perceiver_keras.data.described import labels
from perceiver_keras.data.described.decode import decoded

NAMES = ["cat", "dög"]


def test_a_label_is_its_class_s_name_or_its_number():
    assert labels.name_of(1, NAMES) == "dög".encode()
    assert [labels.name_of(n, NAMES) for n in (-1, 2)] == [b"-1", b"2"]
    assert labels.name_of(1, None) == b"1"


def test_several_labels_are_named_and_counted_without_unused_places():
    assert labels.describe(decoded("labels", [1, 0, -1]), NAMES) == {
        "": ["dög".encode(), b"cat"],
        "count": 2,
    }
    assert labels.describe(decoded("labels", [-1, -1]), NAMES) == {"": [], "count": 0}


def test_tags_are_runs_and_a_share():
    found = labels.describe_tags(decoded("tags", b"0011022"))
    assert found == {"": [b"1", b"2"], "count": 2, "tagged": 4 / 7}
    assert labels.describe_tags(decoded("tags", b"1122"))[""] == [b"1", b"2"]
    assert labels.describe_tags(decoded("tags", b""))["tagged"] == 0


def test_tags_have_the_names_that_are_known():
    names = ["space", "keyword", "näme"]
    found = labels.describe_tags(decoded("tags", b"0011022"), names)
    assert found[""] == [b"keyword", "näme".encode()]
    assert labels.describe_tags(decoded("tags", b"5"), names)[""] == [b"5"]
