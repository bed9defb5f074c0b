"""The lineage of a model as a tree of text: from the version back to data, settings and code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from perceiver_keras.show.model_card import COUNTS, worst_slices
from perceiver_keras.show.model_card_markdown import accepted, began_from

MOST_CHECKS = 30
UNKNOWN = "unknown"


class Branch(NamedTuple):
    """A line of the tree, and the lines below it."""

    name: str
    text: str
    below: Sequence[Branch] = ()


def tree(lineage: Mapping[str, Any]) -> str:
    """The lineage as text, the version first.

    Args:
      lineage: As `pipeline/lineage.py` gives it.
    """
    model, push = lineage["model"], lineage["push"]
    what = f"{model['task'] or UNKNOWN} ({model['preset'] or UNKNOWN})"
    if push is None:
        head = [f"{what}, a model that was not pushed"]
    else:
        head = [f"{what}, version {push['version']}", f"pushed {push['time']}{_ids(push)}"]
        if "of" in push:
            head.append(f"a rollback from {push['from']} to {push['of']}: {push['because']}")
    if model["withdrawn"]:
        head.append(f"taken back: {model['withdrawn']}")
    branches = list(_branches(lineage))
    width = max(len(branch.name) for branch in branches)
    lines = [*head, *_lines(branches, "", width)]
    if lineage["unknown"]:
        lines.append(f"not recorded by the version that ran: {', '.join(lineage['unknown'])}")
    return "\n".join(lines)


def _branches(lineage: Mapping[str, Any]) -> Iterator[Branch]:
    gate = lineage["gate"]
    blessed = {True: "blessed", False: "refused", None: UNKNOWN}[gate.get("blessed")]
    yield Branch("gate", f"{blessed} {gate.get('time') or ''}{_ids(gate)}", list(_checks(gate)))
    evaluation = lineage["evaluation"]
    count = evaluation.get("examples")
    on = f"on {count:,.0f} test examples" if count else UNKNOWN
    yield Branch("metrics", on, list(metric_branches(evaluation)))
    yield Branch("baseline", _baseline(lineage["baseline"]))
    serving = list(_serving(lineage["serving"]))
    if serving:
        yield Branch("serving", ", ".join(serving))
    yield _model(lineage)
    yield _data(lineage)


def _checks(gate: Mapping[str, Any]) -> Iterator[Branch]:
    marks = {True: "passed", False: "FAILED", None: "note"}
    checks = gate.get("checks") or ()
    for check in checks[:MOST_CHECKS]:
        yield Branch(marks[check["passed"]], check["text"])
    if len(checks) > MOST_CHECKS:
        yield Branch("…", f"and {len(checks) - MOST_CHECKS} more, in --json")
    if not checks:
        for reason in gate.get("reasons") or ():
            yield Branch("FAILED", reason)


def metric_branches(evaluation: Mapping[str, Any]) -> Iterator[Branch]:
    """One line per metric: its value, interval, bound, the trivial guess and the last blessed model's value."""
    last, trivial = evaluation.get("baseline") or {}, evaluation.get("trivial") or {}
    bounds, lower = evaluation.get("thresholds") or {}, evaluation.get("lower_is_better") or ()
    worst = worst_slices(evaluation)
    for name, estimate in sorted(
        (evaluation.get("metrics") or {}).items(), key=lambda item: (item[0] not in bounds, item[0])
    ):
        if name in COUNTS:
            continue
        said = [spelled(estimate)]
        if name in bounds:
            said.append(f"threshold {'≤' if name in lower else '≥'} {bounds[name]:g}")
        if name in trivial:
            said.append(f"trivial guess {number(trivial[name])}")
        if name in last:
            said.append(f"last blessed {number(last[name].get('value'))}")
        if name in worst:
            said.append(f"worst slice {worst[name]['slice']} {number(worst[name]['value'])}")
        yield Branch(name, ", ".join(said))


def spelled(estimate: Mapping[str, Any]) -> str:
    """A value and its interval: "0.9888 (0.973 to 0.998)"."""
    if estimate.get("low") is None:
        return number(estimate.get("value"))
    return f"{number(estimate['value'])} ({number(estimate['low'])} to {number(estimate['high'])})"


