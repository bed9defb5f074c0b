"""A model that `predict` asks: in this process, or behind a server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from perceiver_keras.commands.shared.digests import digest
from perceiver_keras.errors import UsageError

# Seconds: one request of `predict` may be a long video. The server has a limit of its own.
TIMEOUT = 600.0


class Predictor:
    """A model behind one function: raw inputs to named outputs, one row per request."""

    def __init__(
        self, task: Any, name: str, run: Callable[..., Any], labels: Any, digest: Callable[[], str]
    ):
        self.task, self.name, self.run, self.labels = task, name, run, labels
        self.digest = digest  # of the model: another one, or one trained on, has another


def without_spare(task: Any, model: Any) -> Callable[[dict[str, Any]], Any]:
    """Asks `serving_default` of a `Servable` or `Client`, without inputs that only other models of the task take."""
    spare = set(task.asking.spare) - set(model.signature("serving_default").inputs)

    def run(raw: dict[str, Any]) -> Any:
        return model.predict("serving_default", **{k: raw[k] for k in raw if k not in spare})

    return run


def from_server(
    task_name: str, server: str, model_name: str | None, labels: Path | None
) -> Predictor:
    """A model of a server.

    Args:
      task_name: What it is asked for.
      server: HOST:PORT or an URL.
      model_name: Of the server's models; None: the one in the URL, or the only one.
      labels: An export, or a text file, with the classes' names, if the server does not tell them.

    Raises:
      UsageError: the server has no such model, or it is one for another task.
      PerceiverError: there is no server.
    """
    from perceiver_keras.client.client import Client
    from perceiver_keras.tasks import registry

    task, client = registry.get(task_name), Client(server, model_name, timeout=TIMEOUT)
    told = client.metadata()
    about, name = told["task"], f"{client.address}, {told['model']}, version {told['version']}"
    if about.get("task", task_name) != task_name:
        raise UsageError(f"{name}, is a model for {about['task']}, not for {task_name}.")
    outputs = client.signature("serving_default").outputs
    names = read_labels(labels) if labels else about.get("labels")
    nameless = "probabilities" in outputs and "classes" not in outputs
    if names is None and nameless and not about:
        click.echo(
            f"{client.address} does not tell what the classes are called, so they are numbered; --labels takes their "
            "names from an export or a file.",
            err=True,
        )
    if names is not None and nameless and (shape := outputs["probabilities"].shape):
        classes = shape[-1]
        if classes not in (None, len(names)):
            raise UsageError(f"{labels} names {len(names)} classes; {name}, has {classes}.")
    ends = {key: (str(s.inputs), str(s.outputs)) for key, s in told["signatures"].items()}
    return Predictor(
        *(task, name, without_spare(task, client), names), lambda: digest([name, names, ends])
    )


def read_labels(path: Path) -> list[str]:
    """The classes' names in an export, or in a text file with one per line.

    Raises:
      UsageError: there are none.
      PerceiverError: the folder is not an export.
    """
    if path.is_dir():
        from perceiver_keras.saved_model import latest_version, read_task

        found = read_task(latest_version(str(path))).get("labels")
    else:
        try:
            found = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8"
            raise UsageError(f"--labels {path}: {reason}.") from error
    if not found:
        raise UsageError(f"--labels {path}: there are no classes' names in it.")
    return list(found)
