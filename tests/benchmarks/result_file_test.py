"""The file of results: kept after each case, of one machine."""

from __future__ import annotations

import json

import pytest

from perceiver_keras.benchmarks.result_file import Results, load
from perceiver_keras.errors import UsageError


def test_cases_are_kept_at_once_and_replaced_when_measured_again(tmp_path) -> None:
    results = Results(tmp_path / "new")
    results.add({"name": "a"}, {"ours": {"failed": "x"}})
    assert set(load(tmp_path / "new" / "results.json")["cases"]) == {"a"}
    results.add({"name": "b"}, {}, flops=7, peak=2.0, others=0.25)
    again = Results(tmp_path / "new")
    again.add({"name": "a"}, {"ours": {"seconds": [1.0]}})
    cases = load(tmp_path / "new" / "results.json")["cases"]
    assert cases["a"]["sides"] == {"ours": {"seconds": [1.0]}}
    assert (cases["b"]["flops"], cases["b"]["peak"], cases["b"]["others"]) == (7, 2.0, 0.25)


def test_quick_results_are_kept_apart(tmp_path) -> None:
    Results(tmp_path).add({"name": "a"}, {})
    quick = Results(tmp_path, quick=True)
    quick.add({"name": "b"}, {})
    assert set(load(tmp_path / "quick_results.json")["cases"]) == {"b"}
    assert set(load(tmp_path / "results.json")["cases"]) == {"a"}


def test_results_of_another_machine_are_not_mixed_with_these(tmp_path) -> None:
    Results(tmp_path).add({"name": "a"}, {})
    path = tmp_path / "results.json"
    whole = json.loads(path.read_text())
    whole["machine"]["processor"] = "another"
    path.write_text(json.dumps(whole))
    with pytest.raises(UsageError, match="another machine .*choose another folder with -o"):
        Results(tmp_path)


def test_another_file_of_that_name_is_an_error(tmp_path) -> None:
    (tmp_path / "results.json").write_text("[]")
    with pytest.raises(UsageError, match="is not a file of results"):
        Results(tmp_path)
