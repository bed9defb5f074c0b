"""A tag for every byte of a text, one query per place (paper, section 3.2).

Inputs: {"ids" [B, M], "mask" [B, M]}. Outputs: logits [B, M, tags] float32. Targets: [B, M] int, -1 after the text. Tag
0 means outside all entities. The embedded data is Python source code, tagged by Python's own tokenizer.
"""

from perceiver_keras.tasks.task import Task
from perceiver_keras.tasks.token_classification.data import EXAMPLES
from perceiver_keras.tasks.token_classification.metrics import MEASURES
from perceiver_keras.tasks.token_classification.model import TokenClassifier
from perceiver_keras.tasks.token_classification.predict import ASKING
from perceiver_keras.tasks.token_classification.presets import PRESETS
from perceiver_keras.tasks.token_classification.serve import SERVING

TASK = Task(
    name="token_classification",
    summary="A tag for every byte of a text: the tokens of Python's source code.",
    model=TokenClassifier,
    presets=PRESETS,
    examples=EXAMPLES,
    measures=MEASURES,
    serving=SERVING,
    asking=ASKING,
)
