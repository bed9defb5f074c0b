"""What a load came to, as a line and as a page."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from perceiver_keras.benchmarks import machine
from perceiver_keras.benchmarks.numbers import DISTURBED


def line(row: Mapping[str, Any]) -> str:
    """One load in words."""
    words = f"{row['protocol']:<4} {row['clients']:>3} clients, {row['per_request']:>2} per request"
    words += "" if row["batching"] else ", no batching"
    ms = row["milliseconds"]
    words += f": {row['rate']:,.0f} examples/s, {share(row):.0%} of bare"
    if ms["p50"] is not None:
        words += f", p50 {ms['p50']:.1f} p95 {ms['p95']:.1f} p99 {ms['p99']:.1f} ms"
    return words + (f", errors {row['errors']}" if row["errors"] else "")


def share(row: Mapping[str, Any]) -> float:
    """Of the examples per second that the model alone computed before and after the load."""
    return row["rate"] / row["bare"]["rate"]


def page(whole: Mapping[str, Any]) -> str:
    """The tables, and what came to what, in Markdown."""
    lines = [
        "# The embedded server under load",
        "",
        f"Made by `python -m perceiver_keras.benchmarks.serve`; {machine.in_words(whole['machine'])}.",
        "",
        f"Each load takes {whole['plan']['seconds']:g} seconds, and batches have at most "
        f"{whole['plan']['max_batch_size']} examples. *of bare*: of the examples per second that the model alone "
        "computes in whole batches, right before and after. *CPU* is microseconds per example, all cores: of the model "
        "alone, of the server with its model, and of the clients, who have the same cores.",
    ]
    rows = [row for model in whole["models"].values() for row in model["rows"]]
    disturbed = [row for row in rows if (row["others"] or 0.0) > DISTURBED]
    if disturbed:
        lines += [
            "",
            f"**Other work took more than {DISTURBED:.0%} of the processors in {len(disturbed)} of {len(rows)} "
            "loads**; there, rates and latencies say little, and CPU times more.",
        ]
    for name, model in whole["models"].items():
        batched = statistics.median(row["bare"]["rate"] for row in model["rows"])
        lines += [
            "",
            f"## {name}",
            "",
            f"Without a server: {batched:,.0f} examples per second in batches, {model['single']['rate']:,.0f} one at a "
            "time.",
            "",
            "| protocol | clients | examples per request | examples/s | of bare | p50, ms | p95, ms | p99, ms "
            "| CPU: model | server | clients | errors |",
            "|---|---|---|---|---|---|---|---|---|---|---|---|",
            *map(_row, model["rows"]),
            "",
            *(f"- {words}" for words in verdicts(model)),
        ]
    return "\n".join(lines) + "\n"


def _row(row: Mapping[str, Any]) -> str:
    told = [
        row["protocol"] + ("" if row["batching"] else ", no batching"),
        row["clients"],
        row["per_request"],
        f"{row['rate']:,.0f}",
        f"{share(row):.0%}",
        *("–" if ms is None else f"{ms:.1f}" for ms in row["milliseconds"].values()),
        *(
            f"{cpu * 1e6:,.0f}"
            for cpu in (row["bare"]["cpu"], row["server_cpu"], row["client_cpu"])
        ),
        sum(row["errors"].values()),
    ]
    return f"| {' | '.join(map(str, told))} |"


def verdicts(model: Mapping[str, Any]) -> list[str]:
    """What the loads say together: shares of bare at saturation, REST against gRPC, batching against one by one."""

    def best(**wanted: Any) -> Mapping[str, Any] | None:
        fits = [r for r in model["rows"] if all(r[key] == value for key, value in wanted.items())]
        return max(fits, key=lambda row: row["rate"], default=None)

    told = []
    for size in sorted({row["per_request"] for row in model["rows"] if row["batching"]}):
        grpc, rest = (best(protocol=p, per_request=size, batching=True) for p in ("grpc", "rest"))
        words = f"{size} per request: gRPC {share(grpc):.0%} of bare"
        told.append(words + f"; REST {rest['rate'] / grpc['rate']:.0%} of gRPC")
    alone, together = (best(protocol="grpc", per_request=1, batching=b) for b in (False, True))
    if alone:
        times = together["rate"] / alone["rate"]
        told.append(f"batching: {times:.1f} times one by one (1 per request)")
    # Clients and server share the cores: even a server that costs nothing would reach no more than this.
    bound = together["bare"]["cpu"] / (together["bare"]["cpu"] + together["client_cpu"])
    cost = together["bare"]["cpu"] / (together["server_cpu"] + together["client_cpu"])
    told.append(
        f"1 per request, by CPU: the model is {cost:.0%} of what server and clients use; with a server that costs "
        f"nothing, it would be {bound:.0%}"
    )
    return told
