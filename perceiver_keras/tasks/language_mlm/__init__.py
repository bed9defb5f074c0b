"""Fills gaps in text, read as bytes or SentencePiece tokens (paper, section 4.1).

Inputs: ids [B, M] int and a mask [B, M], true where there is text. Outputs: logits [B, M, V] float32. Targets: [B, M]
int, -1 where nothing was masked.
"""

from perceiver_keras.tasks.language_mlm.data import EXAMPLES
from perceiver_keras.tasks.language_mlm.metrics import MEASURES
from perceiver_keras.tasks.language_mlm.model import MaskedLanguageModel
from perceiver_keras.tasks.language_mlm.predict import ASKING
from perceiver_keras.tasks.language_mlm.presets import PRESETS
from perceiver_keras.tasks.language_mlm.serve import SERVING
from perceiver_keras.tasks.task import Task

TASK = Task(
    name="language_mlm",
    summary="Text with gaps to text: bytes or SentencePiece.",
    model=MaskedLanguageModel,
    presets=PRESETS,
    examples=EXAMPLES,
    measures=MEASURES,
    serving=SERVING,
    asking=ASKING,
)
