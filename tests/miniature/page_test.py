"""The page says what the records say, and of what there is no record that it was not run."""

from __future__ import annotations

import pytest

from perceiver_keras.miniature import catalogue, page, run
from perceiver_keras.progress import Progress
from tests.miniature import formula


@pytest.fixture
def made(tmp_path, monkeypatch):
    claims = [formula.claim(), formula.claim(name="other")]
    monkeypatch.setattr(catalogue, "claims", lambda names=(): claims)
    run.measure(
        claims[:1], tmp_path, say=lambda text: None, shows=lambda t, label: Progress(t, quiet=True)
    )
    return tmp_path


def test_the_page_has_the_outcome_the_interval_and_the_command(made):
    text = page.document(made)
    assert "| [Good is better](#made_up) | Tab. 99 | 3 | holds |" in text
    assert "| good minus bad is above 0 | 30.0 | 30.0 to 30.0 | 3 | holds |" in text
    # 0.80, 0.81, 0.82: t of 2 degrees of freedom is 4.303, and 4.303 * 0.01 / sqrt(3) is 0.025
    assert "| the good one | 81.0 ± 2.5 | 2 M | 1.23 k | learning rate 0.1 |" in text
    assert "`perceiver reproduce miniature made_up --arm good --seed 0`" in text
    assert "6 records" in text and "](pictures/miniature/made_up.png)" in text


def test_the_time_of_the_whole_is_told_once_all_of_it_was_measured(made, monkeypatch):
    assert "The command's own" not in page.document(made)
    monkeypatch.setattr(catalogue, "claims", lambda names=(): [formula.claim()])
    assert "own 6 records, three seeds of each arm, took 0 minutes." in page.document(made)


def test_a_claim_without_records_was_not_run(made):
    section = page.document(made).split("## other")[1]
    assert "**Not run** yet: `perceiver reproduce miniature other`." in section
    assert "Outcome" not in section
    assert "| [Good is better](#other) | Tab. 99 | 0 | not run |" in page.document(made)


def test_part_of_a_claim_says_which(made):
    for path in (made / "made_up").glob("bad-*.json"):
        path.unlink()
    text = page.document(made)
    assert "| good minus bad is above 0 | – | – | 0 | can't be told |" in text
    assert "| bad | not run | | | |" in text and "| 0 to 3 | can't be told |" in text


def test_pictures_are_of_what_was_run(made, tmp_path):
    page.write_pictures(made, tmp_path / "pictures")
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["made_up.png"]


def test_numbers_for_people():
    assert [page.number(x) for x in (0.012345, 3.14159, 12345.6)] == ["0.01235", "3.142", "12,346"]
    assert page.number(0.8123, percent=True) == "81.2"
    assert [page.large(x) for x in (None, 12, 1500, 2.5e6, 7e9)] == [
        "–",
        "12",
        "1.5 k",
        "2.5 M",
        "7 G",
    ]
