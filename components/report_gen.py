"""ReportGen: one page for people about a trained model and its data, at the end of the pipeline.

Writes `report.html` (self-contained), `report.json` and the pictures into its artifact. Metrics, intervals, slices and
reasons are the Gate's. The pictures come from the task's own `asking.report`, on the first examples of the test split;
the tables of classes and the calibration from `answers`, on all of it; what the data is like from `data_report`.
"""

# No `from __future__ import annotations`: TFX reads the annotations as objects.
import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import Artifact, artifact_utils, standard_artifacts

from perceiver_keras.components import gate, trivial_guess
from perceiver_keras.components.data import data_report
from perceiver_keras.components.leak_detector import PerceiverLeaks
from perceiver_keras.components.model.answers import Answers, answers
from perceiver_keras.components.model.evaluation import COUNT, evaluated
from perceiver_keras.components.model.held_out import TEST_SPLIT, held_out_batches
from perceiver_keras.components.serving_validator import VERDICT_FILE
from perceiver_keras.config import TaskConfig
from perceiver_keras.config_tree import from_json, to_dict
from perceiver_keras.data.own import told
from perceiver_keras.show import classification, curves, reliability
from perceiver_keras.show import gate as checks
from perceiver_keras.show import report as page
from perceiver_keras.show.formats import real
from perceiver_keras.show.mistakes import CELLS
from perceiver_keras.tasks import preset_folder, registry
from perceiver_keras.tasks.model import load

MOST_SHOWN = 512  # examples in the pictures
SHOW_BYTES = 1 << 29  # about how much memory their attention maps may take
MOST_LEFT_OUT = 200  # listed


class Report(Artifact):
    """A folder with report.html, report.json and the pictures as PNG files."""

    TYPE_NAME = "PerceiverReport"


@component
def ReportGen(  # noqa: N802 - components are named like classes
    model: InputArtifact[standard_artifacts.Model],
    model_run: InputArtifact[standard_artifacts.ModelRun],
    evaluation: InputArtifact[standard_artifacts.ModelEvaluation],
    blessing: InputArtifact[standard_artifacts.ModelBlessing],
    infra_blessing: InputArtifact[standard_artifacts.InfraBlessing],
    examples: InputArtifact[standard_artifacts.Examples],
    report: OutputArtifact[Report],
    task: Parameter[str],
    config_json: Parameter[str],
    pushed_model: InputArtifact[standard_artifacts.PushedModel] = None,
    transform_graph: InputArtifact[standard_artifacts.TransformGraph] = None,
    guess: InputArtifact[trivial_guess.Guess] = None,
    statistics: InputArtifact[standard_artifacts.ExampleStatistics] = None,
    schema: InputArtifact[standard_artifacts.Schema] = None,
    anomalies: InputArtifact[standard_artifacts.ExampleAnomalies] = None,
    leaks: InputArtifact[PerceiverLeaks] = None,
) -> None:
    """Collects the run's results about its model, and draws them.

    Args:
      model: The Trainer's; the folder `preset` in it has the Keras model.
      model_run: The Trainer's; it has history.json.
      evaluation: TFMA's results; read only if the blessing has no verdict.json.
      blessing: The Gate's, with verdict.json.
      infra_blessing: The ServingValidator's verdict, with its reason.
      examples: They have a split "test".
      report: The folder to write.
      task: Its name in the registry.
      config_json: The run's whole TaskConfig.
      pushed_model: The Pusher's.
      transform_graph: Transform's, if it changes the task's features.
      guess: TrivialGuess's.
      statistics: StatisticsGen's, of the described examples.
      schema: SchemaGen's, for the described examples.
      anomalies: ExampleValidator's.
      leaks: LeakDetector's.
    """
    the_task = registry.get(task)
    config = from_json(the_task.config_class, config_json)
    preset = Path(model.uri) / "preset"
    about = preset_folder.read(preset)[1]
    labels = about["labels"]
    trained = load(preset)
    history = read_history(Path(model_run.uri))
    # A model of another task, which the gate has refused, has nothing to say about these examples.
    fits = about["task"] == task
    # The Trainer may have added to it, such as a vocabulary; it does not see the gate.
    as_trained = dataclasses.replace(
        trained.task_config if fits else config, evaluate=config.evaluate
    )
    batches = held_out_batches(the_task, as_trained, examples, transform_graph)

    split = counts(examples)
    about_data = data_report.collect(
        the_task,
        as_trained,
        examples_uri=examples.uri,
        counts=split,
        statistics_uri=uri_of(statistics),
        schema_uri=uri_of(schema),
        anomalies_path=uri_of(anomalies, data_report.ANOMALIES_FILE),
        leaks_path=uri_of(leaks, data_report.LEAKS_FILE),
        labels=labels,
    )
    said = answers(the_task, trained, batches, as_trained, labels) if fits else Answers()
    mistakes = said.mistakes
    in_test = split.get(TEST_SPLIT, {}).get("num_examples")
    verdict = gate.verdict(blessing.uri)
    measured = measured_of(verdict, evaluation.uri)
    serving = gate.kept(os.path.join(infra_blessing.uri, VERDICT_FILE))
    found = page.Report(
        task=the_task.name,
        preset=about["preset"],
        labels=labels,
        config=to_dict(config),
        blessed=is_blessed(blessing) and is_blessed(infra_blessing),
        reasons=reasons(verdict, infra_blessing),
        metrics=values(measured["metrics"]) | {COUNT: float(measured["examples"])},
        last_blessed=values(measured["baseline"]) if measured.get("baseline") else None,
        baseline={} if guess is None else trivial_guess.read(guess.uri)["metrics"],
        thresholds=dict(config.evaluate.thresholds),
        lower_is_better=list(the_task.measures.lower_is_better),
        examples=split,
        dead_letter=dead_letter(examples),
        left_out=left_out(examples, config),
        found=told.rows(config.data.dataset, config.data.data_dir),
        classes=mistakes.summary() if mistakes else None,
        test_examples=in_test if mistakes and mistakes.examples != in_test else None,
        latency=(serving or {}).get("latency"),
        verdict=verdict or {"evaluated": measured},
        serving=serving,
        data=dataclasses.asdict(about_data),
        pushed_model=pushed_to(pushed_model),
        parameters=trained.count_params(),
        steps=int(history[-1]["step"]) if history else None,
    )
    pictures = {"Learning curves": (curves.learning_curves(history), "")}
    inputs, targets = next(iter(batches.unbatch().batch(num_shown(as_trained, batches)).take(1)))
    shown: dict[str, Any] = {}
    if fits:
        shown = the_task.asking.report(trained, inputs, targets, as_trained, labels)
    if mistakes:
        shown.pop(page.HEAT_MAP, None)  # that of the first examples
        if len(mistakes.names) > CELLS and not mistakes.several:
            shown[page.HEAT_MAP] = classification.heat_map(
                mistakes.support, mistakes.right, mistakes.pairs, mistakes.names
            )
    for name, bins in said.bins.items():
        figure = reliability.reliability(bins, found.metrics.get(name))
        shown[reliability.title(name)] = figure
    of_how_many = f"Of {len(tf.nest.flatten(targets)[0]):,} examples of the test split."
    pictures |= {
        title: (figure, figure.get_label() or of_how_many) for title, figure in shown.items()
    }
    page.save(found, pictures, report.uri)


