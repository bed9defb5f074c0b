"""Multi-task queries are at least as good as input tokens, and as single-task models (paper, Tab. 2)."""

from __future__ import annotations

from pathlib import Path

from perceiver_keras.miniature.claim import Arm, Claim, Measured, Records, Shows, by_seed
from perceiver_keras.miniature.language import GLUE, MLM, QUICK, finetuned, pretrained
from perceiver_keras.miniature.outcome import Outcome, at_least

MARGIN = 0.01  # of the average: the paper's rows differ by 0.003 and 0.008
SINGLE = "single"


def _arm(name: str, readout: str, says: str) -> Arm:
    return Arm(name, {**MLM, **GLUE, "glue/model.readout": readout}, says)


ARMS = (
    _arm("query", "query", "multi-task, one query per task"),
    _arm("task_tokens", "task_tokens", "multi-task, one input token per task"),
    _arm("shared_token", "shared_token", "multi-task, one input token for all"),
    _arm(SINGLE, "query", "one model per task"),
)


def measure(arm: Arm, seed: int, folder: Path, progress: Shows) -> Measured:
    """All arms of a seed start from the same language model."""
    mlm = Arm("mlm", {k: v for k, v in arm.settings.items() if k.startswith("mlm/")})
    start = pretrained(mlm, seed, folder, progress)
    return finetuned(arm, seed, start, folder, progress, each=arm.name == SINGLE)


def judge(records: Records) -> Outcome:
    """The query's average is at least that of each other row, less the margin."""
    query = by_seed(records, "query", "glue_average")
    return Outcome(
        statements=tuple(
            at_least(
                f"average of query minus {arm.name.replace('_', ' ')} is above {-100 * MARGIN:g}",
                query,
                by_seed(records, arm.name, "glue_average"),
                margin=-MARGIN,
                percent=True,
            )
            for arm in ARMS[1:]
        )
    )


CLAIM = Claim(
    name="multitask",
    title="Queries tell tasks apart as well as input tokens do, and one model as well as eight",
    paper="Tab. 2",
    statement="on GLUE, multi-task queries reach 81.8, task-specific input tokens 81.8, a shared input token 81.5, and "
    "a model per task 81.0.",
    miniature="the eight stand-in tasks, fine-tuned from one byte-level masked language model per seed, the same for "
    "all rows. A model per task gets that task's part of the steps, so all rows see each example as often; its "
    f"rate is searched for on the largest task. At least as good means above -{100 * MARGIN:g} point.",
    arms=ARMS,
    measure=measure,
    judge=judge,
    metric="glue_average",
    unit="%",
    percent=True,
    minutes=24,
    together=True,
    reading="The four rows lie within two points of each other, which agrees with the paper, but one row's seeds lie "
    "up to eight points apart: the paper's differences, 0.3 to 0.8 points, are far below what three seeds and stand-in "
    "tasks with 400 test sentences each can show.",
    quick=QUICK,
)
