"""The report of a run: one self-contained HTML page.

It is made from two files. ReportGen writes `report.json` (a `Report`) and its pictures as PNG files into
its artifact; the runner writes `run.json` (seconds, versions, where the model went). `render` needs
only the first, `render_run` uses both.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from perceiver_keras.errors import PerceiverError
from perceiver_keras.files import read_json, write_json, write_whole
from perceiver_keras.show import classes, data_report, gate, lineage_picture, serving, slices, style
from perceiver_keras.show import lineage as lineage_text
from perceiver_keras.show.data_report import DataReport, place
from perceiver_keras.show.next_steps import next_steps

HEAT_MAP = "Confusion matrix"  # the title of the picture that stands with the tables of classes
AGAIN = "the same `perceiver run` again writes it"
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
      verdict: The Gate's verdict.json, with its checks and the metrics' intervals and slices, or None.
      serving: ServingValidator's verdict.json, or None.
      data: A `DataReport` as JSON, or None.
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
    verdict: dict[str, Any] | None = None
    serving: dict[str, Any] | None = None
    data: dict[str, Any] | None = None
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
    for index, (title, (figure, caption)) in enumerate(figures.items(), 1):
        name = f"figure_{index}.png"
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
        return Report(**read_json(path, AGAIN))
    except FileNotFoundError:
        raise PerceiverError(f"{path} does not exist; did the run reach ReportGen?") from None
    except TypeError as error:
        raise PerceiverError(f"{path} is damaged ({error}); {AGAIN}.") from None


def render_run(run_dir: str | Path, lineage: Mapping[str, Any] | None = None) -> Path:
    """Rewrites RUN_DIR/report.html with what run.json knows about the whole run; returns its path.

    Args:
      lineage: Of the run's model, as `pipeline/lineage.py` gives it; None: run.json's, if it has one.

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
    if lineage is not None:
        run["lineage"] = lineage
    write_whole(page, render(load(folder), folder, run, run_dir))
    return page


def read_run(run_dir: Path) -> dict[str, Any]:
    """The content of RUN_DIR/run.json.

    Raises:
      PerceiverError: it is missing or damaged.
    """
    path = run_dir / "run.json"
    try:
        return read_json(path, AGAIN)
    except (FileNotFoundError, NotADirectoryError):
        begun = (run_dir / "unfinished.json").exists()
        words = "was stopped; run the same command again" if begun else "holds no run"
        raise PerceiverError(f"{run_dir} {words} ({path} does not exist).") from None
    except OSError as error:
        raise PerceiverError(f"{path} can't be read: {error}.") from None


def render(
    report: Report,
    folder: Path,
    run: Mapping[str, Any] | None = None,
    run_dir: Path | None = None,
) -> str:
    """The page as text. `run` and `run_dir` add what only the whole run knows."""
    run = run or {}
    template = data_report.environment().get_template("report.html")
    preset = run.get("preset") or report.preset
    pushed = run.get("pushed_model") or report.pushed_model
    corrupt = any(counts.get("num_corrupt") for counts in report.examples.values())
    evaluated = (report.verdict or {}).get("evaluated")
    rows = gate.metric_rows(
        metrics=report.metrics,
        thresholds=report.thresholds,
        lower_is_better=report.lower_is_better,
        trivial=report.baseline,
        last_blessed=report.last_blessed,
        evaluated=evaluated,
    )
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
        has_baseline=any(row["trivial"] for row in rows),
        has_interval=any(row["interval"] for row in rows),
        has_difference=any(row["difference"] for row in rows),
        checks=gate.checks(report.verdict),
        too_small=gate.too_small(report.verdict),
        slices=slices.groups(evaluated, report.thresholds, report.lower_is_better),
        classes=None if report.classes is None else classes.tables(report.classes),
        test_examples=f"{report.test_examples:,}" if report.test_examples else "",
        lineage=_lineage(run.get("lineage")),
        latency=serving.latency(report.latency),
        serving=serving.facts(report.serving),
        agreement=serving.agreement(report.serving),
        data=data_report.section(DataReport(**report.data)) if report.data else None,
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
            for split, counts in sorted(report.examples.items(), key=lambda item: place(item[0]))
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
            verdict=report.verdict,
            config=report.config,
            has_last_blessed=report.last_blessed is not None,
        ),
        config=json.dumps(report.config, indent=2),
    )


def _lineage(lineage: Any) -> dict[str, Any] | None:
    """Where the model comes from, as a picture and as text."""
    if not isinstance(lineage, Mapping):
        return None
    return {
        "uri": style.to_data_uri(style.to_png(lineage_picture.draw(lineage))),
        "alt": "Boxes from the data to the served version, and arrows from what each was made of",
        "caption": "",
        "width": None,
        "text": lineage_text.tree(lineage),
    }


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


def _verdict(report: Report, pushed: str | None) -> str:
    if report.blessed:
        return "Blessed and pushed" if pushed else "Blessed"
    return "Trained, but not blessed"


def _components(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    seconds, cached = run.get("seconds", {}), set(run.get("cached", []))
    order = run.get("components", ())  # JSON's keys are sorted
    ordered = sorted(
        seconds.items(),
        key=lambda item: (
            order.index(item[0]) if item[0] in order else len(order),
            item[0],
        ),
    )
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
