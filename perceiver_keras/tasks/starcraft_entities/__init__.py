"""Sets of game units to their embeddings (paper, section 4.4: StarCraft II's entity encoder).

Inputs {"entities": [B, E, F] float32, "mask": [B, E], 1 for a unit}; outputs "embeddings" [B, E, C], "pooled" [B, C],
"pointer" [B, E] and "winning" [B]; targets {"target": rows [B], "won": 0 or 1 [B]}. AlphaStar's encoder learns
from the loss of the whole agent; here it learns to predict the target that was chosen and the side that won.
"""

from perceiver_keras.tasks.starcraft_entities.data import EXAMPLES
from perceiver_keras.tasks.starcraft_entities.metrics import MEASURES, BattleLoss
from perceiver_keras.tasks.starcraft_entities.model import EntityEncoder
from perceiver_keras.tasks.starcraft_entities.predict import ASKING
from perceiver_keras.tasks.starcraft_entities.presets import PRESETS
from perceiver_keras.tasks.starcraft_entities.serve import SERVING
from perceiver_keras.tasks.task import Task

__all__ = ["TASK", "BattleLoss", "EntityEncoder"]

TASK = Task(
    name="starcraft_entities",
    summary="Sets of game units: embeddings, target, winner.",
    model=EntityEncoder,
    presets=PRESETS,
    examples=EXAMPLES,
    measures=MEASURES,
    serving=SERVING,
    asking=ASKING,
)
