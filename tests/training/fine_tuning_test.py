"""The layers of a run that starts from other weights: the recipe, what the weights need, and what stays an error."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from perceiver_keras.config_tree import merge, override
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.transfer import Start
from perceiver_keras.training import fine_tuning

IMAGES = registry.get("image_classification")
FOURIER = "imagenet_fourier_position_encoding"


def start_of(task, config, preset=None):
    """A start whose weights nobody looks at."""
    return Start("there", task.model, config.model, {}, None, config, preset)


def test_a_pre_training_recipe_becomes_one_for_fine_tuning():
    config = override(IMAGES.preset(FOURIER).config, "data.dataset=own_data/mine")
    tree = fine_tuning.recipe(IMAGES, FOURIER, config)
    tuned = merge(config, tree)
    assert (tuned.train.steps, tuned.train.warmup_steps, tuned.data.batch_size) == (2000, 200, 32)
    assert tuned.train.schedule == "cosine" and tuned.train.evaluate_every == 250
    assert tuned.train.learning_rate == pytest.approx(2e-3 * math.sqrt(32 / 1024), rel=0.02)
    splits = (tuned.data.train_split, tuned.data.validation_split, tuned.data.test_split)
    assert splits == ("train", "validation", "test")


def test_the_presets_own_data_keeps_its_splits():
    config = IMAGES.preset(FOURIER).config
    assert "train_split" not in fine_tuning.recipe(IMAGES, FOURIER, config)["data"]


def test_other_data_keep_the_splits_that_they_determine():
    """Not ImageNet's, and "validation" as for any other data where the data set does not say."""
    seen = []

    def settings_of(config):
        seen.append(config.data.train_split)
        return {"data": {"train_split": "train[:90%]", "test_split": "unseen", "mean": [1, 1, 1]}}

    task = replace(IMAGES, examples=replace(IMAGES.examples, settings_of=settings_of))
    config = override(IMAGES.preset(FOURIER).config, "data.dataset=mine")
    data = fine_tuning.recipe(task, FOURIER, config)["data"]
    assert seen == ["train"]
    splits = {key: value for key, value in data.items() if key.endswith("split")}
    assert splits == {
        "train_split": "train[:90%]",
        "validation_split": "validation",
        "test_split": "unseen",
    }
    assert "mean" not in data


def test_a_preset_states_its_own_numbers():
    conv = "imagenet_conv_preprocessing"
    tree = fine_tuning.recipe(IMAGES, conv, IMAGES.preset(conv).config)
    assert tree["train"]["learning_rate"] == 3.5e-5  # a tenth, as in App. A.2
    flow = registry.get("optical_flow")
    tree = fine_tuning.recipe(flow, "optical_flow", flow.preset("optical_flow").config)
    assert tree["data"]["batch_size"] == 8
    assert tree["train"]["learning_rate"] == pytest.approx(4e-4 * math.sqrt(8 / 512), rel=0.02)


def test_small_recipes_and_those_for_fine_tuning_stay():
    glue = registry.get("glue")
    for name, preset in glue.presets.items():
        assert fine_tuning.recipe(glue, name, preset.config) == {}
    for name in registry.names():
        task = registry.get(name)
        assert fine_tuning.recipe(task, "tiny", task.preset("tiny").config) == {}


@pytest.mark.parametrize("task", registry.names())
def test_every_recipe_is_a_configuration_that_trains_less(task):
    the_task = registry.get(task)
    for name, preset in the_task.presets.items():
        tuned = merge(preset.config, fine_tuning.recipe(the_task, name, preset.config))
        assert tuned.train.steps <= max(preset.config.train.steps, 2000)
        assert tuned.train.learning_rate <= preset.config.train.learning_rate


def test_what_no_shape_tells_comes_from_the_start():
    ours = IMAGES.preset(FOURIER).config
    theirs = override(
        ours, "model.activation=gelu", "model.process.num_blocks=4", "model.position.arithmetic=port",
        "model.encode.num_latents=7", "data.mean=[1,2,3]", "model.num_classes=3",
    )  # fmt: skip
    tuned = merge(ours, fine_tuning.from_start(start_of(IMAGES, theirs), IMAGES, FOURIER, ours))
    assert (tuned.model.activation, tuned.model.process.num_blocks) == ("gelu", 4)
    assert tuned.model.position.arithmetic == "port" and tuned.data.mean == (1, 2, 3)
    # Shapes stay, so that a wrong size is an error; a run of the same preset brings its own.
    assert tuned.model.encode.num_latents == 512 and tuned.model.num_classes == 1000
    run = start_of(IMAGES, theirs, FOURIER)
    tuned = merge(ours, fine_tuning.from_start(run, IMAGES, FOURIER, ours))
    assert tuned.model.encode.num_latents == 7 and tuned.model.num_classes == 1000


def test_a_stem_of_another_kind_is_not_taken():
    ours = IMAGES.preset("imagenet_conv_preprocessing").config
    tree = fine_tuning.from_start(
        start_of(IMAGES, IMAGES.preset(FOURIER).config), IMAGES, "imagenet_conv_preprocessing", ours
    )
    assert "stem" not in tree["model"] and tree["model"]["image_size"] == [224, 224]


def test_another_task_gives_its_stages_and_vocabulary():
    glue, language = registry.get("glue"), registry.get("language_mlm")
    theirs = override(
        language.preset("tiny").config, "data.sentencepiece=words.model", "model.activation=gelu"
    )
    tree = fine_tuning.from_start(
        start_of(language, theirs), glue, "tiny", glue.preset("tiny").config
    )
    assert tree["data"] == {"sentencepiece": "words.model"}
    assert tree["model"]["activation"] == "gelu" and "length" not in tree["model"]


def test_frequencies_are_kept_at_another_size():
    ours = override(IMAGES.preset(FOURIER).config, "model.image_size=[64,64]")
    start = start_of(IMAGES, IMAGES.preset(FOURIER).config)
    kept = fine_tuning.kept(start, IMAGES, ours)
    assert kept == {"model": {"position": {"max_resolution": (224, 224)}}}
    same = IMAGES.preset(FOURIER).config
    assert fine_tuning.kept(start, IMAGES, same) == {}
