"""The report of a run: one self-contained HTML page.

It is made from two files. ReportGen writes `report.json` (a `Report`) and its pictures as PNG files into
its artifact; the runner writes `run.json` (seconds, versions, where the model went). `render` needs
only the first, `render_run` uses both.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jinja2

from perceiver_keras.errors import PerceiverError
from perceiver_keras.files import write_json, write_whole
from perceiver_keras.show import classes, style
from perceiver_keras.show.next_steps import next_steps

# The order in which the page shows them; JSON's keys are sorted.
SPLITS = ("train", "validation", "test")

HEAT_MAP = "Confusion matrix"  # the title of the picture that stands with the tables of classes
TEMPLATES = Path(__file__).parent
MOST_LEFT_OUT = 50  # of the examples left out, in the page


@dataclass(kw_only=True)
class Report:
    """What ReportGen has collected; all of it is plain JSON.

    Attributes:
      blessed: Whether the model passed every threshold, is not worse than the last blessed model, and serves.
      reasons: Why it is not blessed, one line each; empty for a blessed model.
      metrics: The metrics on the test split, as TFMA computed them.
      baseline: The metrics of the trivial guess on the same split.
      last_blessed: Metrics of the last blessed model on the same split, or None.
      thresholds: The bound of each metric that has one.
      lower_is_better: The metrics for which lower values are better.
      examples: Split -> {"num_examples", "num_corrupt"}.
      dead_letter: The folder with a reason for each record left out, or None.
      left_out: What was left out, and why, {"what", "reason"}.
      found: (what, text) rows about the user's own data; empty for a data set of the catalogue.
      classes: `Mistakes.summary()` on the test split, or None if answers are not classes.
      test_examples: How many examples the test split has, if `classes` is about fewer.
      latency: `serving_check.latency`'s answer about the served model, or None.
      figures: The pictures in order, {"title", "file", "caption", "width", "alt"}; the files are next to report.json.
    """

    task: str
    config: dict[str, Any]
    blessed: bool
    reasons: list[str] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    baseline: dict[str, float] = field(default_factory=dict)
    last_blessed: dict[str, float] | None = None
    thresholds: dict[str, float] = field(default_factory=dict)
    lower_is_better: list[str] = field(default_factory=list)
    examples: dict[str, dict[str, int]] = field(default_factory=dict)
    dead_letter: str | None = None
    left_out: list[dict[str, str]] = field(default_factory=list)
    found: list[list[str]] = field(default_factory=list)
    classes: dict[str, Any] | None = None
    test_examples: int | None = None
    latency: dict[str, Any] | None = None
    pushed_model: str | None = None
    preset: str = ""
    labels: list[str] | None = None
    parameters: int | None = None
    steps: int | None = None
    figures: list[dict[str, Any]] = field(default_factory=list)


def save(report: Report, figures: Mapping[str, tuple[Any, str]], folder: str | Path) -> Path:
    """Writes report.json, the pictures and report.html into `folder`; returns the path of the page.

    Args:
      figures: Title -> (matplotlib figure, caption).
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for number, (title, (figure, caption)) in enumerate(figures.items(), 1):
        name = f"figure_{number}.png"
        write_whole(folder / name, style.to_png(figure))
        width = round(96 * figure.get_figwidth() * 1.05)  # in CSS pixels
        report.figures.append(
            {
                "title": title,
                "file": name,
                "caption": caption,
                "width": width,
                "alt": f"{title}. {caption}".strip(),
            }
        )
    write_json(folder / "report.json", _strict(asdict(report)))
    page = folder / "report.html"
    write_whole(page, render(report, folder))
    return page


def load(folder: str | Path) -> Report:
    """The report in a folder that `save` wrote."""
    path = Path(folder) / "report.json"
    try:
        return Report(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise PerceiverError(f"{path} does not exist; did the run reach ReportGen?") from None
    except (ValueError, TypeError) as error:
        raise PerceiverError(f"{path} is damaged ({error}); run the same command again.") from None


def render_run(run_dir: str | Path) -> Path:
    """Rewrites RUN_DIR/report.html with what run.json knows about the whole run; returns its path.

    Raises:
      PerceiverError: the folder holds no finished run.
    """
    run_dir = Path(run_dir)
    run = read_run(run_dir)
    artifacts = run.get("artifacts", {}).get("ReportGen", {}).get("report", [])
    if not artifacts:
        raise PerceiverError(f"{run_dir / 'run.json'} names no report; run the same command again.")
    folder = Path(artifacts[0])
    page = run_dir / "report.html"
    write_whole(page, render(load(folder), folder, run, run_dir))
    return page


def read_run(run_dir: Path) -> dict[str, Any]:
    """The content of RUN_DIR/run.json.

    Raises:
      PerceiverError: it is missing or damaged.
    """
    path = run_dir / "run.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        begun = (run_dir / "unfinished.json").exists()
        words = "was stopped; run the same command again" if begun else "holds no run"
        raise PerceiverError(f"{run_dir} {words} ({path} does not exist).") from None
    except (ValueError, OSError) as error:
        raise PerceiverError(f"{path} can't be read: {error}.") from None


def render(
    report: Report,
    folder: Path,
    run: Mapping[str, Any] | None = None,
    run_dir: Path | None = None,
) -> str:
    """The page as text. `run` and `run_dir` add what only the whole run knows."""
    run = run or {}
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
    )
    template = environment.get_template("report.html")
    preset = run.get("preset") or report.preset
    pushed = run.get("pushed_model") or report.pushed_model
    corrupt = any(counts.get("num_corrupt") for counts in report.examples.values())
    rows = [_metric_row(report, name) for name in _in_order(report)] + _references(report)
    figures = [
        {"alt": figure["title"], "width": None}
        | figure
        | {"uri": style.to_data_uri((folder / figure["file"]).read_bytes())}
        for figure in report.figures
    ]
    return template.render(
        title=f"{report.task.replace('_', ' ').capitalize()}: {preset}"
        if preset
        else report.task.replace("_", " ").capitalize(),
        facts=_facts(report, run),
        blessed=report.blessed,
        verdict=_verdict(report, pushed),
        reasons=report.reasons,
        pushed_model=pushed,
        last_blessed=report.last_blessed,
        metrics=rows,
        has_bound=any(row["bound"] for row in rows),
        has_baseline=any(row["baseline"] for row in rows),
        classes=None if report.classes is None else classes.tables(report.classes),
        test_examples=f"{report.test_examples:,}" if report.test_examples else "",
        latency=_latency(report.latency),
        heat_map=next((f for f in figures if _is_heat_map(report, f)), None),
        figures=[f for f in figures if not _is_heat_map(report, f)],
        found=report.found,
        left_out=report.left_out[:MOST_LEFT_OUT],
        more_left_out=max(len(report.left_out) - MOST_LEFT_OUT, 0),
        dataset=report.config.get("data", {}).get("dataset", ""),
        examples=[
            {
                "split": split,
                "num_examples": f"{counts.get('num_examples', 0):,}",
                "num_corrupt": counts.get("num_corrupt", 0),
            }
            for split, counts in sorted(
                report.examples.items(), key=lambda item: _place(item[0], SPLITS)
            )
        ],
        dead_letter=report.dead_letter if corrupt else None,
        versions=run.get("versions", {}),
        components=_components(run),
        next_steps=next_steps(
            task=report.task,
            preset=preset,
            run_dir=run_dir,
            steps=report.steps,
            pushed=pushed,
            thresholds=report.thresholds,
            has_last_blessed=report.last_blessed is not None,
        ),
        config=json.dumps(report.config, indent=2),
    )


