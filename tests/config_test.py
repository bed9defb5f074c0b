"""The classes of settings: nothing changes in place, and every default is one that a file may hold."""

import dataclasses
import json

import pytest

import perceiver_keras.config as config
from perceiver_keras.config_tree import from_dict, to_dict

CLASSES = [
    value
    for value in vars(config).values()
    if dataclasses.is_dataclass(value) and isinstance(value, type)
]
REQUIRED = {"int": 3, "float": 0.5, "str": "digits"}


def example(cls):
    """One with all defaults; what has none is filled in by its type."""
    values = {}
    for field in dataclasses.fields(cls):
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            known = REQUIRED.get(field.type)
            values[field.name] = example(getattr(config, field.type)) if known is None else known
    return cls(**values)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_settings_are_frozen_named_and_made_of_values_that_json_has(cls):
    made = example(cls)
    first = dataclasses.fields(cls)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, first, 3)
    with pytest.raises(TypeError, match="positional"):
        cls(3)
    assert from_dict(cls, json.loads(json.dumps(to_dict(made)))) == made