def number(value: Any) -> str:
    """Four digits; what is not a finite number as it is written."""
    return f"{value:.4g}" if isinstance(value, (int, float)) else str(value or UNKNOWN)


def _baseline(baseline: Mapping[str, Any] | None) -> str:
    if baseline is None:
        return "none: there was no blessed model before it"
    version = f"version {baseline['version']}" if baseline["version"] else baseline["uri"]
    return f"{version}, the last blessed model then (artifact {baseline['model']})"


def _serving(serving: Mapping[str, Any]) -> Iterator[str]:
    if serving.get("cause"):
        yield f"refused: {serving['cause']}"
    for row in (serving.get("latency") or {}).get("requests") or ():
        if row["examples"] == 1:
            yield f"{row['p50_ms']:.3g} ms for one example (95th percentile {row['p95_ms']:.3g} ms)"
    for key, word in (("size_bytes", "on disk"), ("peak_memory_bytes", "of memory")):
        if serving.get(key):
            yield f"{serving[key] / 1e6:,.1f} MB {word}"
    if serving.get("load_seconds"):
        yield f"loads in {serving['load_seconds']:.1f} s"


def _model(lineage: Mapping[str, Any]) -> Branch:
    model, settings = lineage["model"], lineage["settings"]
    train = settings["config"].get("train") or {}
    seconds = lineage["seconds"].get("Trainer")
    said = [f"{model['parameters']:,} parameters"] if model["parameters"] else []
    said += [f"{train['steps']:,} steps"] if "steps" in train else []
    said += [f"seed {train['seed']}"] if "seed" in train else []
    said += [f"trained in {seconds:.0f} s"] if seconds else []
    changed = settings["overrides"]
    overrides = UNKNOWN if changed is None else ", ".join(changed) or "none changed"
    packages = ", ".join(f"{name} {at}" for name, at in sorted(lineage["packages"].items()))
    below = [
        Branch("settings", f"preset {model['preset'] or UNKNOWN}; {overrides}"),
        Branch("code", lineage["code"] or UNKNOWN),
        Branch("began from", began_from(lineage["began_from"])),
        Branch("packages", packages or UNKNOWN),
    ]
    return Branch("model", f"{', '.join(said)} (artifact {model['artifact']})", below)


def _data(lineage: Mapping[str, Any]) -> Branch:
    data, schema = lineage["data"], lineage["schema"]
    counts = ", ".join(
        f"{split} {count:,}" for split, count in (data.get("examples") or {}).items()
    )
    classes = data.get("classes")
    below = [
        Branch("fingerprint", data.get("fingerprint") or UNKNOWN),
        Branch("examples", counts or UNKNOWN),
    ]
    if corrupt := data.get("corrupt"):
        below.append(Branch("left out", ", ".join(f"{k} {v:,}" for k, v in corrupt.items())))
    if classes:
        named = ", ".join(map(str, classes[:12])) + (", …" if len(classes) > 12 else "")
        below.append(Branch("classes", f"{len(classes)}: {named}"))
    if schema is None:
        below.append(Branch("schema", "made by the run from its own data, which can't break it"))
    else:
        told = accepted(schema["accepted"]) if schema["accepted"] else "not accepted"
        anomalies = [Branch("anomaly", text) for text in schema["anomalies"].get("texts") or ()]
        below.append(Branch("schema", f"{told} (artifact {schema['artifact']})", anomalies))
    return Branch("data", f"{data.get('dataset') or UNKNOWN}{_ids(data)}", below)


def _ids(node: Mapping[str, Any]) -> str:
    named = [f"{what} {node[what]}" for what in ("artifact", "execution") if node.get(what)]
    return f" ({', '.join(named)})" if named else ""


def _lines(branches: Sequence[Branch], indent: str, width: int) -> Iterator[str]:
    for index, (name, text, below) in enumerate(branches):
        last = index == len(branches) - 1
        yield f"{indent}{'└─' if last else '├─'} {name:<{width}}  {text}".rstrip()
        inner = max((len(branch.name) for branch in below), default=0)
        yield from _lines(below, indent + ("   " if last else "│  "), inner)