def _is_heat_map(report: Report, figure: Mapping[str, Any]) -> bool:
    """Whether it belongs to the tables of classes."""
    return report.classes is not None and figure["title"] == HEAT_MAP


def _facts(report: Report, run: Mapping[str, Any]) -> list[str]:
    train = report.config.get("train", {})
    facts = [f"data set {report.config.get('data', {}).get('dataset', '?')}"]
    if report.parameters:
        facts.append(f"{report.parameters:,} parameters")
    if steps := report.steps or train.get("steps"):
        facts.append(f"{steps:,} steps")
    facts.append(f"seed {run.get('seed', train.get('seed', 0))}")
    if overrides := run.get("overrides"):
        facts.append(f"changed: {', '.join(overrides)}")
    return facts


def _place(name: str, known: Sequence[str]) -> tuple[int, str]:
    """Sort key: the order of `known`, then all other names."""
    return (known.index(name) if name in known else len(known), name)


def _verdict(report: Report, pushed: str | None) -> str:
    if report.blessed:
        return "Blessed and pushed" if pushed else "Blessed"
    return "Trained, but not blessed"


def _in_order(report: Report) -> list[str]:
    """Metrics with a threshold first; TFMA's count of examples last."""
    return sorted(
        report.metrics, key=lambda n: (n not in report.thresholds, n == "example_count", n)
    )


def _metric_row(report: Report, name: str) -> dict[str, Any]:
    value, bound = report.metrics[name], report.thresholds.get(name)
    lower = name in report.lower_is_better
    passed = None
    if bound is not None:
        passed = value is not None and (value <= bound if lower else value >= bound)
    last = (report.last_blessed or {}).get(name)
    return {
        "name": name.replace("_", " "),
        "value": number(value),
        "passed": passed,
        "bound": "" if bound is None else f"{'≤' if lower else '≥'} {number(bound)}",
        "last_blessed": "" if last is None else number(last),
        "baseline": number(report.baseline[name]) if name in report.baseline else "",
    }


def _references(report: Report) -> list[dict[str, Any]]:
    """Baseline values without a metric of the model to compare, such as the accuracy of an n-gram table."""
    empty = {"value": "", "passed": None, "bound": "", "last_blessed": ""}
    return [
        {"name": name.replace("_", " "), "baseline": number(value), **empty}
        for name, value in sorted(report.baseline.items())
        if name not in report.metrics
    ]


def number(value: float) -> str:
    """A value with four useful digits: 0.9833, 1.234e-05, 360."""
    if value is None or not math.isfinite(value):
        return "not a number"
    if float(value).is_integer() and abs(value) >= 2:
        return f"{int(value):,}"
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.3e}"


def _latency(latency: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not latency or not latency["requests"]:
        return None
    rows = [
        {
            "request": "one example" if row["examples"] == 1 else f"{row['examples']:,} at once",
            "p50": f"{_rounded(row['p50_ms'])} ms",
            "p95": f"{_rounded(row['p95_ms'])} ms",
            "per_second": _rounded(1000 * row["examples"] / row["p50_ms"]),
            "repeats": f"{row['repeats']:,}",
        }
        for row in latency["requests"]
    ]
    return {"machine": latency["machine"], "rows": rows}


def _rounded(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"


def _components(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    seconds, cached = run.get("seconds", {}), set(run.get("cached", []))
    order = run.get("components", ())  # JSON's keys are sorted
    ordered = sorted(seconds.items(), key=lambda item: _place(item[0], order))
    longest = max(seconds.values(), default=0) or 1
    return [
        {
            "name": name,
            "cached": name in cached,
            "seconds": f"{took:.1f} s",
            "percent": round(100 * took / longest, 1),
        }
        for name, took in ordered
    ]


def _strict(value: Any) -> Any:
    """JSON without NaN and infinities, which browsers and other languages refuse."""
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
