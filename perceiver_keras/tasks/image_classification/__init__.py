"""Images to classes: digits, ImageNet (paper, App. A).

Inputs [B, H, W, C] float32, normalised; outputs logits [B, classes] float32; targets int64 [B].
"""

from perceiver_keras.tasks.image_classification.data import EXAMPLES
from perceiver_keras.tasks.image_classification.metrics import MEASURES
from perceiver_keras.tasks.image_classification.model import ImageClassifier
from perceiver_keras.tasks.image_classification.predict import ASKING
from perceiver_keras.tasks.image_classification.presets import PRESETS
from perceiver_keras.tasks.image_classification.serve import SERVING
from perceiver_keras.tasks.task import Task

TASK = Task(
    name="image_classification",
    summary="Pictures to classes: digits, ImageNet.",
    model=ImageClassifier,
    presets=PRESETS,
    examples=EXAMPLES,
    measures=MEASURES,
    serving=SERVING,
    asking=ASKING,
)
