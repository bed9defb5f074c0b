"""The page: every number on it is one of the results."""

from __future__ import annotations

from typing import Any

from perceiver_keras.benchmarks import machine, report
from tests.benchmarks.rows import row, side

ROWS = (
    row(
        "models/mlm/forward/float32",
        {"ours": side(0.5, peak=1_500_000_000), "huggingface": side(1.0, peak=1_000_000_000)},
        flops=50,
        peak=200.0,
    ),
    row(
        "models/flow/train/bfloat16",
        {"ours": side(2.0), "huggingface": {"failed": "killed | gone"}},
        case={"kind": "train", "precision": "bfloat16"},
    ),
    row("inputs/2048", {"ours": side(0.25), "huggingface": side(0.5)}, case={"x": 2048}),
    row("tiny/glue", {"ours": side(2.0, examples=640)},
        case={"kind": "train", "task": "glue", "steps": 20, "batch": 32}),
    row("pipeline/glue", {"ours": side(1.0, examples=1280)}, case={"kind": "pipeline", "task": "glue"}),
    row("start/help", {"ours": side(0.125)}, case={"kind": "start"}),
    row("products/float32", {"ours": side(1.0, 2.0)}, flops=180 * 10**9, case={"kind": "products"}),
)  # fmt: skip


def results(*rows: dict[str, Any], quick: bool = False) -> dict[str, Any]:
    cases = {one["case"]["name"]: one for one in rows}
    return {"machine": machine.describe(), "quick": quick, "cases": cases}


def test_a_page_has_the_machine_and_a_table_for_each_group(tmp_path) -> None:
    page = report.write(results(*ROWS), tmp_path).read_text(encoding="utf-8")
    assert machine.describe()["processor"] in page and "- ours: library 1.0" in page
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("|")]
    first = ["mlm", "forward", "float32", "0.5", "1", "0.50", "1,500", "1,000", "1.50", "50%"]
    assert first in lines
    assert ["flow", "train step", "bfloat16", "2", "–", "–", "1,000", "–", "–", "–"] in lines
    assert ["inputs", "2,048", "0.25 / 1,000", "0.5 / 1,000"] in lines
    assert ["glue", "32", "10"] in lines
    # 1,280 examples a second, where the steps use 320.
    assert ["glue", "1,280", "320", "4.00"] in lines
    assert ["help", "0.125", "0.125", "0.125", "0.25"] in lines
    assert ["float32", "ours", "180"] in lines
    assert "killed / gone" in page
    pictures = {path.name for path in tmp_path.glob("*.png")}
    assert pictures == {"results_models.png", "results_growth.png"}
    assert all(f"({name})" in page for name in pictures)


def test_a_table_without_lines_is_left_out() -> None:
    page = report.page(results(ROWS[-2]))
    assert "Cold starts" in page and "Released models" not in page


def test_other_work_on_the_machine_is_told() -> None:
    calm, busy = ROWS[0], ROWS[0] | {"others": 0.63}
    assert "Other work" not in report.page(results(calm)).split("##")[0]
    assert "up to 63%" in report.page(results(busy))


def test_a_quick_run_says_that_its_numbers_mean_nothing(tmp_path) -> None:
    path = report.write(results(*ROWS, quick=True), tmp_path)
    assert path.name == "quick_results.md" and "far too small" in path.read_text(encoding="utf-8")


def test_a_case_in_one_line() -> None:
    assert report.line(ROWS[0]) == (
        "models/mlm/forward/float32: ours 0.5 s, 1,500 MB; Hugging Face 1 s, 1,000 MB; ratio 0.50"
    )
