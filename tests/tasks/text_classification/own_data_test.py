"""The user's texts with classes, pairs, and numbers."""

from __future__ import annotations

import random

import numpy as np
import pytest

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import own_data
from perceiver_keras.tasks.text_classification import TASK
from tests import own_folders


def _configured(path, *overrides: str):
    config = TASK.configure(overrides=overrides)
    found = own_data.look(TASK, config, path)
    return found, TASK.configure(
        "tiny", [("mine", own_data.settings(TASK, config, found))], overrides
    )


def test_classes_and_the_threshold_come_from_the_table(tmp_path) -> None:
    found, mine = _configured(own_folders.texts(tmp_path / "mine.csv"))
    assert mine.model.num_classes == 3 and mine.data.text == "text" and mine.data.text2 is None
    test = found.counts("test")
    assert mine.evaluate.thresholds == {"accuracy": round(max(test.values()) / test.total(), 4)}


def test_a_column_may_be_named(tmp_path) -> None:
    path = own_folders.texts(tmp_path / "mine.csv")
    found, mine = _configured(path, "data.text=topic", "data.label=topic")
    assert {item.source[0] for item in found.items} == set(own_folders.WORDS)


@pytest.mark.parametrize(("words", "length"), [(3, 64), (30, 192), (400, 512)])
def test_the_small_models_length_fits_most_texts(tmp_path, words: int, length: int) -> None:
    rng = random.Random(0)
    path = tmp_path / "mine.tsv"
    rows = [f"{' '.join(rng.choices(['seven', 'eight'], k=words))} {n}\t{n % 2}" for n in range(60)]
    path.write_text("text\tlabel\n" + "\n".join(rows))
    assert _configured(path)[1].model.length == length


def test_numbers_set_their_mean_and_spread(tmp_path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("text,score\n" + "\n".join(f"word {n},{n / 10}" for n in range(60)))
    found, mine = _configured(path)
    values = [item.label for item in found.in_split("train")]
    assert mine.model.num_classes == 1 and mine.data.label_type == "float32"
    assert mine.model.number_mean == pytest.approx(np.mean(values), abs=1e-5)
    assert mine.model.number_std == pytest.approx(np.std(values), abs=1e-5)
    assert mine.evaluate.thresholds == {"pearson": 0.1}


def test_stars_are_classes_or_with_num_classes_1_numbers(tmp_path) -> None:
    path = tmp_path / "reviews.csv"
    rows = [f"this is text {n},{n % 5 + 1}" for n in range(60)]
    path.write_text("review,stars\n" + "\n".join(rows))
    as_classes, classes = _configured(path)
    assert as_classes.labels == ("1", "2", "3", "4", "5") and classes.model.num_classes == 5
    found, mine = _configured(path, "model.num_classes=1")
    assert found.labels is None and found.dataset != as_classes.dataset
    stars = {item.name: item.label for item in found.items}
    assert stars == {f"reviews.csv:{n + 2}": n % 5 + 1 for n in range(60)}
    assert mine.data.label_type == "float32" and mine.evaluate.thresholds == {"pearson": 0.1}
    train = [item.label for item in found.in_split("train")]
    assert mine.model.number_mean == pytest.approx(np.mean(train), abs=1e-5)
    TASK.examples.check_dataset(found.labels, mine)


def test_names_are_not_taken_for_numbers(tmp_path) -> None:
    with pytest.raises(UsageError, match=r"mine.csv: its labels are not numbers \("):
        _configured(own_folders.texts(tmp_path / "mine.csv"), "model.num_classes=1")
