"""ReportGen: one page for people about a trained model, at the end of the pipeline.

Writes `report.html` (self-contained), `report.json` and the pictures into its artifact. The pictures come from the
task's own `asking.report`, on the first examples of the test split; the tables of classes from `asking.verdicts`, on
all of it.
"""

# No `from __future__ import annotations`: TFX reads the annotations as objects.
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import Artifact, artifact_utils, standard_artifacts

from perceiver_keras.components.evaluation import baseline_metrics, evaluation_metrics, failures
from perceiver_keras.components.serving_validator import latency_of
from perceiver_keras.components.transform_graph import TransformGraph
from perceiver_keras.config import TaskConfig
from perceiver_keras.config_tree import from_json, to_dict
from perceiver_keras.data.own import told
from perceiver_keras.data.store.records import file_records
from perceiver_keras.show import classification, curves
from perceiver_keras.show import report as page
from perceiver_keras.show.mistakes import CELLS, Mistakes
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.batches import eval_batches
from perceiver_keras.tasks.model import load
from perceiver_keras.tasks.task import Task

TEST_SPLIT = "test"
MOST_SHOWN = 512  # examples in the pictures
SHOW_BYTES = 1 << 29  # about how much memory their attention maps may take
JUDGED_SECONDS = (
    600  # for the tables of classes; of a split that takes longer, the first examples are judged
)
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
) -> None:
    """Collects the run's results about its model, and draws them.

    Args:
      model: The Trainer's; the folder `preset` in it has the Keras model.
      model_run: The Trainer's; it has history.json.
      evaluation: TFMA's results.
      blessing: The Evaluator's verdict.
      infra_blessing: The ServingValidator's verdict, with its reason.
      examples: They have a split "test".
      report: The folder to write.
      task: Its name in the registry.
      config_json: The run's whole TaskConfig.
      pushed_model: The Pusher's.
      transform_graph: Transform's, if it changes the task's features.
    """
    the_task = registry.get(task)
    config = from_json(the_task.config_class, config_json)
    preset_folder = Path(model.uri) / "preset"
    about = json.loads((preset_folder / "task.json").read_text())
    trained = load(preset_folder)
    history = read_history(Path(model_run.uri))
    # The Trainer may have added to it, such as a vocabulary; it does not see the gate.
    as_trained = dataclasses.replace(trained.task_config, evaluate=config.evaluate)
    batches = test_batches(the_task, as_trained, examples, transform_graph)

    thresholds = dict(config.evaluate.thresholds)
    split = counts(examples)
    mistakes = classes(the_task, trained, batches, as_trained, about.get("labels"))
    in_test = split.get(TEST_SPLIT, {}).get("num_examples")
    found = page.Report(
        task=the_task.name,
        preset=about.get("preset", ""),
        labels=about.get("labels"),
        config=to_dict(config),
        blessed=is_blessed(blessing) and is_blessed(infra_blessing),
        reasons=reasons(evaluation.uri, blessing, infra_blessing),
        metrics=evaluation_metrics(evaluation.uri),
        last_blessed=baseline_metrics(evaluation.uri),
        baseline=the_task.measures.baseline(batches, as_trained),
        thresholds=thresholds,
        lower_is_better=[name for name in thresholds if name in the_task.measures.lower_is_better],
        examples=split,
        dead_letter=dead_letter(examples),
        left_out=left_out(examples, config),
        found=told.rows(config.data.dataset, config.data.data_dir),
        classes=mistakes.summary() if mistakes else None,
        test_examples=in_test if mistakes and mistakes.examples != in_test else None,
        latency=latency_of(infra_blessing.uri),
        pushed_model=pushed_to(pushed_model),
        parameters=trained.count_params(),
        steps=int(history[-1]["step"]) if history else None,
    )
    pictures = {"Learning curves": (curves.learning_curves(history), "")}
    inputs, targets = next(iter(batches.unbatch().batch(num_shown(as_trained, batches)).take(1)))
    shown = the_task.asking.report(trained, inputs, targets, as_trained, about.get("labels"))
    if mistakes:
        shown.pop(page.HEAT_MAP, None)  # that of the first examples
        if len(mistakes.names) > CELLS and not mistakes.several:
            shown[page.HEAT_MAP] = classification.heat_map(
                mistakes.support, mistakes.right, mistakes.pairs, mistakes.names
            )
    of_how_many = f"Of {len(tf.nest.flatten(targets)[0]):,} examples of the test split."
    pictures |= {
        title: (figure, figure.get_label() or of_how_many) for title, figure in shown.items()
    }
    page.save(found, pictures, report.uri)


def read_history(folder: Path) -> list[dict[str, Any]]:
    """The rows of the Trainer's history.json; empty if there is none."""
    paths = sorted(folder.rglob("history.json"))
    return json.loads(paths[0].read_text())["history"] if paths else []


def test_batches(
    task: Task, config: TaskConfig, examples: Artifact, transform_graph: Artifact | None
) -> tf.data.Dataset:
    """The test split as (inputs, targets), through Transform's graph if one is given."""
    records = file_records(f"{artifact_utils.get_split_uri([examples], TEST_SPLIT)}/*")
    transform = None if transform_graph is None else TransformGraph(transform_graph.uri)
    return eval_batches(task, config, records, transform)


def classes(
    task: Task, model: Any, batches: tf.data.Dataset, config: TaskConfig, labels: list[str] | None
) -> Mistakes | None:
    """What the model says of the examples of each class; None if the task's answers are not classes."""
    if task.asking.verdicts is None:
        return None
    found, start = None, time.monotonic()
    for inputs, targets in batches:
        said = task.asking.verdicts(model, inputs, targets, config)
        if said is None:
            return None
        if found is None:
            found = Mistakes(said.names or labels or range(said.probabilities.shape[-1]))
        found.add(said.truth, said.probabilities, said.example)
        if time.monotonic() - start > JUDGED_SECONDS:
            break
    return found


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


def reasons(evaluation_uri: str, blessing: Artifact, infra_blessing: Artifact) -> list[str]:
    """Why the model was not blessed, one sentence per reason."""
    found = [] if is_blessed(blessing) else failures(evaluation_uri)
    if not is_blessed(infra_blessing):
        reason = infra_blessing.get_string_custom_property("cause") or "no cause given."
        found.append(f"It does not serve: {reason}")
    return found


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
