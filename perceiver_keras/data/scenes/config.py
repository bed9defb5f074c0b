"""The ranges that scenes are drawn from.

AutoFlow's ranges are not published in any source we found, so all ranges here are ours.
"""

from __future__ import annotations

import dataclasses
import math

from perceiver_keras.errors import UsageError

Range = tuple[float, float]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SceneConfig:
    """The ranges that a scene is drawn from, uniformly. The defaults are ours, for tiny frames."""

    # Layers
    foregrounds: tuple[int, int] = (1, 2)  # least and most
    corners: tuple[int, int] = (3, 8)  # of a polygon
    radius: Range = (0.25, 0.6)  # of a polygon's farthest corners, shares of the short side
    roundness: float = 0.5  # least distance of a corner from the centre, a share of the radius
    hole_probability: float = 0.2
    hole_radius: Range = (0.2, 0.5)  # shares of the polygon's radius
    edge: float = 1.0  # pixels over which a polygon's edge fades; 0 cuts it hard
    # Pixels of the photograph per pixel of the frame, uniform in its logarithm, and never so many
    # that the frame would be larger than the photograph.
    picture_scale: Range = (1.5, 6.0)

    # Motion from frame 1 to frame 2
    translation: float = 1.6  # pixels, the radius of the disc
    rotation: float = 1.5  # degrees either way, about the layer's centre
    zoom: float = 0.02  # share of the size either way, for each of two axes
    waves: int = 2  # of the non-rigid part; 0 for none
    wave_amplitude: float = 0.15  # pixels, of each wave at most
    wave_length: Range = (0.8, 1.6)  # shares of the short side

    # The camera
    motion_blur_probability: float = 0.0
    exposure: Range = (0.2, 0.6)  # share of the time between the frames
    blur_samples: int = 5  # moments that make up an exposure
    fog_probability: float = 0.0
    fog_density: Range = (0.1, 0.5)  # share of the fog's colour where it is thickest
    brightness: float = 0.0  # of 255, added to a frame's channels, either way
    contrast: float = 0.0  # the factor about mid-grey is 1 ± this
    noise: float = 0.0  # of 255, standard deviation at most

    def __post_init__(self) -> None:
        if not 1 <= self.foregrounds[0] <= self.foregrounds[1]:
            raise UsageError(f"foregrounds is {self.foregrounds}; expected 1 <= least <= most.")
        if not 3 <= self.corners[0] <= self.corners[1]:
            raise UsageError(f"corners is {self.corners}; expected 3 <= least <= most.")
        if not 0 < self.picture_scale[0] <= self.picture_scale[1]:
            raise UsageError(f"picture_scale is {self.picture_scale}; expected 0 < least <= most.")
        if self.blur_samples < 1:
            raise UsageError(f"blur_samples is {self.blur_samples}; expected 1 or more.")
        if self.zoom >= 0.5 or self.rotation > 45:
            raise UsageError("zoom must be below 0.5 and rotation at most 45 degrees.")

    def steepness(self, short: int) -> float:
        """The most by which the waves change from one pixel to the next, for frames with that short side."""
        return 2 * math.pi * self.waves * self.wave_amplitude / (self.wave_length[0] * short)


TINY = SceneConfig()
# With all that a camera and the weather add. How rare blur and fog are is taken from an unofficial
# generator (Light-Weight-PWCNet's autoflow_dataset.py: 0.2 and 0.05); the rest is ours.
CAMERA = SceneConfig(
    motion_blur_probability=0.2,
    fog_probability=0.05,
    brightness=0.05,
    contrast=0.1,
    noise=0.02,
)
# For frames of AutoFlow's static set, 448 x 576 (hmorimitsu/ptlflow's tests). The numbers of layers
# and corners are the unofficial generator's, the rest is ours.
FULL = dataclasses.replace(
    CAMERA,
    foregrounds=(1, 3),
    corners=(3, 10),
    picture_scale=(0.5, 1.0),
    translation=40.0,
    rotation=15.0,
    zoom=0.15,
    wave_amplitude=4.0,
    wave_length=(0.4, 1.2),
)
