"""From a model back to all that it was made from and judged by, as ML Metadata has it; without TFX and TensorFlow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_metadata.metadata_store import MetadataStore

from perceiver_keras.components.model import facts
from perceiver_keras.errors import PerceiverError
from perceiver_keras.pipeline import graph as graphs
from perceiver_keras.pipeline.graph import ArtifactNode, ExecutionNode, Graph
from perceiver_keras.pipeline.store import open_store
from perceiver_keras.pipeline.versions import (
    PUSHED,
    Push,
    last_model,
    local,
    push_of,
    pushes,
)
from perceiver_keras.show.model_card import time_of

Lineage = dict[str, Any]
# What a run records, and under what name the lineage says that it is unknown.
RECORDED = {
    "data": "the data",
    "code": "the code",
    "packages": "versions of packages",
    "overrides": "the changed settings",
    "schema": "an accepted schema",
    "intervals": "intervals of the metrics",
    "checks": "the gate's checks",
}


def lineage(run_dir: Path, version: int | None = None, metadata: str | None = None) -> Lineage:
    """The lineage of a version of a run folder.

    Args:
      run_dir: The run folder.
      version: Its number; None: the newest, or the last model if nothing was pushed.
      metadata: The address of the metadata store, if it is not in the folder.

    Returns:
      What JSON can hold: "run_dir", "model", "push" (None for a model that was not pushed), "data", "schema",
      "settings", "code", "began_from", "packages", "evaluation", "baseline", "gate", "serving", "seconds" (component ->
      seconds), "executions", "artifacts", and "unknown", a list of what was not recorded.

    Raises:
      PerceiverError: there is no such version, or no model at all.
    """
    store = open_store(run_dir, metadata)
    push = push_of(store, run_dir, version)
    model = push.model if push else last_model(store)
    if model is None:
        raise PerceiverError(f"{run_dir} holds no model: no run in it has finished its training.")
    return _lineage(store, run_dir, model, push)


def of_last_run(run_dir: Path, metadata: str | None = None) -> Lineage:
    """The lineage of the model of the last run, whether it was pushed or not; raises as `lineage`."""
    store = open_store(run_dir, metadata)
    model = last_model(store)
    if model is None:
        raise PerceiverError(f"{run_dir} holds no model: no run in it has finished its training.")
    own = [push for push in pushes(store) if push.model == model and push.of is None]
    return _lineage(store, run_dir, model, own[-1] if own else None)


def _lineage(store: MetadataStore, run_dir: Path, model: int, push: Push | None) -> Lineage:
    original = _original(store, push)
    graph = graphs.upstream(store, original.artifact if original else model)
    judged = _judged(store, graph, model, original)
    run = graphs.whole_run(store, judged.run if judged else "")
    whole = Graph(
        graph.artifacts | run.artifacts, graph.executions | run.executions, graph.maker | run.maker
    )
    node = whole.artifacts[model]
    trainer = whole.made_by(model)
    custom = _json(trainer.properties.get("custom_config") if trainer else None)
    own = facts.of_model(local(run_dir, node.uri))
    evaluated = _evaluation(whole, run_dir, judged)
    notes = _notes(run_dir, node, trainer, judged)
    config = evaluated.pop("config", None) or custom.get("config") or own.get("config") or {}
    found: Lineage = {
        "run_dir": str(run_dir),
        "model": {
            "task": own.get("task") or custom.get("task"),
            "preset": own.get("preset") or custom.get("preset"),
            "parameters": own.get("parameters"),
            "artifact": model,
            "uri": node.uri,
            "time": time_of(node.time),
            "run": trainer.run if trainer else None,
            "withdrawn": node.properties.get(facts.WITHDRAWN) or None,
        },
        "push": _push(push, run_dir),
        "data": _data(whole, config, custom),
        "schema": _schema(whole, run_dir),
        "settings": {"config": config, "overrides": notes.get("overrides")},
        "code": custom.get("code"),
        "began_from": _began_from(custom),
        "packages": notes.get("versions") or _tfx_version(node),
        "evaluation": evaluated["evaluation"],
        "baseline": _baseline(store, whole, judged, model),
        "gate": evaluated["gate"],
        "serving": _serving(whole, run_dir),
        "seconds": _seconds(whole, judged),
    }
    found |= _nodes(whole, push, store)
    return found | {"unknown": _unknown(found)}


def _original(store: MetadataStore, push: Push | None) -> Push | None:
    """The push in which a version's model was judged: that of the version which a rollback published again."""
    known = {one.version: one for one in pushes(store)} if push else {}
    while push and push.of is not None and push.of in known:
        push = known[push.of]
    return push


