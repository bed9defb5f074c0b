"""Compiles a task's pipeline to a DAG file for Airflow: the same graph as `local_runner` runs, and when to run it.

    python -m perceiver_keras.pipeline.airflow_runner image_classification \\
        --run-dir /data/runs/digits --schedule @daily -o ~/airflow/dags/digits.py

This needs no Airflow; running the DAG needs `perceiver-keras[pipeline,airflow]`.

TFX's own AirflowDagRunner makes the same tasks, and starts them by a launcher that writes the metadata in another form
than all others of TFX's runners: `lineage`, `compare`, `rollback` and the cache would not know those runs, and each
attempt would be another execution. It also needs TFX and the data set wherever Airflow reads the file.
"""

from __future__ import annotations

import argparse
import dataclasses
import pprint
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.files import write_whole

_TEMPLATE = '''"""The DAG {dag_id}, by perceiver_keras.pipeline.airflow_runner: to change it, compile it again."""

from perceiver_keras.pipeline.airflow_dag import dag

compiled = dag(
{arguments}
)
'''


@dataclass(frozen=True, kw_only=True)
class AirflowSettings:
    """How Airflow runs the DAG; see `airflow_dag.dag`.

    Raises:
      UsageError: a value that Airflow does not take, or with which nothing would run.
    """

    dag_id: str
    schedule: str | None = None
    start: str = "2024-01-01"
    retries: int = 2
    retry_minutes: float = 5.0
    concurrency: int = 1

    def __post_init__(self) -> None:
        checks = (
            ("dag_id", re.fullmatch(r"[\w.-]+", self.dag_id), "letters, digits, '.', '_' and '-'"),
            (
                "schedule",
                self.schedule is None or re.fullmatch(r"@\w+|\S+( \S+){4}", self.schedule),
                "@hourly, @daily, @weekly or the five fields of cron, as in '0 3 * * *'",
            ),
            ("start", re.fullmatch(r"\d{4}-\d\d-\d\d", self.start), "a day as YYYY-MM-DD"),
            ("retries", self.retries >= 0, "0 or more"),
            ("retry_minutes", self.retry_minutes >= 0, "0 or more"),
            ("concurrency", self.concurrency >= 1, "1 or more"),
        )
        for name, good, expected in checks:
            if not good:
                raise UsageError(f"{name} is {getattr(self, name)!r}; expected {expected}.")


def components_of(request: Mapping[str, Any]) -> dict[str, list[str]]:
    """{component: those that it waits for} of the graph that a request asks for.

    Raises:
      UsageError: settings and data do not fit.
      PerceiverError: the data set is unavailable.
    """
    # Here, so that a wrong setting is told at once: this takes half a minute.
    from tfx.dsl.compiler.compiler import Compiler

    from perceiver_keras.pipeline.in_parts import Request, graph_of
    from perceiver_keras.pipeline.pipeline import create_pipeline

    return graph_of(Compiler().compile(create_pipeline(Request.read(request).settings())))


def dag_file(
    airflow: AirflowSettings, request: Mapping[str, Any], components: Mapping[str, Sequence[str]]
) -> str:
    """The text of a DAG file.

    Raises:
      UsageError: the request holds a password.
    """
    if urlparse(request.get("metadata_uri") or "").password:
        raise UsageError(
            "metadata has a password, which the DAG file would show; leave it out of the address."
        )
    values = {
        **dataclasses.asdict(airflow),
        "request": dict(request),
        "components": dict(components),
    }
    lines = []
    for name, value in values.items():
        text = pprint.pformat(value, width=92, sort_dicts=False).replace("\n", "\n    ")
        lines.append(f"    {name}={text},")
    return _TEMPLATE.format(dag_id=airflow.dag_id, arguments="\n".join(lines))


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m perceiver_keras.pipeline.airflow_runner")
    add = parser.add_argument
    add("task")
    add("--run-dir", required=True, help="the run folder, the same wherever Airflow's tasks run")
    add("-o", "--output", required=True, type=Path, help="the DAG file, in Airflow's dags folder")
    add("--preset", default="tiny")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting; repeatable")
    add("--metadata", help="mysql://USER@HOST:PORT/DATABASE; default: SQLite in the run folder")
    add("--dag-id", help="default: the task's name")
    add("--schedule", help="@daily, '0 3 * * *' and so on; default: only by hand")
    add("--start", default=AirflowSettings.start, help="the day from which the schedule counts")
    add("--retries", type=int, default=AirflowSettings.retries)
    add("--retry-minutes", type=float, default=AirflowSettings.retry_minutes)
    add("--concurrency", type=int, default=AirflowSettings.concurrency)
    given = parser.parse_args(arguments)
    try:
        airflow = AirflowSettings(
            dag_id=given.dag_id or given.task,
            schedule=given.schedule,
            start=given.start,
            retries=given.retries,
            retry_minutes=given.retry_minutes,
            concurrency=given.concurrency,
        )
        request = {
            "task": given.task,
            "run_dir": str(Path(given.run_dir).expanduser().absolute()),
            "preset": given.preset,
            "overrides": given.set,
            "metadata_uri": given.metadata,
        }
        dag_file(airflow, request, {})
        write_whole(given.output, dag_file(airflow, request, components_of(request)))
    except UsageError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except (PerceiverError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"{given.output}: the DAG {airflow.dag_id}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
