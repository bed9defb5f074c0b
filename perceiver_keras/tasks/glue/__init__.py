"""Sentences and pairs to labels: GLUE, single-task and multi-task (paper, section 4.1 and App. F.4).

Inputs: {"ids" [B, M], "mask" [B, M], "task" [B]}. Outputs: [B, 1 + K] float32, the task's number, then its logits or
its score, 0 where the task has fewer than K classes. Targets: float32 [B, 3], the task's number, the label, the
example's place in the data set.
"""

from perceiver_keras.tasks.glue.data import EXAMPLES
from perceiver_keras.tasks.glue.metrics import MEASURES, GlueLoss
from perceiver_keras.tasks.glue.model import GlueModel
from perceiver_keras.tasks.glue.predict import ASKING
from perceiver_keras.tasks.glue.presets import PRESETS
from perceiver_keras.tasks.glue.serve import SERVING
from perceiver_keras.tasks.task import Task

__all__ = ["TASK", "GlueLoss", "GlueModel"]

TASK = Task(
    name="glue",
    summary="Sentences and pairs to labels: GLUE's tasks, one model for all.",
    model=GlueModel,
    presets=PRESETS,
    examples=EXAMPLES,
    measures=MEASURES,
    serving=SERVING,
    asking=ASKING,
)
