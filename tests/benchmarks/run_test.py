"""Case after case, each written down before the next begins."""

from __future__ import annotations

from perceiver_keras.benchmarks.cases import Case
from perceiver_keras.benchmarks.measure import QUICK
from perceiver_keras.benchmarks.result_file import Results, load
from perceiver_keras.benchmarks.run import run


def test_each_case_is_kept_before_the_next_begins(tmp_path, monkeypatch) -> None:
    """A command that fails is a row like any other."""
    cases = [
        Case(name=f"start/{name}", kind="start") for name in ("help", "import_tensorflow", "python")
    ]
    broken = tmp_path / "broken" / "tensorflow.py"
    broken.parent.mkdir()
    broken.write_text("raise ImportError('not here')\n")
    monkeypatch.setenv("PYTHONPATH", str(broken.parent))
    seen: list[tuple[str, list[str]]] = []

    def done(case: Case, row: dict) -> None:
        seen.append((case.name, sorted(load(tmp_path / "results.json")["cases"])))

    results = Results(tmp_path)
    run(cases, [], results, QUICK, done)
    names = [case.name for case in cases]
    assert seen == [(name, sorted(names[: i + 1])) for i, name in enumerate(names)]
    sides = {name: row["sides"]["ours"] for name, row in results.whole["cases"].items()}
    assert "not here" in sides["start/import_tensorflow"]["failed"]
    assert len(sides["start/python"]["seconds"]) == QUICK.most
