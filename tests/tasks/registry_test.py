"""The table of tasks."""

import pytest

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import registry


def test_names_are_unique_and_both_spellings_work():
    names = registry.names()
    assert len(set(names)) == len(names)
    for name in names:
        assert registry.get(name.replace("_", "-")) is registry.get(name)
        assert registry.get(name).name == name


def test_an_unknown_task_names_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'image_classification'"):
        registry.get("image_clasification")
