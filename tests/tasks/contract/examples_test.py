"""What a task's examples are where it says nothing: not transformed, and without a vocabulary."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import tensorflow as tf

from perceiver_keras.tasks.contract.examples import Examples, Vocabulary
from tests.tiny_task import CONFIG, TASK


def test_features_pass_through_as_a_new_dictionary():
    features = {"image": tf.constant(["a"]), "label": tf.constant([1])}
    found = TASK.examples.transform(features, CONFIG)
    assert found == features and found is not features


def test_without_a_vocabulary_nothing_is_learned_and_nothing_travels():
    vocabulary = TASK.examples.vocabulary
    assert vocabulary.words({"text": tf.constant(["a b"])}, CONFIG) is None
    assert vocabulary.learn is None and tuple(vocabulary.resources(CONFIG)) == ()
    config, files = vocabulary.portable(CONFIG)
    assert (config, files) == (CONFIG, {})
    assert vocabulary.located(config, Path("anywhere")) is CONFIG


def test_a_vocabulary_s_file_travels_and_is_found_again(tmp_path):
    """As preset folders do it: the file goes along, the settings name it where it lies."""
    from perceiver_keras.config_tree import override

    vocabulary = Vocabulary(
        portable=lambda config: (override(config, "data.data_dir=words"), {"words": b"a\nb"}),
        located=lambda config, folder: override(
            config, f"data.data_dir={folder / config.data.data_dir}"
        ),
    )
    examples = Examples(
        **{
            name: getattr(TASK.examples, name)
            for name in ("spec", "label_key", "check", "check_dataset", "prepare")
        },
        vocabulary=vocabulary,
    )
    portable, files = examples.vocabulary.portable(CONFIG)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    located = examples.vocabulary.located(portable, tmp_path)
    assert Path(located.data.data_dir).read_bytes() == b"a\nb"


def test_the_label_s_feature_is_the_task_s_or_the_configuration_s():
    assert TASK.examples.label_of(CONFIG) == TASK.examples.label_key == "label"
    renamed = dataclasses.replace(
        TASK.examples, stored_label=lambda config: f"{config.data.dataset} label"
    )
    assert renamed.label_of(CONFIG) == f"{CONFIG.data.dataset} label"
    assert TASK.examples.settings_of(CONFIG) == {}
