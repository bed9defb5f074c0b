"""Texts and labels of TFDS's own data sets are found by name and type; what can't be told is asked for."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.batches import TaskData
from perceiver_keras.tasks.text_classification import TASK, columns
from perceiver_keras.tasks.text_classification.presets import TextData

F = tfds.features


def find(features, **settings):
    flat = columns.flat(F.FeaturesDict(features))
    return columns.find(flat, TextData(dataset="mine", **settings), "mine")


@pytest.mark.parametrize(
    ("name", "texts", "label"),
    [
        ("imdb_reviews", ("text",), "label"),
        ("ag_news_subset", ("title", "description"), "label"),
        ("yelp_polarity_reviews", ("text",), "label"),
        ("sentiment140", ("text",), "polarity"),
        ("glue/sst2", ("sentence",), "label"),
        ("glue/stsb", ("sentence1", "sentence2"), "label"),
        ("glue/qnli", ("question", "sentence"), "label"),
        ("snli", ("premise", "hypothesis"), "label"),
        ("paws_wiki", ("sentence1", "sentence2"), "label"),
    ],
)
def test_data_sets_of_the_catalogue(name, texts, label, tmp_path):
    """Their features as TFDS declares them; nothing is read."""
    builder = tfds.builder(name, data_dir=str(tmp_path))
    flat = columns.flat(builder.info.features)
    assert columns.find(flat, TextData(dataset=name), name) == (texts, label)


def test_names_that_are_set_win():
    features = {
        "title": F.Text(),
        "text": F.Text(),
        "label": F.ClassLabel(num_classes=2),
        "stars": np.int32,
    }
    assert find(features) == (("title", "text"), "label")
    assert find(features, text="title", label="stars") == (("title",), "stars")
    assert find(features, text2="title") == (("title", "title"), "label")


def test_nested_features_have_the_names_under_which_they_are_stored():
    nested = {"data": {"review_id": F.Text(), "review_body": F.Text(), "star_rating": np.int32}}
    assert find(nested) == (("data/review_body",), "data/star_rating")


def test_what_can_t_be_told_is_asked_for_with_what_there_is():
    two = {"left": F.Text(), "right": F.Text(), "label": F.ClassLabel(num_classes=2)}
    with pytest.raises(UsageError, match=r"is the text\? Add --set data.text=NAME.*left \(text\)"):
        find(two)
    with pytest.raises(UsageError, match=r"is the label\? Add --set data.label=NAME"):
        find({"text": F.Text(), "a": np.int32, "b": np.float32})
    with pytest.raises(UsageError, match="no feature 'lefd' that holds text. Did you mean 'left'"):
        find(two, text="lefd")
    with pytest.raises(UsageError, match="no feature 'left' that holds numbers or classes"):
        find(two, text="left", label="left")


# === Prepared data sets ===


def prepare(folder, called, features, splits):
    """A data set with TFDS's name and these examples, {split: [example]}."""

    class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        name = called
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            return tfds.core.DatasetInfo(builder=self, features=F.FeaturesDict(features))

        def _split_generators(self, dl_manager):
            return {split: enumerate(rows) for split, rows in splits.items()}

        def _generate_examples(self):
            raise AssertionError("the splits are generators themselves")

    Builder(data_dir=folder).download_and_prepare(file_format="tfrecord")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """As TFDS's imdb_reviews, ag_news_subset and glue/stsb are, with a few examples each."""
    place = str(tmp_path_factory.mktemp("data"))
    tfds.disable_progress_bar()
    names = ["neg", "pos"]
    reviews = [{"text": f"it was {names[i % 2]} {i}", "label": i % 2} for i in range(20)]
    hidden = [{"text": "who knows", "label": -1}]
    prepare(
        *(place, "local_reviews", {"text": F.Text(), "label": F.ClassLabel(names=names)}),
        {"train": reviews, "test": reviews[:7], "unsupervised": hidden},
    )
    news = {
        "title": F.Text(),
        "description": F.Text(),
        "topic": F.ClassLabel(names=["World", "Sports", "Business", "Sci/Tech"]),
    }
    rows = [{"title": f"t{i}", "description": f"d{i}", "topic": i % 4} for i in range(12)]
    prepare(place, "local_news", news, {"train": rows, "test": rows[:4]})
    prices = {"review": F.Text(), "price": np.float32, "stars": np.int64}
    rows = [{"review": f"r{i}", "price": 1000.0 * i, "stars": i % 5} for i in range(10)]
    prepare(place, "local_prices", prices, {"train": rows})
    return place


