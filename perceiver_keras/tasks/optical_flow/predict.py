"""Two pictures, a folder of them or a video in; flow as numbers, as pictures and as a video out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.data import image
from perceiver_keras.data.flow import formats
from perceiver_keras.data.video.clips import PICTURES, by_number, is_video
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.contract.asking import Asking
from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.contract.requests import Request, expand, read
from perceiver_keras.tasks.optical_flow.frames import different_sizes, pixels_of
from perceiver_keras.tasks.optical_flow.presets import OpticalFlowConfig
from perceiver_keras.tasks.optical_flow.videos import FRAMES_PER_SECOND, FlowVideo, frames_of
from perceiver_keras.tasks.shared.inputs import kind_of, plain
from perceiver_keras.tasks.shared.pictures import is_picture, to_bytes

# === Words of the command line to pairs ===


class Pair(NamedTuple):
    """What a request holds: two encoded pictures, and the frames per second of the video they are from."""

    frame1: bytes
    frame2: bytes
    rate: float = FRAMES_PER_SECOND


def requests(words: Sequence[str]) -> Iterator[Request]:
    """Consecutive pairs of the pictures named, of a folder's pictures, or of a video's frames.

    A pair is named after its first frame, that of a video by its place. Pairs are read one at a time.

    Raises:
      UsageError: fewer than two frames, or more than one folder or video.
      PerceiverError: a video that can't be read.
    """
    folders = [word for word in words if Path(word).is_dir()]
    videos = [word for word in words if is_video(word)]
    if (folders or videos) and len(words) > 1:
        raise UsageError(
            f"{(folders + videos)[0]} is a sequence of its own: name one folder or one video at a time, "
            "or only pictures."
        )
    if videos:
        frames = frames_of(words[0])
        yield from _pairs(f._replace(name=str(Path(words[0]).with_name(f.name))) for f in frames)
        return
    names = _of_folder(Path(words[0])) if folders else expand(words)
    if len(names) < 2:
        where = f"the folder {words[0]} has 1" if folders else f"got only {names[0]}"
        raise UsageError(
            f"Flow goes from one frame to the next, but {where}; name two pictures, a folder of them "
            "or a video."
        )
    yield from _pairs(_checked(read(name)) for name in names)


def _of_folder(folder: Path) -> list[str]:
    """A folder's pictures, ordered by the numbers in their names."""
    inside = [path for path in folder.iterdir() if path.is_file()]
    pictures = [p for p in inside if p.suffix.lower() in PICTURES and p.name[0] != "."]
    if not pictures:
        raise UsageError(f"The folder {folder} has no pictures ({', '.join(sorted(PICTURES))}).")
    return [str(path) for path in sorted(pictures, key=by_number)]


def _checked(request: Request, rate: float = FRAMES_PER_SECOND) -> Request:
    """A frame whose content is (bytes, rate). It is checked once here, not once per pair."""
    if request.error:
        return request
    if reason := image.check_image(request.content):
        return Request(request.name, None, reason)
    return Request(request.name, (request.content, rate))


def _pairs(frames: Iterable[Request]) -> Iterator[Request]:
    for first, second in pairwise(frames):
        wrong = [f"{frame.name}: {frame.error}" for frame in (first, second) if frame.error]
        if not wrong:
            contents = first.content[0], second.content[0]
            sizes = [image.image_size(content) for content in contents]
            if sizes[0] != sizes[1]:
                wrong = [different_sizes(first.name, sizes[0], second.name, sizes[1])]
        if wrong:
            yield Request(first.name, None, "; ".join(wrong))
        else:
            yield Request(first.name, Pair(*contents, first.content[1]))


def pack(contents: Sequence[Any]) -> dict[str, np.ndarray]:
    """Pairs of the same size, as `serving_default` takes them; frames of other pairs than `Pair`s are of any kind."""
    pairs = [_encoded(pair) for pair in contents]
    return {
        "frame1_bytes": np.array([pair[0] for pair in pairs], dtype=object),
        "frame2_bytes": np.array([pair[1] for pair in pairs], dtype=object),
    }


def _encoded(pair: Any) -> tuple[bytes, bytes]:
    if isinstance(pair, Pair):  # checked already
        return pair[:2]
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        raise UsageError(f"Expected a pair of frames (frame1, frame2); got {kind_of(pair)}.")
    return to_bytes(pair[0], "frame1"), to_bytes(pair[1], "frame2")


def pair_of(value: Any) -> Any:
    """Two frames of any kind; None for more, or for pairs."""
    two = isinstance(value, (list, tuple)) and len(value) == 2
    return value if two and all(is_picture(plain(frame)) for frame in value) else None


def _encoder(encode: Callable[[np.ndarray], bytes]) -> Callable[[Mapping[str, Any]], bytes]:
    return lambda outputs: encode(np.asarray(outputs["flow"], np.float32))


# What `predict --save` writes for one pair; into a folder, it writes the first format.
FORMATS = {suffix: _encoder(encode) for suffix, encode in formats.ENCODERS.items()}


# === Answers and pictures ===


def answers(outputs: Mapping[str, np.ndarray], labels: Labels | None, top: int) -> list[dict]:
    """The size and the motion of each pair, in pixels."""
    found = []
    for flow in outputs["flow"]:
        lengths = np.hypot(flow[..., 0], flow[..., 1])
        found.append(
            {
                "height": flow.shape[0],
                "width": flow.shape[1],
                "mean_motion": round(float(lengths.mean()), 4),
                "largest_motion": round(float(lengths.max()), 4),
            }
        )
    return found


def line(answer: Mapping[str, Any]) -> str:
    return "{height} x {width} pixels; motion {mean_motion:g} px on average, {largest_motion:g} px at most".format(
        **answer
    )


def picture(contents: Sequence[Any], outputs: Sequence[Mapping[str, Any]], answered: Any) -> Any:
    """A row per pair: motion, colours with their legend, the second frame warped back."""
    from perceiver_keras.show import flow as drawn

    return drawn.pair_sheets(
        [
            {"frames": [pixels_of(pair[0]), pixels_of(pair[1])], "flow": output["flow"]}
            for pair, output in zip(contents, outputs, strict=True)
        ]
    )


def report(
    model: keras.Model,
    inputs: tf.Tensor,
    targets: tf.Tensor,
    config: OpticalFlowConfig,
    labels: Labels | None,
) -> dict[str, Any]:
    """Pictures for the report: the pairs with the largest and the smallest errors, and the first pairs."""
    from perceiver_keras.show import flow as drawn

    flows, truth = model.predict_on_batch(inputs), np.asarray(targets)
    pairs = [
        {"frames": frames, "flow": flow, "truth": true[..., :2], "valid": true[..., 2]}
        for frames, flow, true in zip(np.asarray(inputs)[:4], flows, truth, strict=False)
    ]
    return {
        "Worst and best pairs": drawn.worst_and_best(
            np.asarray(inputs), flows, truth[..., :2], truth[..., 2]
        ),
        "Flow of the first pairs": drawn.pair_sheets(pairs),
    }


ASKING = Asking(
    requests=requests,
    at_once=1,  # pairs may differ in size, and the full model takes a minute for one
    pack=pack,
    content=pair_of,
    answers=answers,
    line=line,
    picture=picture,
    formats=FORMATS,
    streams={".mp4": FlowVideo},
    report=report,
)
