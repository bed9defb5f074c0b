"""Where the value of each setting comes from."""

from __future__ import annotations

from perceiver_keras.commands.shared.describe import settings_of
from perceiver_keras.commands.shared.origins import origins
from perceiver_keras.config_tree import override
from perceiver_keras.tasks import registry

TASK = registry.get("image_classification")
LAYERS = [
    ("--data pictures", {"data": {"test_split": "all"}, "model": {"num_classes": 3}}),
    ("a.yaml", {"train": {"steps": 9, "seed": 1}, "model": {"num_classes": 3}}),
    ("b.yaml", {"train": {"steps": 8}, "evaluate": {"thresholds": {"accuracy": 0.5}}}),
]


def test_the_last_that_changes_a_setting_is_its_source() -> None:
    overrides = ("train.steps=7", "data.batch-size=64", 'model.stem={"kind": "PixelStem"}')
    config = TASK.configure("tiny", LAYERS, overrides, 5)
    found = {o.key: o for o in origins(TASK, "tiny", LAYERS, overrides, 5, config)}
    preset = {key: o for key, o in found.items() if o.source == "preset tiny"}
    assert {key: (o.value, o.source) for key, o in found.items() if key not in preset} == {
        "data.test_split": ("all", "--data pictures"),
        "model.num_classes": (3, "--data pictures"),  # a.yaml says what was so
        "train.steps": (7, "--set"),
        "train.seed": (5, "--seed"),
        "evaluate.thresholds": ({"accuracy": 0.5}, "b.yaml"),
        "model.stem": ("PixelStem", "--set"),
        "model.stem.spatial_downsample": (1, "--set"),
    }
    assert found["train.steps"].preset == 2400
    assert found["data.batch_size"].source == "preset tiny"
    assert all(o.value == o.preset for o in preset.values())


def test_what_no_layer_explains_is_what_the_data_set_determines() -> None:
    config = override(TASK.preset("tiny").config, "data.dataset=mine", "model.num_classes=7")
    found = {o.key: o for o in origins(TASK, "tiny", (), ("data.dataset=mine",), None, config)}
    assert found["data.dataset"][1:] == ("mine", "perceiver_digits", "--set")
    assert found["model.num_classes"][1:] == (7, 10, "data set mine")


def test_the_settings_are_those_of_the_configuration() -> None:
    config = TASK.configure("tiny", LAYERS, ("train.steps=7",), None)
    found = {
        o.key: o.value for o in origins(TASK, "tiny", LAYERS, ("train.steps=7",), None, config)
    }
    assert found == {setting.key: value for setting, value in settings_of(config)}