def configured(folder, dataset, *overrides):
    return TASK.configure(
        overrides=(f"data.dataset={dataset}", f"data.data_dir={folder}", *overrides)
    )


def test_a_data_set_without_validation_and_with_unknown_labels(folder):
    config = configured(folder, "local_reviews", "data.batch_size=4")
    data = config.data
    assert (data.train_split, data.validation_split, data.test_split) == (
        *("train[:90%]", "train[90%:]", "test"),
    )
    assert config.model.num_classes == 2
    assert config.evaluate.thresholds == {"accuracy": 0.5}  # of the commonest class
    opened = TaskData(TASK, config)
    assert opened.labels == ["neg", "pos"]
    inputs, targets = next(iter(opened.train_batches()))
    assert inputs["ids"].shape == (4, 64) and set(targets.numpy()) <= {0, 1}


def test_a_data_set_of_pairs_with_other_names(folder):
    config = configured(folder, "local_news")
    assert (config.data.text, config.data.text2, config.data.label) == (
        *("title", "description", "topic"),
    )
    opened = TaskData(TASK, config)
    assert opened.labels == ["World", "Sports", "Business", "Sci/Tech"]
    assert config.model.num_classes == 4
    single = configured(folder, "local_news", "data.text=description")
    assert single.data.text2 is None and single.data.text == "description"


def test_numbers_have_their_mean_and_spread(folder):
    config = configured(folder, "local_prices", "data.label=price")
    batches = TaskData(TASK, config).eval_batches(config.data.train_split)
    train = np.concatenate([targets.numpy() for _, targets in batches])
    assert len(train) in (7, 8)  # 75 % of ten
    assert config.model.num_classes == 1 and config.data.label_type == "float32"
    assert config.model.number_mean == pytest.approx(train.mean())
    assert config.model.number_std == pytest.approx(train.std())
    assert list(config.evaluate.thresholds) == ["pearson"]
    half = configured(folder, "local_prices", "data.label=price", "data.train_split=train[:50%]")
    batches = TaskData(TASK, half).eval_batches(half.data.train_split)
    train = np.concatenate([targets.numpy() for _, targets in batches])
    assert half.model.number_mean == pytest.approx(train.mean())


def test_integers_are_classes_unless_one_output_is_asked_for(folder):
    config = configured(folder, "local_prices", "data.label=stars")
    assert config.model.num_classes == 5 and config.data.label_type == "int64"
    config = configured(folder, "local_prices", "data.label=stars", "model.num_classes=1")
    assert config.model.num_classes == 1 and config.data.label_type == "int64"
    _, targets = next(iter(TaskData(TASK, config).train_batches()))
    assert targets.dtype == tf.float32


def test_what_the_user_sets_wins_and_an_absent_data_set_is_missed_when_it_is_read(folder, tmp_path):
    config = configured(
        folder, "local_reviews", "data.train_split=train[:5]", "model.num_classes=7"
    )
    assert config.data.train_split == "train[:5]" and config.model.num_classes == 7
    with pytest.raises(UsageError, match="add --set model.num_classes=2"):
        TaskData(TASK, config)
    config = configured(tmp_path, "imdb_reviews")
    assert config.data.validation_split == "validation"
    assert columns.stored(config) == ("text", "label")