def _judged(
    store: MetadataStore, graph: Graph, model: int, push: Push | None
) -> ExecutionNode | None:
    """The execution that blessed or refused the model: before its push, or else the newest."""
    if push is not None:
        blessing = graph.first(graph.executions[push.execution].inputs.get("model_blessing", ()))
        return graph.made_by(blessing.id) if blessing else graph.executions[push.execution]
    events = store.get_events_by_artifact_ids([model])
    readers = graphs.read_executions(
        store, {e.execution_id for e in events if e.type == graphs.Event.INPUT}
    )
    judges = [node for node in readers.values() if node.component in ("Gate", "Evaluator")]
    judges = [node for node in judges if model in node.inputs.get("model", ())]
    newest = max(judges, key=lambda node: node.id, default=None)
    return newest or graph.made_by(model)


def _notes(
    run_dir: Path, model: ArtifactNode, trainer: ExecutionNode | None, judged: ExecutionNode | None
) -> dict[str, Any]:
    """What the run of the model wrote into the store about itself; in older folders, what run.json says about it."""
    found = (trainer.notes if trainer else {}) | (judged.notes if judged else {})
    if found:
        return found
    record = facts.read(run_dir / "run.json")
    trained = record.get("artifacts", {}).get("Trainer", {}).get("model", ())
    is_of_model = any(uri == model.uri for uri in trained) and "Trainer" not in record.get(
        "cached", ()
    )
    return {k: record.get(k) for k in ("overrides", "versions")} if is_of_model else {}


# === Parts ===


def _push(push: Push | None, run_dir: Path) -> dict[str, Any] | None:
    if push is None:
        return None
    found = {
        "version": str(push.version),
        "folder": str(run_dir / PUSHED / str(push.version)),
        "time": time_of(push.time),
        "artifact": push.artifact,
        "execution": push.execution,
    }
    if push.of is None:
        return found
    return found | {
        "of": str(push.of), "from": str(push.instead_of), "because": push.because
    }  # fmt: skip


def _data(graph: Graph, config: Mapping[str, Any], custom: Mapping[str, Any]) -> dict[str, Any]:
    made = next((e for e in graph.executions.values() if "dataset" in e.properties), None)
    if made is None:
        return {
            "dataset": (config.get("data") or {}).get("dataset"),
            "classes": custom.get("labels"),
        }
    examples = graph.first(made.outputs.get("examples", ()))
    maker = graph.made_by(examples.id) if examples else made
    return {
        "dataset": made.properties["dataset"],
        "splits": _json(made.properties.get("splits")),
        "limits": _json(made.properties.get("limits")),
        "classes": custom.get("labels"),
        **facts.of_examples(examples.properties if examples else {}),
        "artifact": examples.id if examples else None,
        "execution": maker.id if maker else None,
        "time": time_of(examples.time) if examples else None,
    }


def _schema(graph: Graph, run_dir: Path) -> dict[str, Any] | None:
    """The schema that the data was held against, and what was found; None if the run had none but its own."""
    validator = graph.component("ExampleValidator")
    if validator is None:
        return None
    result = graph.first(validator.outputs.get("anomalies", ()))
    own = graph.first(validator.inputs.get("schema", ()))
    against = graph.first(validator.inputs.get("accepted", ()))
    checks = facts.of_data_checks(local(run_dir, result.uri)) if result else {}
    schema = against or own
    if schema is None or not (against or checks):
        return None
    properties = schema.properties
    by_hand = properties.get("accepted_because")
    at = properties.get("accepted_at")
    accepted = {
        "because": by_hand or ("the first data that passed" if against else "its own data passed"),
        "by": properties.get("accepted_by"),
        "time": (time_of(at) if isinstance(at, int) else at) or time_of(schema.time),
    }
    return {
        "artifact": schema.id,
        "uri": schema.uri,
        "own": against is None,
        "accepted": accepted if against or by_hand or checks.get("clean") else None,
        "anomalies": checks,
    }


def _evaluation(graph: Graph, run_dir: Path, judged: ExecutionNode | None) -> dict[str, Any]:
    """{"gate", "evaluation", "config"}: from the gate's verdict; in older folders from the report, or from TFMA."""
    blessing = graph.first((judged.outputs if judged else {}).get("blessing", ()))
    found: dict[str, Any] = {"gate": {"blessed": None, "checks": None}, "evaluation": {}}
    if blessing is not None:
        found = facts.of_gate(local(run_dir, blessing.uri), blessing.properties)
        found["gate"] |= {
            "time": time_of(blessing.time), "artifact": blessing.id, "execution": judged.id
        }  # fmt: skip
    reporter = graph.component("ReportGen")
    page = graph.first(reporter.outputs.get("report", ())) if reporter else None
    report = facts.of_report(local(run_dir, page.uri)) if page else {}
    if report:
        found["gate"] = found["gate"] | report["gate"]
        found["evaluation"] = found["evaluation"] or report["evaluation"]
        found["config"] = report["config"]
    if judged and not found["evaluation"].get("metrics"):
        found["evaluation"] = _from_tfma(graph, run_dir, judged)
    settings = _json((judged.properties if judged else {}).get("evaluate_json"))
    found["evaluation"].setdefault("metrics", {})
    pusher = graph.component("AtomicPusher")
    about = _json(pusher.properties.get("custom_config") if pusher else None)
    found["evaluation"] |= {
        "thresholds": settings.get("thresholds") or report.get("thresholds") or {},
        "lower_is_better": found["evaluation"].get("lower_is_better")
        or about.get("lower_is_better")
        or report.get("lower_is_better")
        or [],
    }
    return found


