"""The user's pictures set size, channels, classes and threshold; ImageNet's recipe keeps its size."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from perceiver_keras import config as c
from perceiver_keras.data.own.catalogue import Catalogued
from perceiver_keras.data.store import source
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import own_data
from perceiver_keras.tasks.image_classification import TASK
from perceiver_keras.tasks.image_classification.own_data import MOST_ELEMENTS, settings, settings_of
from tests import own_folders


def _found(size: tuple[int, int], channels: int = 3) -> SimpleNamespace:
    measured = {
        "median": size,
        "channels": channels,
        "mean": (10.0, 20.0, 30.0),
        "std": (0.0, 5.0, 6.0),
    }
    counts = SimpleNamespace(values=lambda: [3, 1], total=lambda: 4)
    return SimpleNamespace(labels=("a", "b"), measured=measured, counts=lambda split: counts)


def test_a_folder_sets_the_small_models_size(tmp_path) -> None:
    folder = own_folders.pictures(tmp_path / "mine", size=(12, 20))
    config = TASK.configure()
    found = own_data.look(TASK, config, folder)
    mine = TASK.configure("tiny", [("mine", own_data.settings(TASK, config, found))])
    assert mine.model.image_size == (12, 20) and mine.model.channels == 3
    assert mine.model.num_classes == 3 and len(mine.data.mean) == 3
    test = found.counts("test")
    assert mine.evaluate.thresholds == {"accuracy": round(max(test.values()) / test.total(), 4)}


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (480, 640), (4000, 3000), (28, 28)])
def test_any_size_makes_a_model_of_bounded_cost(size) -> None:
    model = settings(_found(size), TASK.configure())["model"]
    patch = model["stem"]["spatial_downsample"]
    height, width = model["image_size"]
    assert height % patch == width % patch == 0
    assert 4 <= (height // patch) * (width // patch) <= 2 * MOST_ELEMENTS


def test_grey_pictures_have_one_channel_and_values_never_divide_by_zero() -> None:
    tree = settings(_found((28, 28), channels=1), TASK.configure())
    assert tree["model"]["channels"] == 1 and tree["data"]["mean"] == (10.0,)
    assert tree["data"]["std"] == (1.0,)


def test_the_recipe_of_imagenet_keeps_its_size() -> None:
    tree = settings(_found((28, 28)), TASK.preset("imagenet_conv_preprocessing").config)
    assert tree["model"] == {"num_classes": 2} and "data" not in tree


def test_a_set_of_the_catalogue_is_looked_at_by_its_name(tmp_path) -> None:
    source.open_builder("perceiver_digits", str(tmp_path))
    config = TASK.configure(
        "imagenet_conv_preprocessing",
        overrides=["data.dataset=perceiver_digits", f"data.data_dir={tmp_path}"],
    )
    assert config.model.num_classes == 10 and isinstance(config.model.stem, c.ConvStem)
    assert (config.data.train_split, config.data.test_split) == ("train", "test")
    found = own_data.look(TASK, config, "perceiver_digits")
    assert isinstance(found, Catalogued) and found.measured["median"] == (8, 8)
    assert settings_of(TASK.configure(overrides=[f"data.data_dir={tmp_path}"])) != {}
    with pytest.raises(UsageError, match="no data set 'mnits'"):
        TASK.configure(overrides=["data.dataset=mnits", f"data.data_dir={tmp_path}"])
    # One that TFDS knows but that is not here is missed when it is read.
    assert TASK.configure(overrides=["data.dataset=mnist", f"data.data_dir={tmp_path}"])
