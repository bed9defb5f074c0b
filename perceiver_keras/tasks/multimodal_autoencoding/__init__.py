"""Video, sound and label, reconstructed from the same latents (paper, section 4.3).

Inputs {"image": frames [B, T, H, W, 3] in [0, 1], "audio": samples [B, S, 1] in [-1, 1], "label": one-hot
[B, classes]}; outputs and targets have the same three: "image" [B, T, H, W, 3], "audio" [B, S], and "label", which is
logits [B, classes] in outputs and class numbers [B] in targets.
"""

from perceiver_keras.tasks.multimodal_autoencoding.data import EXAMPLES
from perceiver_keras.tasks.multimodal_autoencoding.metrics import MEASURES, ClipLoss
from perceiver_keras.tasks.multimodal_autoencoding.model import MultimodalAutoencoder
from perceiver_keras.tasks.multimodal_autoencoding.predict import ASKING
from perceiver_keras.tasks.multimodal_autoencoding.presets import PRESETS
from perceiver_keras.tasks.multimodal_autoencoding.serve import SERVING
from perceiver_keras.tasks.task import Task

__all__ = ["TASK", "ClipLoss", "MultimodalAutoencoder"]

TASK = Task(
    name="multimodal_autoencoding",
    summary="Video, sound and label, and back.",
    model=MultimodalAutoencoder,
    presets=PRESETS,
    examples=EXAMPLES,
    measures=MEASURES,
    serving=SERVING,
    asking=ASKING,
)
