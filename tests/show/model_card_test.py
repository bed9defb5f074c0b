"""A model card has the fields of Google's Model Card Toolkit, and says what is not known."""

from __future__ import annotations

import json

import pytest

from perceiver_keras.show import model_card
from perceiver_keras.show.model_card_markdown import markdown
from perceiver_keras.tasks import registry
from tests.show import lineage_samples as samples

# The Toolkit's schema v0.0.2: at the top, no other name is allowed.
TOOLKIT = {
    "schema_version", "model_details", "model_parameters", "quantitative_analysis",
    "considerations",
}  # fmt: skip


@pytest.fixture
def exported() -> dict:
    return model_card.exported(
        task="image_classification",
        summary="Pictures to classes.",
        preset="tiny",
        config={
            "data": {"dataset": "perceiver_digits", "train_split": "train", "test_split": "test"},
            "train": {"steps": 2400, "seed": 0},
            "evaluate": {"thresholds": {"accuracy": 0.97}},
        },
        labels=[str(digit) for digit in range(10)],
        parameters=122630,
        source="ours: scikit-learn's digits",
        slices=("label",),
        versions={"tensorflow": "2.15.1", "keras": "2.15.0"},
        limits=("It has seen no eights.",),
        signatures={
            "serving_default": {
                "inputs": {"image_bytes": "string [B]"},
                "outputs": {"probabilities": "float32 [B, 10]", "label": "string [B]"},
            }
        },
    )


def test_an_export_without_a_run_says_what_it_is_and_how_to_call_it(exported: dict) -> None:
    assert set(exported) == TOOLKIT
    text = markdown(exported)
    assert "# image_classification (tiny)\n\nPictures to classes." in text
    assert "Takes: image_bytes: string [B]" in text
    assert "Returns: label: string [B]; probabilities: float32 [B, 10]" in text
    assert "Parameters: 122,630" in text and "Classes: 10 (0, 1, 2" in text
    assert "Its metrics are not recorded here." in text
    assert "How good it is was not measured, or was not recorded in this export." in text


def test_independent_classes_are_not_said_to_exclude_each_other(exported: dict) -> None:
    def card(task: str, **words: str) -> dict:
        return model_card.exported(
            task=task, summary="", preset=None, config={}, labels=["a", "b"], parameters=1,
            signatures={}, **words,
        )  # fmt: skip

    of_sounds = registry.get("audio_classification").serving.of_classes
    for made in (
        card("audio_classification", of_classes=of_sounds),
        model_card.judged(card("audio_classification", of_classes=of_sounds), samples.new()),
    ):
        assert "several of them may be likely, or none" in markdown(made)
        assert "one of its classes" not in markdown(made)
    assert "It always answers with one of its classes." in markdown(exported)


def test_a_judged_model_has_metrics_gate_cost_and_lineage(exported: dict) -> None:
    card = model_card.judged(exported, samples.new())
    assert set(card) == TOOLKIT
    metrics = card["quantitative_analysis"]["performance_metrics"]
    assert metrics[0] == {
        "type": "accuracy", "value": 0.98, "slice": "", "threshold": 0.97,
        "confidence_interval": {"lower_bound": 0.96, "upper_bound": 1.0},
    }  # fmt: skip
    assert {row["slice"] for row in metrics} == {"", "label=7", "label=8"}
    text = markdown(card)
    for words in (
        "Version: 1795640090 of 2026-11-25",
        "perceiver_digits: train 1,349, validation 179, test 269; fingerprint 422b971e0d5e94ec.",
        "| accuracy | 0.98 | 0.96 to 1 | 0.97 | 0.1004 | 0.97 |",
        "- passed: accuracy is 0.98.",
        "- note: 269 examples are few.",
        "2.5 ms (median), 3.5 ms (95th percentile)",
        "It was judged on 269 examples",
        "accuracy is worst where label=7: 0.9.",
        "cross_entropy is worst where label=8: 0.3.",
        "In its data: image/height was 8 and is 9 in 3 examples.",
        "Code: 1d1ac860f223e2fb",
        "Began from: deepmind/imagenet, fingerprint abcd",
        "Last blessed model before it: 1795640001",
        "accepted at 2026-11-20T10:00:00Z: new camera",
    ):
        assert words in text, words
    assert "not measured" not in text
    # Of the metric with a threshold; the worst slice stands first.
    slices = [line for line in text.splitlines() if line.startswith("| label=")]
    assert [line.split(" |")[0] for line in slices] == ["| label=7", "| label=8"]


def test_the_card_of_a_rollback_says_so(exported: dict) -> None:
    lineage = samples.new()
    first = model_card.judged(exported, lineage)
    lineage["push"] |= {"of": "100", "from": "300", "because": "sevens", "version": "301"}
    card = model_card.judged(first, lineage)
    assert card["model_details"]["version"]["diff"] == "Version 100 again, in place of 300: sevens"
    limits = [limit["description"] for limit in card["considerations"]["limitations"]]
    before = [limit["description"] for limit in first["considerations"]["limitations"]]
    assert limits == before  # nothing is said twice


def test_an_export_of_an_older_version_has_a_card_too() -> None:
    card = model_card.judged({}, samples.old())
    text = markdown(card)
    assert "# image_classification (tiny)" in text and "Takes: not recorded" in text
    assert "| accuracy | 0.98 |  |  |  |  |" in text


def test_the_files_are_strict_json_and_markdown(exported: dict) -> None:
    lineage = samples.new()
    lineage["evaluation"]["metrics"]["accuracy"] = {"value": "nan"}
    lineage["serving"]["load_seconds"] = float("nan")
    files = model_card.files(model_card.judged(exported, lineage))
    assert set(files) == {model_card.JSON_FILE, model_card.MARKDOWN_FILE}

    def refuse(name: str) -> None:
        raise AssertionError(name)

    found = json.loads(files[model_card.JSON_FILE], parse_constant=refuse)
    assert found["quantitative_analysis"]["performance_metrics"][0]["value"] is None
    assert "| accuracy | not a number |" in files[model_card.MARKDOWN_FILE]


def test_worst_slices_ignore_what_is_no_number() -> None:
    parts = [
        {"slice": "a", "examples": 1, "metrics": {"accuracy": {"value": "nan"}}},
        {"slice": "b", "examples": 2, "metrics": {"accuracy": {"value": 0.5}}},
    ]
    worst = model_card.worst_slices({"slices": parts})
    assert worst == {"accuracy": {"slice": "b", "value": 0.5, "examples": 2}}
    assert model_card.worst_slices({}) == {}


def test_another_export_of_a_judged_model_takes_over_what_its_run_found(exported: dict) -> None:
    known = model_card.judged(exported, samples.new())
    card = model_card.carried(exported, known, ("In bfloat16.",))
    assert (
        card["quantitative_analysis"]["performance_metrics"]
        == (known["quantitative_analysis"]["performance_metrics"])
    )
    assert card["model_parameters"]["data"] == known["model_parameters"]["data"]
    text = markdown(card)
    assert "| accuracy | 0.98 | 0.96 to 1 | 0.97 |" in text and "- In bfloat16." in text
    # It was pushed by nobody, and nobody has timed it.
    assert "Version: not recorded" in text and "95th percentile" not in text
    assert "95th percentile" in markdown(known)


def test_without_a_run_nothing_is_taken_over(exported: dict) -> None:
    assert model_card.carried(exported, {}) == exported
    assert model_card.carried(exported, exported) == exported
