"""What a user may do after a run, as commands."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path


def next_steps(
    *,
    task: str,
    preset: str = "",
    run_dir: Path | None = None,
    steps: int | None = None,
    pushed: str | None = None,
    thresholds: Mapping[str, float] | None = None,
    has_last_blessed: bool = False,
) -> list[dict[str, str]]:
    """[{"words", "command"}, …]: to use the model if it was pushed, to get a better one if it was not.

    Args:
      task: Its name.
      preset: The run's.
      run_dir: The run's folder.
      steps: How many the model was trained for.
      pushed: The folder of the pushed version; None if the model was not pushed.
      thresholds: The gate's.
      has_last_blessed: Whether the model was compared with an earlier one.
    """
    again = ["perceiver", "run", task]
    again += ["--preset", preset] if preset else []
    again += ["--run-dir", str(run_dir)] if run_dir else []
    same = shlex.join(again)
    longer = f"{same} --set train.steps={2 * (steps or 1000)}"
    if pushed:
        predict = ["perceiver", "predict", task, "FILE", "--model", pushed]
        base = shlex.quote(str(Path(pushed).parent))
        serve = f"tensorflow_model_server --rest_api_port=8501 --model_name={task} --model_base_path={base}"
        found = [
            ("Ask the model for a prediction:", shlex.join(predict)),
            ("Serve it with TensorFlow Serving, which picks up new versions by itself:", serve),
            ("Train longer; a worse model is not pushed:", longer),
        ]
    else:
        found = [("Train longer, or change anything else in the configuration:", longer)]
        for name, bound in list((thresholds or {}).items())[:1]:
            found.append(
                (
                    "If a threshold asks too much, change it; a model must beat the trivial guess all the same:",
                    f"{same} --set {shlex.quote(f'evaluate.thresholds.{name}={bound}')}",
                )
            )
        if has_last_blessed:
            words = (
                "If labels or inputs were changed on purpose, so that the last blessed model is no longer a fair "
                "comparison:"
            )
            found.append((words, f"{same} --rebaseline"))
    return [{"words": words, "command": command} for words, command in found]


def data_steps(run_dir: Path, task: str, preset: str = "") -> list[dict[str, str]]:
    """[{"words", "command"}, …] after a run that was stopped because of its data."""
    folder = shlex.quote(str(run_dir))
    again = ["perceiver", "run", task, *(["--preset", preset] if preset else [])]
    again = shlex.join([*again, "--run-dir", str(run_dir)])
    steps = [
        ("See how the data differs from the accepted schema:", f"perceiver schema diff {folder}"),
        (
            "If the change is intended, accept it; later runs are held against it:",
            f"perceiver schema accept {folder}",
        ),
        ("Once the data is fixed, or the change accepted:", again),
        (
            "To train all the same, with the anomalies in the report:",
            f"{again} --set data.on_anomaly=report",
        ),
    ]
    return [{"words": words, "command": command} for words, command in steps]
