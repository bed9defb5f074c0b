"""What a user may do after a run, as commands: to use the model, or to get past what the gate or the data stopped."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Step = dict[str, str]
CONFIG_FILE = "config.json"  # all settings of a run folder's last run
CHANGED = "If labels or inputs were changed on purpose, so that the last blessed model is no longer a fair comparison:"
MOST_THRESHOLDS = 3  # that are offered to be lowered
ROOM = 1.25  # how far above what was measured a bound of serving is offered
_BOUND = re.compile(r"evaluate\.(max_\w+) is \S+ and it takes ([\d.e+-]+)")


def next_steps(
    *,
    task: str,
    preset: str = "",
    run_dir: Path | None = None,
    steps: int | None = None,
    pushed: str | None = None,
    verdict: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    has_last_blessed: bool = False,
) -> list[Step]:
    """[{"words", "command"}, …]: to use the model if it was pushed, to get a better one if it was not.

    Args:
      task: Its name.
      preset: The run's.
      run_dir: The run's folder.
      steps: How many the model was trained for.
      pushed: The folder of the pushed version; None if the model was not pushed.
      verdict: The Gate's verdict.json.
      config: All settings of the run.
      has_last_blessed: Whether the model was compared with an earlier one; asked where there is no verdict.
    """
    same = again(task, preset, run_dir)
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
        found = list(_after_refusal(same, longer, run_dir, verdict or {}, config or {}))
        if has_last_blessed and not verdict:
            found.append((CHANGED, f"{same} --rebaseline"))
    return _steps(found)


def data_steps(run_dir: Path, task: str, preset: str = "") -> list[Step]:
    """[{"words", "command"}, …] after a run that was stopped because of its data."""
    folder = shlex.quote(str(run_dir))
    same = again(task, preset, Path(run_dir))
    found = [
        ("See how the data differs from the accepted schema:", f"perceiver schema diff {folder}"),
        (
            "If the change is intended, accept it; later runs are held against it:",
            f"perceiver schema accept {folder}",
        ),
        ("Once the data is fixed, or the change accepted:", same),
        (
            "To train all the same, with the anomalies in the report:",
            f"{same} --set data.on_anomaly=report",
        ),
    ]
    return _steps(found)


def again(task: str, preset: str = "", run_dir: Path | None = None) -> str:
    """The command of a run with all settings of the folder's last one, whatever options gave them."""
    words = ["perceiver", "run", task]
    words += ["--preset", preset] if preset else []
    if run_dir:
        config = Path(run_dir) / CONFIG_FILE
        words += ["--config", str(config)] if config.is_file() else []
        words += ["--run-dir", str(run_dir)]
    return shlex.join(words)


def _after_refusal(
    same: str,
    longer: str,
    run_dir: Path | None,
    verdict: Mapping[str, Any],
    config: Mapping[str, Any],
) -> Iterator[tuple[str, str]]:
    """(words, command) for each kind of check that refused the model."""
    refused = [check for check in verdict.get("checks") or () if check["passed"] is False]
    kinds = {check["name"].partition(" ")[0]: check for check in reversed(refused)}
    train = config.get("train") or {}
    if "finite" in kinds:
        rate = f"{train.get('learning_rate', 1e-3) / 2:g}"
        yield (
            "Train with smaller steps, and a limit for the gradients:",
            f"{same} --set train.learning_rate={rate} --set train.clip_norm=1",
        )
    if {"threshold", "trivial"} & set(kinds) or not kinds:
        yield ("Train longer, or change anything else in the configuration:", longer)
    missed = [check["name"].partition(" ")[2] for check in refused if _is(check, "threshold")]
    for key in missed[:MOST_THRESHOLDS]:
        if reached := _reached(key, verdict):
            setting = shlex.quote(f"evaluate.thresholds.{key}={reached}")
            yield (
                f"If {key} need not be that good, ask for what this model reached:",
                f"{same} --set {setting}",
            )
    if {"last", "slices"} & set(kinds):
        if place := _last_pushed(run_dir):
            command = shlex.join(["perceiver", "compare", place, str(run_dir)])
            yield ("See what differs from the last blessed model:", command)
        if loss := _largest_loss(verdict, config):
            yield (
                "If such a loss is acceptable, allow it:",
                f"{same} --set evaluate.allowed_drop={loss}",
            )
    if "same" in kinds and run_dir:
        folder = shlex.quote(str(run_dir))
        yield ("See what has changed in the data:", f"perceiver schema diff {folder}")
    if {"last", "slices", "same"} & set(kinds):
        yield (CHANGED, f"{same} --rebaseline")
    if "serving" in kinds:
        yield from _serving(same, kinds["serving"]["text"], run_dir)
    if "not" in kinds:
        yield (
            "Train another model, such as one from another seed:",
            f"{same} --seed {int(train.get('seed', 0)) + 1}",
        )


