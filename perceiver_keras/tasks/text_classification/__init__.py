"""Texts and pairs of texts to a class or to a number: the byte model with one learned query (paper, section 3.2).

Inputs: {"ids" [B, M], "mask" [B, M]}. Outputs: logits [B, classes] float32, or with `model.num_classes=1` numbers
[B, 1]. Targets: classes int64 [B], or numbers float32 [B]. The embedded data is prose of Python's standard library with
its subject.
"""

from perceiver_keras.tasks.task import Task
from perceiver_keras.tasks.text_classification.data import EXAMPLES
from perceiver_keras.tasks.text_classification.metrics import MEASURES
from perceiver_keras.tasks.text_classification.model import TextClassifier
from perceiver_keras.tasks.text_classification.predict import ASKING
from perceiver_keras.tasks.text_classification.presets import PRESETS
from perceiver_keras.tasks.text_classification.serve import SERVING

__all__ = ["TASK", "TextClassifier"]

TASK = Task(
    name="text_classification",
    summary="Texts and pairs of texts to classes, or to numbers.",
    model=TextClassifier,
    presets=PRESETS,
    examples=EXAMPLES,
    measures=MEASURES,
    serving=SERVING,
    asking=ASKING,
)