def read_history(folder: Path) -> list[dict[str, Any]]:
    """The rows of the Trainer's history.json; empty if there is none."""
    paths = sorted(folder.rglob("history.json"))
    found = gate.kept(str(paths[0])) if paths else None
    return found["history"] if found else []


def measured_of(verdict: Mapping[str, Any] | None, evaluation_uri: str) -> dict[str, Any]:
    """`Evaluated` as JSON, from the Gate's verdict; of a run without a Gate, from TFMA's results."""
    return (verdict or {}).get("evaluated") or evaluated(evaluation_uri).to_json()


def uri_of(artifact: Artifact | None, name: str = "") -> str | None:
    """The folder of an artifact that may not be there, or a file in it."""
    return None if artifact is None else os.path.join(artifact.uri, name)


def values(estimates: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """The values of estimates as JSON, by name."""
    return {name: real(one["value"]) for name, one in estimates.items()}


def num_shown(config: TaskConfig, batches: tf.data.Dataset) -> int:
    """How many examples the pictures may use: attention maps grow with the input's length."""
    inputs = tf.nest.flatten(batches.element_spec[0])
    values = sum(spec.shape[1:].num_elements() or 4096 for spec in inputs)
    return max(4, min(MOST_SHOWN, SHOW_BYTES // (4 * values * config.model.encode.num_latents)))


def is_blessed(verdict: Artifact) -> bool:
    """Whether it is a blessing: both kinds say so in a property and by the name of a file."""
    if verdict.has_custom_property("blessed"):
        return verdict.get_int_custom_property("blessed") == 1
    return tf.io.gfile.exists(f"{verdict.uri}/BLESSED") or tf.io.gfile.exists(
        f"{verdict.uri}/INFRA_BLESSED"
    )


def reasons(verdict: Mapping[str, Any] | None, infra_blessing: Artifact) -> list[str]:
    """Why the model was not blessed, one sentence per reason, from the Gate's checks."""
    if verdict is not None:
        return checks.reasons(verdict)
    if is_blessed(infra_blessing):
        return []
    reason = infra_blessing.get_string_custom_property("cause") or "no cause given."
    return [f"It does not serve: {reason}"]


def counts(examples: Artifact) -> dict[str, dict[str, int]]:
    """Split -> how many examples it has, and how many corrupt ones were left out."""
    found: dict[str, dict[str, int]] = {}
    for split in artifact_utils.decode_split_names(examples.split_names):
        found[split] = {
            name: examples.get_int_custom_property(f"{name}_{split}")
            for name in ("num_examples", "num_corrupt")
            if examples.has_custom_property(f"{name}_{split}")
        }
    return found


def dead_letter(examples: Artifact) -> str | None:
    folder = f"{examples.uri}/dead_letter"
    return folder if tf.io.gfile.exists(folder) else None


def left_out(examples: Artifact, config: TaskConfig) -> list[dict[str, str]]:
    """The examples left out, first when the user's own data was prepared, then from the records."""
    found = [
        {"what": what, "reason": reason}
        for what, reason in told.letters(config.data.dataset, config.data.data_dir).items()
    ]
    for path in sorted(tf.io.gfile.glob(f"{examples.uri}/dead_letter/*.jsonl")):
        with tf.io.gfile.GFile(path) as file:
            rows = [json.loads(line) for line in file.read().splitlines()]
        found += [
            {"what": f"{r['file']}, record {r['index']}", "reason": r["reason"]} for r in rows
        ]
    return found[:MOST_LEFT_OUT]


def pushed_to(pushed_model: Artifact | None) -> str | None:
    """Where the model was pushed to; None if it was not pushed."""
    if pushed_model is None or pushed_model.get_int_custom_property("pushed") != 1:
        return None
    return pushed_model.get_string_custom_property("pushed_destination")
