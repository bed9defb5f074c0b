"""The tasks of GLUE as one table of rows: TFDS's names, labels, official figures, the server's files."""

from __future__ import annotations

from dataclasses import dataclass

from perceiver_keras.errors import UsageError, nearest

NLI = ("entailment", "neutral", "contradiction")


@dataclass(frozen=True, kw_only=True)
class GlueTask:
    """One row.

    Attributes:
      name: As TFDS's `glue/NAME`.
      labels: Names of the classes in TFDS's order; none for a score.
      low, high: The ends of the score where there are no classes.
      sentences: TFDS's features for the first and second sentence.
      figures: What GLUE measures; the first counts in the average, as in the paper's Tab. 14.
      head: The task whose query and head answers, where it has none of its own: MNLI's second set is MNLI.
      file: The server's name for the file of predictions, and whether it takes names or numbers there.
      in_average: WNLI and the diagnostics don't count, in the paper and in Devlin et al. (2018).
    """

    name: str
    labels: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 5.0
    sentences: tuple[str, ...] = ("sentence1", "sentence2")
    figures: tuple[str, ...] = ("accuracy",)
    head: str = ""
    file: str
    named: bool = False
    in_average: bool = True

    @property
    def number(self) -> int:
        """The row's number in `TASKS`, by which metrics tell tasks apart."""
        return TASKS.index(self)

    @property
    def classes(self) -> int:
        """Outputs of its head."""
        return max(len(self.labels), 1)


TASKS = (
    GlueTask(
        name="cola",
        labels=("unacceptable", "acceptable"),
        sentences=("sentence",),
        figures=("matthews",),
        file="CoLA",
    ),
    GlueTask(name="sst2", labels=("negative", "positive"), sentences=("sentence",), file="SST-2"),
    GlueTask(
        name="mrpc",
        labels=("not_equivalent", "equivalent"),
        figures=("accuracy", "f1"),
        file="MRPC",
    ),
    GlueTask(name="stsb", figures=("pearson", "spearman"), file="STS-B"),
    GlueTask(
        name="qqp",
        labels=("not_duplicate", "duplicate"),
        sentences=("question1", "question2"),
        figures=("accuracy", "f1"),
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

# Of the paper's eight: each has a query of its own. WNLI may be added; AX is MNLI's.
EIGHT = tuple(row.name for row in TASKS if row.in_average and not row.head)


def task_named(name: str) -> GlueTask:
    """The row of a task.

    Raises:
      UsageError: GLUE has no such task.
    """
    found = {row.name: row for row in TASKS}
    if name not in found:
        raise UsageError(f"GLUE has no task {name!r}.{nearest(name, found)}")
    return found[name]
