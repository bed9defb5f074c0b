"""run.json: the settings of a run, its results, and where everything is."""

from __future__ import annotations

import json
import platform
from importlib import metadata as packages
from pathlib import Path
from typing import Any

from perceiver_keras.components.evaluation import evaluation_metrics, failures
from perceiver_keras.pipeline.dag_runner import ResumableDagRunner
from perceiver_keras.pipeline.settings import PipelineSettings
from perceiver_keras.tasks import run_folder

RECORDED_PACKAGES = (
    "perceiver-keras",
    "tensorflow",
    "keras",
    "tensorflow-datasets",
    "tensorflow-addons",
    "tfx",
)


def run_record(settings: PipelineSettings, runner: ResumableDagRunner) -> dict[str, Any]:
    """The record of a finished run, which RUN_DIR/report.html is made from."""

    def artifact(component: str, output: str):
        return runner.outputs[component][output][0]

    evaluation = artifact("Evaluator", "evaluation").uri
    infra = artifact("ServingValidator", "blessing")
    pushed = artifact("AtomicPusher", "pushed_model")
    report = Path(artifact("ReportGen", "report").uri)
    served = infra.get_int_custom_property("blessed") == 1
    passed = artifact("Evaluator", "blessing").get_int_custom_property("blessed") == 1
    refused = [] if passed else failures(evaluation)
    if not served:
        refused.append(f"serving: {infra.get_string_custom_property('cause')}")
    was_pushed = pushed.get_int_custom_property("pushed") == 1
    return {
        "task": settings.task_name,
        "preset": settings.preset,
        "overrides": list(settings.overrides),
        "seed": settings.config.train.seed,
        "versions": _versions(),
        "metrics": evaluation_metrics(evaluation),
        "baseline": json.loads((report / "report.json").read_text())["baseline"],
        "thresholds": dict(settings.config.evaluate.thresholds),
        "blessed": passed and served,
        "refused_because": refused,
        "pushed_model": pushed.get_string_custom_property("pushed_destination")
        if was_pushed
        else None,
        "model": str(_keep(settings, artifact("Trainer", "model").uri, pushed))
        if was_pushed
        else None,
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


def _keep(settings: PipelineSettings, trained: str, pushed: Any) -> Path:
    """Where `pk.load` finds the pushed model, also when the artifacts are cleaned."""
    version = pushed.get_string_custom_property("pushed_version")
    return run_folder.keep_blessed(settings.run_dir, Path(trained) / run_folder.PRESET, version)


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in RECORDED_PACKAGES:
        try:
            versions[name] = packages.version(name)
        except packages.PackageNotFoundError:
            versions[name] = "not installed"
    return versions