def _from_tfma(graph: Graph, run_dir: Path, judged: ExecutionNode) -> dict[str, Any]:
    """What the Evaluator measured, where nothing else has kept it; this imports TensorFlow."""
    ids = [*judged.outputs.get("evaluation", ()), *judged.inputs.get("evaluation", ())]
    evaluation = graph.first(ids)
    folder = local(run_dir, evaluation.uri) if evaluation else None
    if folder is None or not folder.is_dir():
        return {}
    from perceiver_keras.components.model.evaluation import evaluated

    return {k: v for k, v in evaluated(str(folder)).to_json().items() if k != "slice"}


def _baseline(
    store: MetadataStore, graph: Graph, judged: ExecutionNode | None, model: int
) -> dict[str, Any] | None:
    """The last blessed model, which this one was compared with; None if there was none."""
    blessing = graph.first((judged.outputs if judged else {}).get("blessing", ()))
    properties = blessing.properties if blessing else {}
    number = properties.get("baseline_model_id")
    if not number:
        return None
    versions = [push.version for push in pushes(store) if push.model == number and push.of is None]
    return {
        "model": number,
        "uri": properties.get("baseline_model"),
        "version": str(versions[-1]) if versions else None,
    }


def _serving(graph: Graph, run_dir: Path) -> dict[str, Any]:
    validator = graph.component("ServingValidator")
    blessing = graph.first(validator.outputs.get("blessing", ())) if validator else None
    if blessing is None:
        return {}
    found = facts.of_serving(local(run_dir, blessing.uri), blessing.properties)
    model = graph.first(validator.inputs.get("model", ()))
    served = local(run_dir, model.uri) / "Format-Serving" if model else None
    if "size_bytes" not in found and served and served.is_dir():
        found["size_bytes"] = facts.size_of(served)
    return found


def _began_from(custom: Mapping[str, Any]) -> dict[str, Any] | None:
    if not custom:
        return None
    weights = ((custom.get("config") or {}).get("train") or {}).get("init")
    return {"weights": weights, "fingerprint": custom.get("init")}


def _tfx_version(node: ArtifactNode) -> dict[str, str]:
    version = node.properties.get("tfx_version")
    return {"tfx": version} if version else {}


def _seconds(graph: Graph, judged: ExecutionNode | None) -> dict[str, float]:
    """Component -> seconds of the execution that made its results, whether or not this run took them from the cache."""
    found: dict[str, float] = {}
    run = judged.run if judged else ""
    for execution in sorted(graph.executions.values(), key=lambda e: e.id):
        if execution.run != run and execution.component in found:
            continue
        outputs = [n for numbers in execution.outputs.values() for n in numbers]
        maker = graph.made_by(outputs[0]) if outputs else execution
        found[execution.component] = (maker or execution).seconds
    return found


def _nodes(graph: Graph, push: Push | None, store: MetadataStore) -> dict[str, Any]:
    """The walk itself: executions and artifacts by their ids."""
    executions = dict(graph.executions)
    artifacts = dict(graph.artifacts)
    if push and push.of is not None:
        executions |= graphs.read_executions(store, [push.execution])
        artifacts |= graphs.read_artifacts(store, [push.artifact])
    return {
        "executions": [
            {
                "id": e.id,
                "component": e.component,
                "state": e.state,
                "run": e.run,
                "started": time_of(e.started),
                "seconds": e.seconds,
                "inputs": e.inputs,
                "outputs": e.outputs,
            }
            for e in sorted(executions.values(), key=lambda e: e.id)
        ],
        "artifacts": [
            {"id": a.id, "type": a.type, "uri": a.uri, "time": time_of(a.time)}
            for a in sorted(artifacts.values(), key=lambda a: a.id)
        ],
    }


def _unknown(found: Lineage) -> list[str]:
    metrics = found["evaluation"].get("metrics") or {}
    known = {
        "data": found["data"].get("fingerprint"),
        "code": found["code"],
        "packages": "python" in found["packages"],
        "overrides": found["settings"]["overrides"] is not None,
        "schema": found["schema"],
        "intervals": any("low" in estimate for estimate in metrics.values()),
        "checks": found["gate"].get("checks"),
    }
    return [words for name, words in RECORDED.items() if not known[name]]


def _json(text: Any) -> dict[str, Any]:
    found = json.loads(text) if isinstance(text, str) and text else None
    return found if isinstance(found, dict) else {}
