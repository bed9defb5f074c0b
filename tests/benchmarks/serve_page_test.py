"""The page of a load: shares of the neighbours, what CPU times bound, and a warning on a busy machine."""

from __future__ import annotations

import pytest

from perceiver_keras.benchmarks import serve_page

MACHINE = {
    "processor": "P", "features": [], "cores": 2, "memory_gib": 4, "system": "S", "python": "3", "versions": {"a": "1"},
}  # fmt: skip


def row(protocol="grpc", per_request=1, rate=100.0, batching=True, others=0.0, **more):
    return {
        "protocol": protocol,
        "clients": 64,
        "per_request": per_request,
        "batching": batching,
        "rate": rate,
        "milliseconds": {"p50": 1.0, "p95": 2.0, "p99": 3.0},
        "bare": {"rate": 400.0, "cpu": 200e-6},
        "server_cpu": 500e-6,
        "client_cpu": 300e-6,
        "errors": {},
        "others": others,
    } | more


ROWS = [row(), row("rest", rate=80.0), row(per_request=64, rate=380.0), row("rest", 64, 360.0)]
ROWS += [row(rate=25.0, batching=False)]
MODEL = {"single": {"rate": 12.0, "cpu": 1e-3}, "rows": ROWS}


def whole(rows):
    plan = {"seconds": 5.0, "max_batch_size": 64}
    return {"machine": MACHINE, "plan": plan, "models": {"digits": MODEL | {"rows": rows}}}


def test_what_the_loads_say_together() -> None:
    assert serve_page.verdicts(MODEL) == [
        "1 per request: gRPC 25% of bare; REST 80% of gRPC",
        "64 per request: gRPC 95% of bare; REST 95% of gRPC",
        "batching: 4.0 times one by one (1 per request)",
        "1 per request, by CPU: the model is 25% of what server and clients use; with a server that costs nothing, it "
        "would be 40%",
    ]


def test_few_clients_are_not_compared_with_one_by_one() -> None:
    told = serve_page.verdicts(MODEL | {"rows": ROWS[:-1]})
    assert len(told) == 3 and not any("batching" in words for words in told)


def test_the_page_has_each_load_and_its_machine() -> None:
    text = serve_page.page(whole(ROWS))
    assert "2 cores of P" in text and "400 examples per second in batches, 12 one at a time" in text
    assert "| grpc | 64 | 64 | 380 | 95% | 1.0 | 2.0 | 3.0 | 200 | 500 | 300 | 0 |" in text
    assert "| grpc, no batching | 64 | 1 | 25 |" in text and "Other work" not in text


def test_a_busy_machine_is_said() -> None:
    text = serve_page.page(whole([*ROWS, row(others=0.4)]))
    assert "more than 10% of the processors in 1 of 6 loads" in text


@pytest.mark.parametrize(
    ("more", "words"),
    [({}, "25% of bare, p50 1.0 p95 2.0 p99 3.0 ms"), ({"errors": {"gone": 2}}, "errors {'gone': 2}")],
)  # fmt: skip
def test_a_line_for_people(more, words) -> None:
    assert words in serve_page.line(row(**more))
    nothing = row(rate=0.0, milliseconds={"p50": None, "p95": None, "p99": None})
    assert serve_page.line(nothing).endswith("0 examples/s, 0% of bare")
