"""`perceiver benchmark` at tiny size: our side for real, a peer that is not installed left out with a word."""

from __future__ import annotations

import json
from pathlib import Path

from tests.commands.command_line import invoke, refused

CASE = "models/flow/forward/float32"


def test_a_case_from_the_command_to_the_page(tmp_path: Path) -> None:
    result = invoke("benchmark", CASE, "start/python", "--quick", "-o", tmp_path, "--json")
    told = json.loads(result.stdout)
    assert set(told["cases"]) == {"products/float32", CASE, "start/python"} and not told["failed"]
    assert "not installed" in told["skipped"]["huggingface"]
    assert "Without huggingface" in result.stderr
    row = told["cases"][CASE]
    assert len(row["sides"]["ours"]["seconds"]) == 2 and row["flops"] > 1e6 and row["peak"] > 1e6
    assert row["sides"]["ours"]["parameters"] == row["case"]["parameters"]
    kept = json.loads((tmp_path / "quick_results.json").read_text())
    assert kept["cases"] == told["cases"] and kept["machine"]["cores"] >= 1
    page = Path(told["page"]).read_text(encoding="utf-8")
    assert "| flow | forward | float32 |" in page and "| python |" in page


def test_the_list_has_cases_and_peers() -> None:
    said = invoke("benchmark", "--list", "inputs").stdout
    assert "inputs/524288" in said and "models/" not in said
    assert "huggingface" in said and "torch==" in said


def test_wrong_names_are_one_line(tmp_path: Path) -> None:
    refused("benchmark", "modles", code=2, words="Did you mean")
    refused("benchmark", "start", "--peer", "jax", code=2, words="There is no peer 'jax'")
