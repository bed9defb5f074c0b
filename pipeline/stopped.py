"""The page about the data of a run that ExampleValidator stopped: RUN_DIR/data_report.html."""

from __future__ import annotations

from pathlib import Path

from perceiver_keras.components import report_gen
from perceiver_keras.components.data import data_report
from perceiver_keras.components.example_validator import ANOMALIES_FILE, STOPPED
from perceiver_keras.data.store import source
from perceiver_keras.pipeline.dag_runner import ComponentFailed, ResumableDagRunner
from perceiver_keras.pipeline.settings import PipelineSettings

VALIDATOR = "ExampleValidator"


def show_data(
    settings: PipelineSettings, runner: ResumableDagRunner, failure: ComponentFailed
) -> str:
    """Writes the page and says where it is; "" if something else stopped the run."""
    kept = settings.folder("artifacts") / VALIDATOR / STOPPED
    newest = max(kept.glob(f"*/{ANOMALIES_FILE}"), key=_number, default=None)
    if failure.component != VALIDATOR or newest is None:
        return ""
    task, data = settings.task, settings.config.data

    def uri(component: str, output: str) -> str:
        return runner.outputs[component][output][0].uri

    found = data_report.collect(
        task,
        settings.config,
        examples_uri=uri("TfdsExampleGen", "examples"),
        counts=report_gen.counts(runner.outputs["TfdsExampleGen"]["examples"][0]),
        statistics_uri=uri("StatisticsGen", "statistics"),
        schema_uri=uri("SchemaGen", "schema"),
        anomalies_path=str(newest),
        leaks_path=f"{uri('LeakDetector', 'leaks')}/{data_report.LEAKS_FILE}",
        labels=source.label_names(
            source.open_builder(data.dataset, data.data_dir),
            task.examples.label_of(settings.config),
        ),
        stopped=True,
    )
    page = data_report.write_page(found, settings.run_dir, settings.preset)
    return f" The examples are in {page}."


def _number(path: Path) -> int:
    """Of the execution."""
    return int(path.parent.name)
