"""The page and the tables of the paper's figures: what is claimed, measured, and not measured, and why."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from perceiver_keras.show import claims

RECORD = {
    "facts": {"list": "val.csv", "listed": 60_000}, "measured": {"accuracy": 0.7012, "top_5_accuracy": 0.9},
    "options": {}, "complete": True, "differs": [], "num_examples": 50_000,
    "weights_sha256": "0123456789abcdef", "examples_sha256": "fedcba9876543210",
    "versions": {"tensorflow": "2.15.1"},
}  # fmt: skip


def outcome(name, record=None, reason="", **kwargs):
    row = {
        "name": name, "claimed": {"accuracy": 0.727}, "source": "Paper (X et al. 2021, arXiv 1), Tab. 7, A<B",
        "options": {}, "rule": "central crop", "quoted": False, "released": True, "weights": "released",
    } | kwargs  # fmt: skip
    return SimpleNamespace(benchmark=SimpleNamespace(**row), record=record, reason=reason)


TRAINED = outcome(
    "glue", reason="no data, no weights", released=False, claimed={"glue_average": 0.81},
    weights="train with: perceiver run glue --preset a|b", rule="",
)  # fmt: skip
OUTCOMES = [
    outcome("imagenet", RECORD),
    outcome("kitti", None, "no data", claimed={"aepe": 4.98}, options={"tiling": "paper"}, rule=""),
    TRAINED,
    outcome(
        "raft",
        quoted=True,
        released=False,
        claimed={"aepe": 2.57},
        weights="a model of others, quoted",
    ),
]


@pytest.mark.parametrize(
    ("metric", "value", "signed", "text"),
    [
        ("accuracy", 0.727, False, "72.70 %"),
        ("accuracy", -0.0258, True, "\N{MINUS SIGN}2.58 %"),
        ("video_psnr", 24.37, False, "24.37"),
        ("aepe", 0.1, True, "+0.10"),
        ("mean_average_precision", 0.433, False, "43.30 %"),
        ("stsb_pearson", None, False, "–"),
        ("masked_words_bits_per_byte", 1.5, False, "1.50"),
    ],
)
def test_figures_are_written_as_the_paper_writes_them(metric, value, signed, text):
    assert claims.figure(metric, value, signed) == text


def test_rows_have_claim_measurement_difference_and_why_not():
    found = {(row["name"], row["metric"]): row for row in claims.rows(OUTCOMES)}
    first = found["imagenet", "accuracy"]
    assert (first["claimed"], first["measured"]) == ("72.70 %", "70.12 %")
    assert first["difference"] == "\N{MINUS SIGN}2.58 %" and first["state"] == "measured"
    assert first["source"] == "Tab. 7, A<B" and first["choice"] == "central crop"
    assert found["imagenet", "top_5_accuracy"]["claimed"] == "–"
    assert found["kitti", "aepe"]["state"] == "not run here: no data"
    assert found["kitti", "aepe"]["choice"] == "tiling paper"
    other = RECORD | {"complete": False, "differs": ["a", "b", "c", "d"]}
    (row, _) = claims.rows([outcome("imagenet", other, "no data")])
    assert row["state"] == (
        "not finished; the model is not the row's: a, b, c and 1 more; from an earlier run; now no data"
    )


def test_the_page_says_all_of_it_and_escapes():
    page = claims.page(OUTCOMES, {"python": "3.10"})
    for words in ("70.12 %", "0123456789ab", "fedcba987654", "tensorflow 2.15.1", "50,000 examples of 60,000",
                  "python 3.10", "not run here: no data", "train with: perceiver run glue", "A&lt;B"):  # fmt: skip
        assert words in page
    assert "A<B" not in page and "more to come" not in page
    assert "more to come" in claims.page(OUTCOMES, {}, finished=False)
    assert page.index("Measured") < page.index("Not measured") < page.index("Models of others")


def test_tables_have_as_many_cells_in_each_row():
    short, whole = claims.short_table(OUTCOMES), claims.tables(OUTCOMES)
    assert (
        "| `imagenet`, accuracy | 72.70 % | 70.12 % (\N{MINUS SIGN}2.58 %) | central crop |"
        in short
    )
    assert "| `kitti`, aepe | 4.98 | not run here: no data | tiling paper |" in short
    assert "glue" not in short and "raft" not in short
    assert "`perceiver run glue --preset a\\|b` |" in whole
    for text in (short, whole):
        for block in text.strip().split("\n\n"):
            counts = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
            assert len(counts) == 1
    assert short in claims.document(OUTCOMES) and whole in claims.document(OUTCOMES)
