"""run.json: the settings of a run, its results, and where everything is."""

from __future__ import annotations

import platform
from importlib import metadata as packages
from pathlib import Path
from typing import Any

from perceiver_keras import stack
from perceiver_keras.components.gate import verdict
from perceiver_keras.config_tree import to_dict
from perceiver_keras.files import read_json
from perceiver_keras.pipeline.dag_runner import ResumableDagRunner
from perceiver_keras.pipeline.settings import PipelineSettings
from perceiver_keras.show.next_steps import next_steps
from perceiver_keras.tasks import run_folder

RECORDED_PACKAGES = (
    "perceiver-keras",
    "tensorflow",
    stack.keras_name(),
    "tensorflow-datasets",
    "tensorflow-addons",
    "tfx",
)


def run_record(settings: PipelineSettings, runner: ResumableDagRunner) -> dict[str, Any]:
    """The record of a finished run, which RUN_DIR/report.html is made from."""

    def artifact(component: str, output: str):
        return runner.outputs[component][output][0]

    pushed = artifact("AtomicPusher", "pushed_model")
    judged = verdict(artifact("Gate", "blessing").uri)
    evaluated = judged["evaluated"]
    was_pushed = pushed.get_int_custom_property("pushed") == 1
    return {
        "task": settings.task_name,
        "preset": settings.preset,
        "overrides": list(settings.overrides),
        "seed": settings.config.train.seed,
        "versions": package_versions(),
        "metrics": {name: float(one["value"]) for name, one in evaluated["metrics"].items()}
        | {"example_count": float(evaluated["examples"])},
        "intervals": {
            name: [one["low"], one["high"]]
            for name, one in evaluated["metrics"].items()
            if "low" in one
        },
        "baseline": judged["trivial"],
        "thresholds": dict(settings.config.evaluate.thresholds),
        "slices": evaluated["slices"],
        "checks": judged["checks"],
        "blessed": judged["blessed"],
        "refused_because": [one["text"] for one in judged["checks"] if one["passed"] is False],
        "data": _data(runner),
        "pushed_model": pushed.get_string_custom_property("pushed_destination")
        if was_pushed
        else None,
        "model": str(_keep(settings, artifact("Trainer", "model").uri, pushed))
        if was_pushed
        else None,
        "next_steps": next_steps(
            task=settings.task_name,
            preset=settings.preset,
            run_dir=settings.run_dir,
            steps=settings.config.train.steps,
            pushed=pushed.get_string_custom_property("pushed_destination") if was_pushed else None,
            verdict=judged,
            config=to_dict(settings.config),
        ),
        "report": str(settings.folder("report.html")),
        "components": list(runner.seconds),
        "seconds": runner.seconds,
        "cached": runner.cached,
        "artifacts": {
            component: {
                name: [item.uri for item in items] for name, items in sorted(outputs.items())
            }
            for component, outputs in runner.outputs.items()
        },
    }


def _data(runner: ResumableDagRunner) -> dict[str, Any]:
    """What the checks of the data found."""
    folder = Path(runner.outputs["ExampleValidator"]["anomalies"][0].uri)
    again = "the same `perceiver run` with --no-cache makes it again"
    found = read_json(folder / "anomalies.json", again, "anomalies", "against")
    leaks = Path(runner.outputs["LeakDetector"]["leaks"][0].uri) / "leaks.json"
    return {
        "anomalies": [one["text"] for one in found["anomalies"]],
        "schema": found["against"],
        "leaks": read_json(leaks, again, "pairs")["pairs"],
    }


def _keep(settings: PipelineSettings, trained: str, pushed: Any) -> Path:
    """Where `pk.load` finds the pushed model, also when the artifacts are cleaned."""
    version = pushed.get_string_custom_property("pushed_version")
    return run_folder.keep_blessed(settings.run_dir, Path(trained) / run_folder.PRESET, version)


def package_versions() -> dict[str, str]:
    """What the results of a run may depend on besides our code."""
    versions = {"python": platform.python_version()}
    for name in RECORDED_PACKAGES:
        try:
            versions[name] = packages.version(name)
        except packages.PackageNotFoundError:
            versions[name] = "not installed"
    return versions
