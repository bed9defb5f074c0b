"""Two pictures to the motion of every pixel (paper, section 4.2).

Inputs [B, 2, H, W, C] float32 in [-1, 1]; outputs the flow from the first frame to the second, [B, H, W, 2] in pixels,
x first; targets [B, H, W, 4] float32: the true flow, valid, occluded (0 or 1).
"""

from perceiver_keras.tasks.optical_flow.data import EXAMPLES
from perceiver_keras.tasks.optical_flow.metrics import MEASURES
from perceiver_keras.tasks.optical_flow.model import OpticalFlow
from perceiver_keras.tasks.optical_flow.predict import ASKING
from perceiver_keras.tasks.optical_flow.presets import PRESETS
from perceiver_keras.tasks.optical_flow.serve import SERVING
from perceiver_keras.tasks.task import Task

TASK = Task(
    name="optical_flow",
    summary="Two pictures to the motion of every pixel.",
    model=OpticalFlow,
    presets=PRESETS,
    examples=EXAMPLES,
    measures=MEASURES,
    serving=SERVING,
    asking=ASKING,
)
