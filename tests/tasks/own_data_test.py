"""`--data PATH` for every task: what lies there sets the configuration, and one step of training takes it."""

from __future__ import annotations

import types

import numpy as np
import pytest
import tensorflow as tf

import perceiver_keras as pk
from perceiver_keras.config_tree import from_json, override, to_json
from perceiver_keras.errors import UsageError
from perceiver_keras.gate import slices
from perceiver_keras.tasks import own_data, registry
from tests import own_folders


def test_every_task_but_glue_takes_the_users_own_data() -> None:
    """GLUE is a fixed set of data sets."""
    taking = {name for name in registry.names() if registry.get(name).examples.own_data}
    assert taking == set(registry.names()) - {"glue"} == set(own_folders.OF_TASK)


@pytest.fixture(scope="module", params=sorted(own_folders.OF_TASK))
def opened(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    path = own_folders.OF_TASK[request.param](root / "mine")
    return registry.get(request.param), pk.data.open(
        path, task=request.param, data_dir=str(root / "data"), batch_size=2
    )


def test_a_model_of_these_settings_takes_the_batches(opened) -> None:
    task, data = opened
    config = data.config
    assert config.data.batch_size == 2 and data.left_out == {}
    assert from_json(task.config_class, to_json(config)) == config
    slices.check(task, config)
    inputs, targets = next(iter(data.train_batches()))
    model = task.build(config)
    with tf.GradientTape() as tape:
        outputs = model(inputs, training=True)
        loss = tf.reduce_mean(task.measures.loss(config)(targets, outputs))
    assert np.isfinite(loss.numpy())
    assert any(g is not None for g in tape.gradient(loss, model.trainable_variables))


def test_every_example_is_in_one_split_and_evaluated_once(opened) -> None:
    task, data = opened
    for split in ("validation", "test"):
        count = sum(int(tf.nest.flatten(batch)[0].shape[0]) for batch in data.eval_batches(split))
        stored = data.builder.info.splits[split].num_examples
        # A file may be cut into several examples.
        assert count == stored >= len(data.found.in_split(split)) > 0


def test_thresholds_are_what_a_guess_reaches(opened) -> None:
    """A gate below the trivial guess would bless anything; one far above is not for strangers' data."""
    task, data = opened
    baseline = task.measures.baseline(data.eval_batches("test"), data.config)
    for name, least in data.config.evaluate.thresholds.items():
        guess = baseline.get(name)
        if guess is None or name.endswith("psnr"):  # measured on a sample of the videos
            continue
        assert abs(guess - least) <= 0.12, name


def test_the_table_names_the_place_and_the_layout(opened) -> None:
    _, data = opened
    rows = dict(data.found.rows())
    assert rows["data"] == str(data.found.place.given) and rows["layout"]
    assert str(data) == str(data.found)


def test_what_does_not_exist_or_is_not_taken_is_said(tmp_path) -> None:
    task = registry.get("image_classification")
    config = task.configure()
    with pytest.raises(UsageError, match="no such file or folder"):
        own_data.look(task, config, tmp_path / "none/at/all")
    with pytest.raises(UsageError, match="TFDS has no data set 'mnits'. Did you mean 'mnist'"):
        own_data.look(task, config, "mnits")
    with pytest.raises(UsageError, match="glue takes no --data"):
        own_data.look(registry.get("glue"), registry.get("glue").configure(), tmp_path)


def test_prepared_data_is_not_read_as_data(tmp_path) -> None:
    """A second look would find the first one's files: other data, under another name."""
    task = registry.get("language_mlm")
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text(f"text {number} " * 100)
    for data_dir in (tmp_path / "cache", tmp_path):
        config = task.configure("tiny", [("test", {"data": {"data_dir": str(data_dir)}})])
        with pytest.raises(UsageError, match="folder of prepared data sets.* data.data_dir"):
            own_data.look(task, config, tmp_path)


def test_what_is_no_file_and_no_folder_is_named(tmp_path) -> None:
    task = registry.get("image_classification")
    (tmp_path / "link").symlink_to("nowhere")
    for path, words in (
        (tmp_path / "link", "it is a link to nothing"),
        (tmp_path / "gone", "there is no such file or folder.$"),
        ("/dev/null", "neither a file nor a folder"),
        ("gs://bucket/mine", "your own files must be on this machine"),
    ):
        with pytest.raises(UsageError, match=words):
            own_data.look(task, task.configure(), path)


def test_the_data_that_a_model_was_trained_on_can_judge_it(opened) -> None:
    """With the settings of the model, which name what its data set has, not what the files have."""
    task, data = opened
    model = types.SimpleNamespace(labels=data.found.labels)
    found = own_data.look(task, data.config, data.found.place.given, model)
    assert {item.split for item in found.items} == {"test"}
    assert found.labels == data.found.labels


def test_a_trained_models_settings_name_no_columns_of_a_table(tmp_path) -> None:
    rows = [f"a {'good' if i % 2 else 'bad'} product {i},{i % 2}" for i in range(60)]
    (tmp_path / "reviews.csv").write_text("\n".join(["review,stars", *rows]))
    task = registry.get("text_classification")
    data = pk.data.open(
        tmp_path / "reviews.csv", task=task.name, data_dir=str(tmp_path / "data"), batch_size=2
    )
    model = types.SimpleNamespace(labels=data.found.labels)
    assert len(own_data.look(task, data.config, tmp_path / "reviews.csv", model).items) == 60
    for name in ("text", "lable"):
        config = override(data.config, f"data.text={name}")
        with pytest.raises(UsageError, match=f"data.text: reviews.csv has no column '{name}'"):
            own_data.look(task, config, tmp_path / "reviews.csv", model, [f"data.text={name}"])
