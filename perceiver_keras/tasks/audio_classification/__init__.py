"""Sounds to everything that is heard in them, several labels at once (paper, App. C: AudioSet).

Inputs {"audio": samples [B, S, 1] in [-1, 1], or a log-mel spectrogram [B, windows, bins, 1]} and, with video,
{"image": frames [B, T, H, W, 3] in [0, 1]}; outputs logits [B, classes]; targets float32 [B, classes], 1 for each label
that applies.
"""

from perceiver_keras.tasks.audio_classification.data import EXAMPLES
from perceiver_keras.tasks.audio_classification.metrics import MEASURES
from perceiver_keras.tasks.audio_classification.model import AudioClassifier
from perceiver_keras.tasks.audio_classification.predict import ASKING
from perceiver_keras.tasks.audio_classification.presets import PRESETS
from perceiver_keras.tasks.audio_classification.serve import SERVING
from perceiver_keras.tasks.task import Task

TASK = Task(
    name="audio_classification",
    summary="Sounds to all that is in them: AudioSet.",
    model=AudioClassifier,
    presets=PRESETS,
    examples=EXAMPLES,
    measures=MEASURES,
    serving=SERVING,
    asking=ASKING,
)
