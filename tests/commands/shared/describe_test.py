"""Settings are read from the dataclasses: every one has a meaning, every number a unit."""

from __future__ import annotations

import dataclasses

import pytest

from perceiver_keras import config as c
from perceiver_keras.commands.shared.describe import meaning_of, settings, settings_of, word
from perceiver_keras.config_tree import keys, override
from perceiver_keras.tasks import registry


@c.frozen()
class Shape:
    """Any."""

    # A comment above,
    # of two lines [cm]
    side: float = 1.5
    corners: tuple[int, ...]  # at its end [corners]
    text = "no setting"

    # about nothing

    silent: bool = False


@c.frozen()
class Round(Shape):
    radius: int | None = None  # of a circle [mm].


@c.frozen()
class Picture:
    shape: Shape | Round  # what is drawn
    frame: Round | None = None  # null: none
    names: dict[str, float] = dataclasses.field(default_factory=dict)  # any [kg]


def test_the_meaning_is_the_comment_and_the_unit_its_brackets() -> None:
    assert meaning_of(Shape, "side") == ("A comment above, of two lines", "cm")
    assert meaning_of(Shape, "corners") == ("At its end", "corners")
    assert meaning_of(Shape, "silent") == ("", "")
    assert meaning_of(Round, "radius") == ("Of a circle", "mm")
    assert meaning_of(Round, "side") == meaning_of(Shape, "side")  # inherited


def test_settings_are_those_of_all_classes_with_types_and_defaults() -> None:
    found = {(s.key, s.kind): s for s in settings(Picture)}
    assert found["shape", ""].type == "Shape or Round"
    assert found["shape.side", "Shape"].default == "1.5"
    assert found["shape.corners", "Round"][1:4] == ("list of int", "", "At its end")
    assert found["frame", ""].default == "null"
    assert found["frame.radius", ""].type == "int or null"
    assert found["names", ""][1:3] == ("object of float", "{}")


def test_settings_of_a_configuration_have_its_values_and_its_classes() -> None:
    picture = Picture(shape=Round(corners=(3,), radius=2), names={"a": 1.0})
    found = {s.key: value for s, value in settings_of(picture)}
    assert found == {
        "shape": "Round",
        "shape.side": 1.5,
        "shape.corners": [3],
        "shape.silent": False,
        "shape.radius": 2,
        "frame": None,
        "names": {"a": 1.0},
    }


@pytest.mark.parametrize("name", registry.names())
def test_every_setting_of_a_task_has_a_meaning_and_every_number_a_unit(name: str) -> None:
    config = registry.get(name).config_class
    found = list(settings(config))
    where = "write a comment above the field, with its unit in brackets at the end"
    assert [s.key for s in found if not s.meaning] == [], where
    numbers = [s for s in found if {"int", "float"} & set(s.type.split())]
    bare = [s.key for s in numbers if not s.unit and not s.type.startswith("object")]
    assert bare == [], where


@pytest.mark.parametrize("name", registry.names())
def test_every_value_is_taken_back_by_set(name: str) -> None:
    for preset in registry.get(name).presets.values():
        rows = settings_of(preset.config)
        leaves = {key for key in keys(preset.config)} - {"data", "model", "train", "evaluate"}
        assert leaves - {s.key for s, _ in rows} <= {
            "model.encode",
            "model.process",
            "model.decode",
            "model.transformer",
        }
        for setting, value in rows:
            if not setting.choices:
                assert override(preset.config, f"{setting.key}={word(value)}") == preset.config
