"""GLUE's tasks as one table: TFDS's names, labels, official metrics, and the files that GLUE's server takes."""

from __future__ import annotations

from dataclasses import dataclass

from perceiver_keras.errors import UsageError, nearest

NLI = ("entailment", "neutral", "contradiction")


@dataclass(frozen=True, kw_only=True)
class GlueTask:
    """One task.

    Attributes:
      name: As in TFDS's `glue/NAME`.
      labels: Names of the classes in TFDS's order; empty for a score.
      low, high: The range of the score, for tasks without classes.
      sentences: TFDS's features for the first and second sentence.
      metrics: GLUE's metrics for the task; the first counts in the average, as in the paper's Tab. 14.
      head: The task whose query and head answer, if it has none of its own: MNLI's second set uses MNLI's.
      file: The server's name for the file of predictions.
      named: Whether that file has names of classes instead of numbers.
      in_average: WNLI and the diagnostics don't count, as in the paper and in Devlin et al. (2018).
    """

    name: str
    labels: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 5.0
    sentences: tuple[str, ...] = ("sentence1", "sentence2")
    metrics: tuple[str, ...] = ("accuracy",)
    head: str = ""
    file: str
    named: bool = False
    in_average: bool = True

    @property
    def number(self) -> int:
        """The row's index in `TASKS`, by which metrics tell tasks apart."""
        return TASKS.index(self)

    @property
    def classes(self) -> int:
        """Number of outputs of its head."""
        return max(len(self.labels), 1)


TASKS = (
    GlueTask(
        name="cola",
        labels=("unacceptable", "acceptable"),
        sentences=("sentence",),
        metrics=("matthews",),
        file="CoLA",
    ),
    GlueTask(name="sst2", labels=("negative", "positive"), sentences=("sentence",), file="SST-2"),
    GlueTask(
        name="mrpc",
        labels=("not_equivalent", "equivalent"),
        metrics=("accuracy", "f1"),
        file="MRPC",
    ),
    GlueTask(name="stsb", metrics=("pearson", "spearman"), file="STS-B"),
    GlueTask(
        name="qqp",
        labels=("not_duplicate", "duplicate"),
        sentences=("question1", "question2"),
        metrics=("accuracy", "f1"),
        file="QQP",
    ),
    GlueTask(
        name="mnli",
        labels=NLI,
        sentences=("premise", "hypothesis"),
        file="MNLI-m",
        named=True,
    ),
    GlueTask(
        name="mnli_mismatched",
        labels=NLI,
        sentences=("premise", "hypothesis"),
        head="mnli",
        file="MNLI-mm",
        named=True,
    ),
    GlueTask(
        name="qnli",
        labels=("entailment", "not_entailment"),
        sentences=("question", "sentence"),
        file="QNLI",
        named=True,
    ),
    GlueTask(name="rte", labels=("entailment", "not_entailment"), file="RTE", named=True),
    GlueTask(name="wnli", labels=("not_entailment", "entailment"), file="WNLI", in_average=False),
    GlueTask(
        name="ax",
        labels=NLI,
        sentences=("premise", "hypothesis"),
        head="mnli",
        file="AX",
        named=True,
        in_average=False,
    ),
)

# The paper's eight, each with a query of its own. WNLI can be added; AX uses MNLI's.
EIGHT = tuple(row.name for row in TASKS if row.in_average and not row.head)


def task_named(name: str) -> GlueTask:
    """The row of a task.

    Raises:
      UsageError: GLUE has no task of that name.
    """
    found = {row.name: row for row in TASKS}
    if name not in found:
        raise UsageError(f"GLUE has no task {name!r}.{nearest(name, found)}")
    return found[name]
