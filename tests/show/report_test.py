"""The page: what it says about a good and a bad model, and that it is self-contained."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from perceiver_keras.errors import PerceiverError
from perceiver_keras.show import curves, gate, report
from perceiver_keras.show.data_report import DataReport
from perceiver_keras.show.mistakes import Mistakes
from tests.show import lineage_samples, verdicts
from tests.show.page import Page


def make(**changes) -> report.Report:
    values = dict(
        task="image_classification",
        preset="tiny",
        config={"data": {"dataset": "digits"}, "train": {"steps": 3000, "seed": 4}},
        blessed=True,
        metrics={"accuracy": 0.98331, "cross_entropy": 0.07, "example_count": 360.0},
        baseline={"accuracy": 0.1},
        thresholds={"accuracy": 0.97},
        examples={
            "train": {"num_examples": 1077, "num_corrupt": 0},
            "test": {"num_examples": 360, "num_corrupt": 3},
        },
        dead_letter="somewhere/dead_letter",
        pushed_model="runs/a b/pushed/17",
        parameters=181034,
        steps=3000,
    )
    return report.Report(**{**values, **changes})


PICTURES = {"Learning curves": (curves.learning_curves([{"step": 1, "loss": 2.0}]), "a caption")}


def test_the_page_is_self_contained(tmp_path: Path) -> None:
    page = Page(report.save(make(), dict(PICTURES), tmp_path / "r").read_text())
    assert page.open == []
    [address] = page.addresses
    kind, _, data = address.partition(",")
    assert kind == "data:image/png;base64" and base64.b64decode(data).startswith(b"\x89PNG")


def test_a_blessed_model(tmp_path: Path) -> None:
    text = Page(report.save(make(), dict(PICTURES), tmp_path).read_text()).text
    for words in (
        "Blessed and pushed",
        "accuracy 0.9833 ≥ 0.9700 0.1000",
        "example count 360",
        "181,034 parameters · 3,000 steps · seed 4",
        "train 1,077 0 test 360 3",
        "somewhere/dead_letter",
        "--model 'runs/a b/pushed/17'",
        "--model_base_path='runs/a b/pushed'",
        "a caption",
    ):
        assert words in text


def test_a_refused_model_says_why_and_how_to_go_on(tmp_path: Path) -> None:
    refused = make(
        blessed=False,
        reasons=["accuracy is 0.1; at least 0.97 is asked for."],
        metrics={"accuracy": 0.1, "loss": float("nan")},
        last_blessed={"accuracy": 0.98},
        pushed_model=None,
    )
    source = report.save(refused, {}, tmp_path).read_text()
    text = Page(source).text
    assert "Trained, but not blessed accuracy is 0.1; at least 0.97 is asked for." in text
    assert "Nothing was pushed; the model served so far stays in use." in text
    assert "--rebaseline" in text and "--set train.steps=6000" in text
    assert "not a number" in text
    assert re.search(r'class="n big bad">0.1000', source)
    assert "tensorflow_model_server" not in text


def test_less_is_better_where_the_task_says_so(tmp_path: Path) -> None:
    flow = make(metrics={"epe": 2.0}, thresholds={"epe": 1.5}, lower_is_better=["epe"])
    source = report.save(flow, {}, tmp_path).read_text()
    assert "≤ 1.5000" in source and 'class="n big bad">2' in source


def test_a_metric_that_is_not_a_number_has_not_passed(tmp_path: Path) -> None:
    report.save(make(metrics={"accuracy": float("nan")}), {}, tmp_path)
    source = report.render(report.load(tmp_path), tmp_path)
    assert 'class="n big bad">not a number' in source


def test_what_users_write_is_text_and_not_html(tmp_path: Path) -> None:
    odd = make(preset="<script>alert(1)</script>", reasons=["<b>bold</b>"])
    source = report.save(odd, {"<i>": PICTURES["Learning curves"]}, tmp_path).read_text()
    assert "<script" not in source and "<b>" not in source and "<i>" not in source


def test_report_json_is_strict_and_comes_back(tmp_path: Path) -> None:
    before = make(metrics={"loss": float("inf"), "accuracy": 0.5})
    report.save(before, dict(PICTURES), tmp_path)

    def refuse(name: str):
        raise AssertionError(name)

    values = json.loads((tmp_path / "report.json").read_text(), parse_constant=refuse)
    assert values["metrics"] == {"accuracy": 0.5, "loss": None}
    after = report.load(tmp_path)
    assert (after.baseline, after.thresholds) == (before.baseline, before.thresholds)
    assert [f["title"] for f in after.figures] == ["Learning curves"]
    assert "not a number" in report.render(after, tmp_path)


# === Classes, latency and data ===


def of_classes(count: int, shown) -> dict:
    """The summary of a classifier of `count` classes with one wrong answer in five."""
    rng = np.random.default_rng(count)
    found = Mistakes([f"class {i}" for i in range(count)])
    truth = rng.integers(0, count, 5 * count)
    given = np.where(rng.random(5 * count) < 0.2, (truth + 1) % count, truth)
    for rows in np.array_split(np.arange(5 * count), -(-count // 100)):
        found.add(truth[rows], np.eye(count)[given[rows]] * 0.9, shown)
    return found.summary()


def noise(row: int) -> np.ndarray:
    return np.random.default_rng(row).normal(size=(224, 224, 3))


@pytest.mark.parametrize("count", [2, 10, 100, 1000])
def test_links_lead_to_places_of_the_page_and_it_is_not_large(count: int, tmp_path: Path) -> None:
    page = report.save(make(classes=of_classes(count, noise)), dict(PICTURES), tmp_path)
    assert page.stat().st_size < 5_000_000
    read = Page(page.read_text())
    links = [address for address in read.addresses if address.startswith("#")]
    assert links and {link[1:] for link in links} <= set(read.ids)
    assert len(set(read.ids)) == len(read.ids)
    assert all(a.startswith(("#", "data:image/")) for a in read.addresses)
    assert read.open == [] and "" not in read.alts and len(read.alts) > 1
    assert "Classes, the worst first" in read.text and "Wrong examples" in read.text
    assert ("The most confused pairs" in read.text) == (count > 20)
    assert ('class="matrix' in page.read_text()) == (count <= 20)


def test_headings_go_down_one_by_one(tmp_path: Path) -> None:
    source = report.save(make(classes=of_classes(30, noise)), dict(PICTURES), tmp_path).read_text()
    levels = [int(level) for level in re.findall(r"<h(\d)", source)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(low <= high + 1 for high, low in zip(levels, levels[1:], strict=False))


def test_a_wrong_text_is_shown_with_what_it_is_and_what_was_said(tmp_path: Path) -> None:
    found = Mistakes(["good", "bad"])
    found.add(
        np.array([1, 0]), np.array([[0.83, 0.17], [0.6, 0.4]]), lambda row: "<b>dull</b> & long"
    )
    source = report.save(make(classes=found.summary()), {}, tmp_path).read_text()
    assert "&lt;b&gt;dull&lt;/b&gt; &amp; long" in source
    text = Page(source).text
    assert (
        "bad, said to be good 83%" in text and "Wrong: 1 of 2 examples of the test split." in text
    )


def test_if_only_the_first_examples_were_judged_it_says_so(tmp_path: Path) -> None:
    partly = make(classes=of_classes(10, str), test_examples=360)
    text = Page(report.save(partly, {}, tmp_path).read_text()).text
    assert "of 50 examples of the test split, the first of 360." in text


def test_the_heat_map_stands_with_the_confused_pairs(tmp_path: Path) -> None:
    summary = of_classes(30, str)
    pictures = {**PICTURES, report.HEAT_MAP: (curves.learning_curves([]), "the heat map")}
    text = Page(report.save(make(classes=summary), pictures, tmp_path).read_text()).text
    order = [
        text.index(words) for words in ("the heat map", "The most confused", "Learning curves")
    ]
    assert order == sorted(order)
    alone = Page(report.save(make(), pictures, tmp_path / "alone").read_text()).text
    assert "the heat map" in alone and "The most confused" not in alone


def test_the_latency_of_the_served_model(tmp_path: Path) -> None:
    rows = [
        {"examples": 1, "repeats": 100, "p50_ms": 1.66, "p95_ms": 2.0},
        {"examples": 8, "repeats": 7, "p50_ms": 1234.5, "p95_ms": 4000.0},
    ]
    latency = {"machine": "a processor, 2 cores", "requests": rows}
    text = Page(report.save(make(latency=latency), {}, tmp_path).read_text()).text
    assert "a processor, 2 cores" in text
    assert "one example 1.7 ms 2 ms 602 100 8 at once 1,234 ms 4,000 ms 6.5 7" in text
    for nothing in (None, {"machine": "", "requests": []}):
        assert "Latency" not in report.save(make(latency=nothing), {}, tmp_path / "n").read_text()


def test_what_was_found_and_what_was_left_out(tmp_path: Path) -> None:
    left_out = [{"what": f"{i}.jpg", "reason": "not a <JPEG>"} for i in range(60)]
    found = [["layout", "one folder per class"], ["passed over", "2 hidden"]]
    text = Page(report.save(make(found=found, left_out=left_out), {}, tmp_path).read_text()).text
    assert "layout one folder per class passed over 2 hidden" in text
    assert "49.jpg not a <JPEG> and 10 more" in text


def test_a_column_that_would_be_empty_is_left_out(tmp_path: Path) -> None:
    text = Page(report.save(make(baseline={}), {}, tmp_path).read_text()).text
    assert "last blessed" not in text and "trivial guess" not in text and "must be" in text


def test_a_report_of_an_earlier_version_is_still_rendered(tmp_path: Path) -> None:
    report.save(make(), dict(PICTURES), tmp_path)
    path = tmp_path / "report.json"
    values = json.loads(path.read_text())
    for new in ("left_out", "found", "classes", "test_examples", "latency"):
        del values[new]
    for new in ("verdict", "serving", "data"):
        del values[new]
    del values["figures"][0]["alt"], values["figures"][0]["width"]
    path.write_text(json.dumps(values))
    assert "a caption" in report.render(report.load(tmp_path), tmp_path)


# === The gate, slices, calibration, the served model, data ===


def judged(**changes) -> report.Report:
    values = dict(
        blessed=False,
        verdict=verdicts.verdict(),
        reasons=gate.reasons(verdicts.verdict()),
        serving=verdicts.serving(),
        latency=verdicts.serving()["latency"],
        last_blessed={"accuracy": 0.9851},
        metrics={"accuracy": 0.9888, "example_count": 269.0},
        lower_is_better=["cross_entropy"],
        data=dataclasses.asdict(
            DataReport(
                task="image_classification",
                dataset="digits",
                counts={"test": {"num_examples": 269}},
                anomalies=verdicts.anomalies(),
                leaks=verdicts.leaks(),
            )
        ),
    )
    return make(**{**values, **changes})


def test_the_gates_checks_stand_under_the_verdict(tmp_path: Path) -> None:
    source = report.save(judged(), dict(PICTURES), tmp_path).read_text()
    page = Page(source)
    order = [
        page.text.index(words)
        for words in (
            "Trained, but not blessed",
            "threshold accuracy@label refused accuracy@label=8 is 0.8846",
            "test split note 269 examples are few.",
            "finite passed",
            "Metrics on the test split",
            "Slices of the test split",
            "The served model",
            "Anomalies in the data",
            "The same examples in two splits",
            "Next steps",
        )
    ]
    assert order == sorted(order)
    assert page.open == [] and len(set(page.ids)) == len(page.ids)
    assert {"gate", "metrics", "slices", "serving", "anomalies", "leaks"} <= set(page.ids)
    links = [address[1:] for address in page.addresses if address.startswith("#")]
    assert set(links) <= set(page.ids)


def test_metrics_have_intervals_and_the_difference_to_the_last_blessed(tmp_path: Path) -> None:
    text = Page(report.save(judged(), {}, tmp_path).read_text()).text
    assert (
        "accuracy 0.9888 [0.973, 1.004] ≥ 0.9700 0.1000 0.9851 [0.970, 1.000] +0.0037 [−0.007, +0.015]"
        in text
    )
    assert "On the 269 test examples, a model that is worse by less than 0.0107 in accuracy" in text


def test_slices_are_in_tables_with_the_worst_first(tmp_path: Path) -> None:
    source = report.save(judged(), {}, tmp_path).read_text()
    text = Page(source).text
    assert "accuracy by label all examples: 0.9888" in text
    assert "4 worst 24 0.5000 [0.400, 0.600] −0.3000 [−0.350, −0.250]" in text
    assert 'class="n bad">−0.3000' in source


def test_the_served_model_in_numbers(tmp_path: Path) -> None:
    text = Page(report.save(judged(), {}, tmp_path).read_text()).text
    assert "peak memory 411 MiB compared with the last blessed 1.31 times as slow" in text
    assert "Training against serving 200 examples of the test split" in text


def test_each_region_that_scrolls_has_a_name_and_can_be_reached_by_keys(tmp_path: Path) -> None:
    source = report.save(judged(), dict(PICTURES), tmp_path).read_text()
    regions = re.findall(r'<div class="scroll"[^>]*>', source)
    assert len(regions) >= 6
    for region in regions:
        assert re.search(r'role="region" aria-label="[^"]+" tabindex="0"', region)
    assert source.count("<table") == source.count("<thead") + source.count("<table><tbody")
    assert not re.findall(r"<th(?! scope)(?!ead)[^>]*>", source)


def test_names_of_checks_slices_and_data_are_text_and_not_html(tmp_path: Path) -> None:
    verdict = verdicts.verdict()
    verdict["checks"][0] |= {"name": "<script>a", "text": "<script>b"}
    verdict["evaluated"]["slices"].append(verdicts.part("label=<script>c", 3, 0.1, 0.1, 0.0))
    source = report.save(judged(verdict=verdict), {}, tmp_path).read_text()
    assert "<script" not in source and source.count("&lt;script&gt;") == 3


# === With the run around it ===


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    artifact = tmp_path / "artifacts" / "ReportGen"
    report.save(make(), dict(PICTURES), artifact)
    run = {
        "seed": 9,
        "preset": "tiny",
        "overrides": ["train.steps=10"],
        "versions": {"tensorflow": "2.15.1"},
        "components": ["TfdsExampleGen", "Tuner", "Trainer"],
        "seconds": {"Trainer": 90.0, "TfdsExampleGen": 4.5, "Tuner": 7.0},
        "cached": ["TfdsExampleGen"],
        "pushed_model": "pushed/1",
        "artifacts": {"ReportGen": {"report": [str(artifact)]}},
    }
    (tmp_path / "run.json").write_text(json.dumps(run))
    return tmp_path


def test_the_run_adds_components_versions_and_what_was_changed(run_dir: Path) -> None:
    source = report.render_run(run_dir).read_text()
    text = Page(source).text
    assert "seed 9 · changed: train.steps=10" in text
    assert "tensorflow 2.15.1" in text
    assert "Trainer 90.0 s" in text and "TfdsExampleGen cached" in text
    places = [
        text.index(line) for line in ("TfdsExampleGen cached", "Tuner 7.0 s", "Trainer 90.0 s")
    ]
    assert places == sorted(places)
    assert "width: 100.0%" in source and "width: 5.0%" in source


def test_the_lineage_is_a_picture_and_text_that_can_be_folded(run_dir: Path) -> None:
    assert "Where this model comes from" not in report.render_run(run_dir).read_text()
    page = Page(report.render_run(run_dir, lineage_samples.new()).read_text())
    assert "Where this model comes from" in page.text and page.open == []
    assert (
        "Boxes from the data to the served version, and arrows from what each was made of"
        in page.alts
    )


def test_a_folder_without_a_finished_run_gives_an_error(run_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(PerceiverError, match="holds no run"):
        report.render_run(tmp_path / "nothing")
    (run_dir / "run.json").rename(run_dir / "gone.json")
    (run_dir / "unfinished.json").touch()
    with pytest.raises(PerceiverError, match="was stopped; run the same command again"):
        report.render_run(run_dir)
    for damaged in ("{", "", "[]", "null"):
        (run_dir / "run.json").write_text(damaged)
        with pytest.raises(
            PerceiverError, match="run.json is damaged .*; the same `perceiver run`"
        ):
            report.render_run(run_dir)


def test_a_missing_or_damaged_report_gives_an_error(run_dir: Path) -> None:
    path = run_dir / "artifacts" / "ReportGen" / "report.json"
    path.write_text('{"unknown": 1}')
    with pytest.raises(PerceiverError, match="is damaged"):
        report.render_run(run_dir)
    shutil.rmtree(path.parent)
    with pytest.raises(PerceiverError, match="does not exist"):
        report.render_run(run_dir)
