"""A whole load at tiny size: server, clients and bare calls, and the files that come of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perceiver_keras.benchmarks import serve


def test_a_whole_load_at_tiny_size(tmp_path: Path, monkeypatch) -> None:
    sizes = {"encode__num_latents": 3, "process__num_self_attention_layers": 1}
    real, plans = serve.run, []

    def tiny(plan, models, *rest):
        plans.append(plan)
        settings = {"digits": sizes}
        return real(serve.Plan(**(vars(plan) | {"settings": settings, "most": 6})), models, *rest)

    monkeypatch.setattr(serve, "run", tiny)
    code = serve.main(
        [
            "digits",
            "--clients",
            "1,3",
            "--per-request",
            "4",
            "--seconds",
            "0.4",
            "-o",
            str(tmp_path),
        ]
    )
    assert code == 0 and plans[0].clients == (1, 3) and plans[0].seconds == 0.4
    whole = json.loads((tmp_path / "serve.json").read_text())
    rows = whole["models"]["digits"]["rows"]
    asked = [(r["protocol"], r["clients"], r["per_request"], r["batching"]) for r in rows]
    assert asked == [
        ("grpc", 1, 1, True), ("grpc", 3, 1, True), ("rest", 1, 1, True), ("rest", 3, 1, True),
        ("grpc", 3, 4, True), ("rest", 3, 4, True),
    ]  # fmt: skip
    for row in rows:
        assert row["errors"] == {} and 0 < row["requests"] <= 6 * row["clients"]
        assert row["rate"] > 0 and row["bare"]["rate"] > 0
        assert (
            row["milliseconds"]["p50"] <= row["milliseconds"]["p95"] <= row["milliseconds"]["p99"]
        )
    assert "## digits" in (tmp_path / "serve.md").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["moon"], "there is no model 'moon'; choose from digits, bytes, released_bytes"),
        (["--clients", "1,many"], "expected numbers such as 1,8,64"),
        (["--clients", "1,1000"], "1 to 256 clients"),
        (["--max-batch-size", "0"], "expected 1 to 1024"),
        (["--seconds", "0"], "more than 0 and at most 60"),
    ],
)
def test_what_is_refused(words, told, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        serve.main(words)
    assert ended.value.code == 2 and told in capsys.readouterr().err


def test_the_examples_are_what_the_models_take() -> None:
    assert serve.example("digits", 3)["image_bytes"][0].startswith(b"\x89PNG")
    (text,) = serve.example("bytes", 1)["text"]
    assert text.count(b"[MASK]") == 1 and len(text) <= 64 + len(b"[MASK]") - 1
