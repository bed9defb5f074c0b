"""A model card in Markdown: what an export tells that no run has judged, and the words for where weights come from."""

from __future__ import annotations

import pytest

from perceiver_keras.show import model_card, model_card_markdown
from perceiver_keras.show.model_card_markdown import markdown


def card(**given) -> dict:
    known = {"task": "glue", "summary": "Pairs.", "preset": "tiny", "config": {}, "labels": None}
    return model_card.exported(**(known | {"parameters": 7, "signatures": {}} | given))


def test_where_the_preset_comes_from_what_made_it_and_how_it_would_be_judged() -> None:
    config = {
        "data": {"dataset": "perceiver_glue", "train_split": "train", "test_split": "test"},
        "evaluate": {"thresholds": {"average": 0.6}},
    }
    lines = markdown(
        card(
            config=config,
            source="paper Tab. 1",
            slices=("task", "label"),
            versions={"tensorflow": "2.15.1", "keras": "2.15.0"},
            limits=("It was never asked.",),
        )
    ).splitlines()
    for line in (
        "- Preset: tiny; paper Tab. 1",
        "- Made with: keras 2.15.0, tensorflow 2.15.1",
        "perceiver_glue: trained on its split train, judged on its split test; counts not recorded.",
        "A run with its settings is judged by these thresholds: average 0.6.",
        "A run with its settings also judges each value of: task, label.",
        "- It was never asked.",
    ):
        assert line in lines, line


def test_a_map_of_attention_is_a_line_of_its_own() -> None:
    signature = {"inputs": {"text": "string [B]"}, "outputs": {"attention": "float32 [B, 64]"}}
    lines = markdown(card(signatures={"attention": signature})).splitlines()
    said = "- The signature `attention` takes the same and returns attention: float32 [B, 64]: the share of"
    assert any(line.startswith(said) for line in lines)


def test_what_is_not_known_is_not_made_up() -> None:
    text = markdown(card(preset=None))
    assert "The signature" not in text
    assert "- Preset: not recorded\n" in text and "Made with" not in text
    assert "thresholds" not in text and "each value" not in text


@pytest.mark.parametrize(
    ("init", "words"),
    [
        (None, model_card_markdown.UNKNOWN),
        ({"weights": None}, "random weights"),
        ({"weights": "local", "fingerprint": "local"}, "random weights with local attention"),
        ({"weights": "deepmind/imagenet", "fingerprint": "deepmind/imagenet"}, "deepmind/imagenet"),
        ({"weights": "runs/a/model", "fingerprint": "0a1b"}, "runs/a/model, fingerprint 0a1b"),
    ],
)
def test_what_training_began_from_in_words(init: dict | None, words: str) -> None:
    assert model_card_markdown.began_from(init) == words
