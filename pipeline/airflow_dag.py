"""The DAG that Airflow reads: what `airflow_runner` has compiled, as Airflow's tasks.

Airflow reads a DAG file again and again, so this imports neither TensorFlow nor TFX and looks at no data: that is for
the tasks, each in its own process. It is the only module that imports Airflow.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow import DAG
from airflow.exceptions import AirflowFailException, AirflowSkipException
from airflow.operators.python import PythonOperator

BEGIN, FINISH = "begin", "finish"


def dag(
    *,
    dag_id: str,
    schedule: str | None,
    start: str,
    retries: int,
    retry_minutes: float,
    concurrency: int,
    request: Mapping[str, Any],
    components: Mapping[str, Sequence[str]],
) -> DAG:
    """One task per component, between `begin` and `finish`.

    `finish` is skipped, with all that waits for it, if the gate has refused the model; run.json says why. One run
    at a time: the run folder allows no more.

    Args:
      dag_id: The DAG's name.
      schedule: When to run, as Airflow has it: "@daily", "0 3 * * *"; None: only by hand.
      start: The day from which the schedule counts, YYYY-MM-DD. What lies in the past is not made up for.
      retries: How often a task is tried again after it has failed or was killed.
      retry_minutes: How long to wait before that.
      concurrency: How many tasks run at the same time.
      request: `in_parts.Request` as JSON.
      components: {component: those that it waits for}.
    """
    made = DAG(
        dag_id,
        schedule=schedule,
        start_date=datetime.datetime.fromisoformat(start).replace(tzinfo=datetime.timezone.utc),
        catchup=False,
        max_active_runs=1,
        max_active_tasks=concurrency,
        default_args={
            "retries": retries,
            "retry_delay": datetime.timedelta(minutes=retry_minutes),
        },
        tags=["perceiver", request["task"]],
    )

    def task(name: str, function: Any, *given: Any) -> PythonOperator:
        # Bound here and not in `op_args`, which Airflow would read as templates.
        bound = functools.partial(function, request, *given)
        return PythonOperator(task_id=name, python_callable=bound, dag=made)

    first = task(BEGIN, _begin, list(components))
    tasks = {name: task(name, _component, name) for name in components}
    last = task(FINISH, _finish)
    for name, above in components.items():
        tasks[name].set_upstream([tasks[other] for other in above] or [first])
        if not any(name in others for others in components.values()):
            tasks[name].set_downstream(last)
    return made


def _begin(request: Mapping[str, Any], components: list[str], **context: Any) -> None:
    with _told_to_airflow():
        from perceiver_keras.pipeline import in_parts

        in_parts.begin(in_parts.Request.read(request), _run(context), components, _say)


def _component(request: Mapping[str, Any], name: str, **context: Any) -> None:
    with _told_to_airflow():
        from perceiver_keras.pipeline import in_parts

        in_parts.run_component(in_parts.Request.read(request), _run(context), name, _say)


def _finish(request: Mapping[str, Any], **context: Any) -> dict[str, Any]:
    """Its result, which later tasks can read, says what was pushed and how good it is."""
    with _told_to_airflow():
        from perceiver_keras.pipeline import in_parts

        record = in_parts.finish(in_parts.Request.read(request), _run(context), _say).record
    if not record["blessed"]:
        reasons = " ".join(record["refused_because"])
        raise AirflowSkipException(f"Trained, but not blessed; nothing was pushed. {reasons}")
    return {name: record[name] for name in ("pushed_model", "model", "report", "metrics")}


def _run(context: Mapping[str, Any]) -> str:
    """What no other run of this Airflow is called."""
    return f"{context['dag'].dag_id} {context['run_id']}"


@contextlib.contextmanager
def _told_to_airflow() -> Iterator[None]:
    """Airflow tries again what may go well then, and nothing else."""
    from perceiver_keras.errors import UsageError

    try:
        yield
    except Exception as error:
        from perceiver_keras.pipeline.in_parts import Final

        if isinstance(error, (Final, UsageError)):
            raise AirflowFailException(str(error)) from error
        raise


def _say(text: str) -> None:
    print(text, flush=True)
