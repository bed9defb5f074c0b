"""Examples to warm up with: the data set's, or a made-up one that every preset of every task can read."""

from __future__ import annotations

import pytest
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.tasks import registry, warm_up_examples

PRESETS = [(task, preset) for task in registry.names() for preset in registry.get(task).presets]


def raw(example: bytes) -> dict[str, list]:
    """The features as `Examples.check` takes them."""
    features = tf.train.Example.FromString(example).features.feature
    return {
        name: list(getattr(feature, feature.WhichOneof("kind")).value)
        for name, feature in features.items()
    }


@pytest.mark.parametrize(("name", "preset"), PRESETS)
def test_a_made_up_example_is_a_good_one_for_every_preset(name, preset) -> None:
    task = registry.get(name)
    config = task.presets[preset].config
    example = warm_up_examples.made_up(task, config)
    assert task.examples.check(raw(example), config) is None
    parsed = tf.io.parse_single_example(example, task.examples.spec(config))
    assert parsed.keys() == task.examples.spec(config).keys()


def test_a_made_up_picture_has_something_to_see() -> None:
    """A blank one would tell nobody whether channels or rows are in the right order."""
    task = registry.get("optical_flow")
    found = raw(warm_up_examples.made_up(task, task.presets["tiny"].config))
    first = tf.io.decode_image(found["frame1"][0])
    assert first.shape == (16, 24, 3) and len({*first.numpy().flat}) > 20
    assert len({tuple(pixel) for pixel in first.numpy().reshape(-1, 3)}) > 20


def test_examples_of_the_data_set_where_it_is_at_hand() -> None:
    task = registry.get("image_classification")
    config = task.presets["tiny"].config
    found = warm_up_examples.of(task, config, 3)
    assert len(found.examples) == 3 and found.limits == ()
    assert len({*found.examples}) == 3
    assert warm_up_examples.of(task, config, 0) == warm_up_examples.WarmUp([])


def test_a_data_set_is_prepared_only_where_that_is_wanted(tmp_path) -> None:
    task = registry.get("image_classification")
    config = override(task.presets["tiny"].config, f"data.data_dir={tmp_path}")
    found = warm_up_examples.of(task, config, 3, prepare=False)
    assert len(found.examples) == 1 and "is not prepared" in found.made_up_because
    assert list(tmp_path.iterdir()) == []


def test_a_made_up_one_and_the_reason_where_it_is_not() -> None:
    task = registry.get("image_classification")
    config = override(task.presets["tiny"].config, "data.dataset=mnist")
    found = warm_up_examples.of(task, config, 3)
    assert len(found.examples) == 1 and "tfds build mnist" in found.made_up_because
    assert found.limits == (warm_up_examples.MADE_UP,)
