"""The base of every task's model: what it takes, answers, and loading by name or folder."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

import perceiver_keras as pk
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.perceiver import STAGES
from perceiver_keras.tasks.model import TaskModel
from tests.tiny_task import CONFIG


def test_a_model_keeps_its_policy_in_a_file_and_in_a_copy(tmp_path):
    with pk.precision("mixed_bfloat16"):
        made = pk.ImageClassifier.from_preset("tiny", encode__num_latents=2)
    asked = pk.ImageClassifier(made.config, dtype="mixed_bfloat16").build_all()
    asked.save(tmp_path / "mixed.keras")
    loaded = keras.models.load_model(tmp_path / "mixed.keras")
    pictures = np.random.default_rng(4).normal(size=(3, 8, 8, 1)).astype(np.float32)
    np.testing.assert_array_equal(loaded(pictures), asked(pictures))
    for model in (made, asked, loaded, type(made).from_config(made.get_config())):
        stages = [getattr(model, stage).compute_dtype for stage in STAGES]
        assert stages == ["bfloat16"] * len(STAGES), stages
        assert model.encode.variable_dtype == "float32"
    assert keras.mixed_precision.global_policy().name == "float32"
    with pk.precision("bfloat16"):  # what a file says wins over what is set when it is read
        assert keras.models.load_model(tmp_path / "mixed.keras").encode.dtype == "float32"


@pytest.fixture(scope="module")
def digits():
    return pk.ImageClassifier.from_preset("tiny", encode__num_latents=2)


def test_answers_are_those_of_the_served_model(digits):
    pictures = np.random.default_rng(1).integers(0, 256, (3, 8, 8, 1), np.uint8)
    contents = [tf.io.encode_png(picture).numpy() for picture in pictures]
    answers = digits.answer(contents, top=2)
    config = digits.task_config
    normal = (pictures.astype(np.float32) - config.data.mean) / config.data.std
    shares = tf.nn.softmax(digits(normal)).numpy()
    assert [len(answer) for answer in answers] == [2, 2, 2]
    for answer, share in zip(answers, shares, strict=True):
        assert answer[0]["score"] == pytest.approx(share.max(), rel=1e-4)


def test_overrides_and_a_folder_from_which_all_comes_back(digits, tmp_path):
    assert digits.config.encode.num_latents == 2
    assert digits.task_config.model == digits.config
    names = [f"digit {i}" for i in range(10)]
    folder = digits.save_to_preset(tmp_path / "digits", labels=names)
    again = pk.load(folder)
    assert again.labels == names and again.task_config == digits.task_config
    for one, other in zip(again.get_weights(), digits.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_without_a_preset_can_not_answer(digits):
    bare = type(digits)(digits.config)
    with pytest.raises(UsageError, match="Only a model from `from_preset` or `load` can answer"):
        bare.answer([b""])
    for one in (b"a", "a.png", 3):
        with pytest.raises(UsageError, match="Expected a list of requests; got one"):
            digits.answer(one)


def test_a_name_that_several_tasks_have_is_not_enough():
    with pytest.raises(
        UsageError, match="Several tasks have a preset 'tiny'; name one of image_class"
    ):
        pk.load("tiny")
    assert pk.load("image-classification/tiny").task_name == "image_classification"
    with pytest.raises(UsageError, match="Unknown task 'image_clasification'"):
        pk.load("image_clasification/tiny")
    with pytest.raises(UsageError, match="neither a folder nor a preset of image_class.*'tiny'"):
        pk.ImageClassifier.from_preset("tinny")


def test_a_folder_of_something_else_does_not_hide_a_presets_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").mkdir()
    (tmp_path / "image_classification" / "tiny").mkdir(parents=True)
    (tmp_path / "tiny" / "notes.txt").write_text("mine")
    assert pk.ImageClassifier.from_preset("tiny").task_name == "image_classification"
    assert pk.load("image_classification/tiny").task_name == "image_classification"
    with pytest.raises(UsageError, match="Several tasks have a preset 'tiny'"):
        pk.load("tiny")
    (tmp_path / "tiny" / "config.json").write_text("{}")
    for call in (pk.load, pk.ImageClassifier.from_preset):
        with pytest.raises(PerceiverError, match="it lacks task.json, model.weights.h5"):
            call("tiny")


def test_a_subclass_must_say_what_it_takes():
    class Unfinished(TaskModel):
        def __init__(self, config):
            layer = keras.layers.Layer
            super().__init__(config, preprocess=layer(), query=layer(), postprocess=layer())

    with pytest.raises(TypeError, match="Unfinished must say what it takes"):
        Unfinished(CONFIG.model).build_all()


def test_a_built_model_says_what_it_takes(digits):
    picture = np.zeros([2, 8, 8, 1], np.float32)
    assert digits(picture[:, :4]).shape == (2, 10)  # Fourier positions are of any grid
    for given in (np.zeros([2, 8, 8, 3]), np.zeros([2, 8, 8]), np.array(["a"])):
        for call in (digits, lambda given: digits.predict(given, verbose=0)):
            with pytest.raises(UsageError, match="^ImageClassifier takes ") as caught:
                call(given)
            assert "\n" not in str(caught.value)
    texts = pk.MaskedLanguageModel.from_preset("tiny")
    ids, mask = np.zeros([2, 5], np.int32), np.ones([2, 5], bool)
    np.testing.assert_array_equal(texts(ids, mask=mask), texts({"ids": ids, "mask": mask}))
    with pytest.raises(UsageError, match="got no 'mask'"):
        texts({"ids": ids})


@pytest.mark.parametrize("top", [0, -1, 1.5, "2", True])
def test_top_is_a_whole_number(digits, top):
    calls = [
        (digits.classify, np.zeros([8, 8], np.uint8)),
        (digits.answer, []),
        (pk.MultimodalAutoencoder.from_preset("tiny").autoencode, []),
        (pk.MaskedLanguageModel.from_preset("tiny").fill_mask, "a"),
    ]
    for call, given in calls:
        with pytest.raises(UsageError, match="top: expected a whole number from 1 on; got "):
            call(given, top=top)