def _serving(same: str, text: str, run_dir: Path | None) -> Iterator[tuple[str, str]]:
    if found := _BOUND.findall(text):
        raised = [
            f"--set evaluate.{name}={_rounded(ROOM * float(value), up=True)}"
            for name, value in found
        ]
        yield (
            "If it may take that much on the machine of the run, raise the bounds that it exceeds:",
            " ".join([same, *raised]),
        )
    elif run_dir:
        yield (
            "See where serving and training part, or what fails:",
            shlex.join(["perceiver", "report", str(run_dir), "--open"]),
        )


def _is(check: Mapping[str, Any], kind: str) -> bool:
    return check["name"].partition(" ")[0] == kind


def _reached(key: str, verdict: Mapping[str, Any]) -> str | None:
    """What the model reached, a little rounded to the worse; None if that is nothing, or what a guess reaches."""
    metric, _, part = key.partition("@")
    lower = metric in (verdict.get("lower_is_better") or ())
    evaluated = verdict.get("evaluated") or {}
    parts = [evaluated] if not part else evaluated.get("slices") or ()
    if part:
        parts = [p for p in parts if p["slice"] == part or p["slice"].partition("=")[0] == part]
    values = [float(p["metrics"][metric]["value"]) for p in parts if metric in p["metrics"]]
    if not values or not all(map(math.isfinite, values)):
        return None
    worst = max(values) if lower else min(values)
    guess = None if part else (verdict.get("trivial") or {}).get(metric)
    if guess is not None and (worst >= guess if lower else worst <= guess):
        return None
    return _rounded(worst, up=lower)


def _largest_loss(verdict: Mapping[str, Any], config: Mapping[str, Any]) -> str | None:
    """The most that a metric with a threshold lost against the last blessed model, on all examples or in a slice."""
    evaluated = verdict.get("evaluated") or {}
    thresholds = (config.get("evaluate") or {}).get("thresholds") or {}
    metrics = {key.partition("@")[0] for key in thresholds}
    lower = verdict.get("lower_is_better") or ()
    losses = [
        float(one["value"]) * (1 if name in lower else -1)
        for part in (evaluated, *(evaluated.get("slices") or ()))
        for name, one in (part.get("difference") or {}).items()
        if name in metrics
    ]
    most = max((loss for loss in losses if math.isfinite(loss)), default=0.0)
    return _rounded(most, up=True) if most > 0 else None


def _rounded(value: float, *, up: bool) -> str:
    """Three digits, not below (or not above) the value."""
    if not value:
        return "0"
    digit = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    places = round(value / digit, 6)  # 0.95 / 0.001 is not exactly 950
    return f"{(math.ceil(places) if up else math.floor(places)) * digit:.6g}"


def _last_pushed(run_dir: Path | None) -> str | None:
    """The folder of the version that is served."""
    if run_dir is None:
        return None
    versions = [p for p in (Path(run_dir) / "pushed").glob("*") if p.name.isdecimal()]
    return str(max(versions, key=lambda p: int(p.name))) if versions else None


def _steps(found: Sequence[tuple[str, str]]) -> list[Step]:
    return [{"words": words, "command": command} for words, command in found]
