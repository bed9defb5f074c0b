"""Pairs of frames as users have them, and flow as files: two pictures, a folder, a film; a film of flow."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from perceiver_keras.data import flow, image, video
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.tasks.flow_prediction import different_sizes
from perceiver_keras.tasks.requests import Request, expand, read

FRAMES_PER_SECOND = 25.0  # of a film of flow whose frames came from no film
# Suffixes of what has many frames in one file.
FILMS = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m4v", ".gif"}
_SCALE_SHARE = 99.5  # per cent of the pixels of a film's fastest frame that are not darkened


class Pair(NamedTuple):
    """What a request holds: two encoded pictures, and the speed of the film they are from."""

    frame1: bytes
    frame2: bytes
    rate: float = FRAMES_PER_SECOND


# === Words of the command line to pairs ===


def requests(words: Sequence[str]) -> Iterator[Request]:
    """Consecutive pairs of the pictures named, of a folder's pictures, or of a film's frames.

    A pair is named after its first frame. Pairs are made when their turn comes.

    Raises:
      UsageError: fewer than two frames, or more than one folder or film.
      PerceiverError: a film that can't be read.
    """
    folders = [word for word in words if Path(word).is_dir()]
    films = [word for word in words if Path(word).suffix.lower() in FILMS]
    if (folders or films) and len(words) > 1:
        raise UsageError(
            f"{(folders + films)[0]} is a sequence of its own: name one folder or one film at a time, "
            "or only pictures."
        )
    if films:
        yield from _pairs(_of_film(words[0]))
        return
    names = _of_folder(Path(words[0])) if folders else expand(words)
    if len(names) < 2:
        where = f"the folder {words[0]} has 1" if folders else f"got only {names[0]}"
        raise UsageError(
            f"Flow goes from one frame to the next and {where}; name two pictures, a folder of them "
            "or a film."
        )
    yield from _pairs(_checked(read(name)) for name in names)


def as_inputs(contents: Sequence[Pair]) -> dict[str, np.ndarray]:
    """Pairs of one size as `serving_default` takes them."""
    return {
        "frame1_bytes": np.array([pair[0] for pair in contents], dtype=object),
        "frame2_bytes": np.array([pair[1] for pair in contents], dtype=object),
    }


def _of_folder(folder: Path) -> list[str]:
    """A folder's pictures by the numbers in their names."""
    inside = [path for path in folder.iterdir() if path.is_file()]
    pictures = [p for p in inside if p.suffix.lower() in video.PICTURES and p.name[0] != "."]
    if not pictures:
        raise UsageError(
            f"The folder {folder} has no pictures ({', '.join(sorted(video.PICTURES))})."
        )
    return [str(path) for path in sorted(pictures, key=video.by_number)]


def _checked(request: Request, rate: float = FRAMES_PER_SECOND) -> Request:
    """A frame whose content is (bytes, rate); its size and kind are looked at once, not for each pair."""
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


# === Flow in files ===


def _encoder(encode: Callable[[np.ndarray], bytes]) -> Callable[[Mapping[str, Any]], bytes]:
    return lambda outputs: encode(np.asarray(outputs["flow"], np.float32))


# What `predict --save` writes of one pair; into folders the first.
FORMATS = {suffix: _encoder(encode) for suffix, encode in flow.ENCODERS.items()}


# === Films ===


def _of_film(path: str) -> Iterator[Request]:
    """The frames of a film one by one, named PATH's stem, their number from 1, its suffix.

    Raises:
      PerceiverError: ffmpeg can't read it, or it has one frame.
    """
    import imageio_ffmpeg

    if not Path(path).is_file():
        raise UsageError(f"{path} does not exist.")
    if not os.path.getsize(path):
        raise PerceiverError(f"{path} is empty.")
    frames = imageio_ffmpeg.read_frames(
        f"file:{os.path.abspath(path)}",
        input_params=["-protocol_whitelist", "file,pipe"],
        output_params=["-fps_mode", "passthrough"],
    )
    number = 0
    try:
        about = next(frames)
        width, height = about["size"]
        for raw in frames:
            pixels = np.frombuffer(raw, np.uint8).reshape(height, width, 3)
            number += 1
            name = f"{Path(path).stem}_{number:06d}{Path(path).suffix}"
            png = tf.io.encode_png(pixels, compression=1).numpy()
            yield Request(name, (png, float(about.get("fps") or FRAMES_PER_SECOND)))
    except (OSError, RuntimeError, KeyError, StopIteration) as error:
        raise PerceiverError(f"{path} can't be read as a film: {_last_line(error)}") from None
    finally:
        frames.close()
    if number < 2:
        raise PerceiverError(f"{path} has {number} frames; flow needs two.")


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


class FlowFilm:
    """A film of flow's colours, all frames of one scale; whole or not there.

    The scale is known at the end only, so the flow waits in an unnamed file beside the film, as
    float16 (to a thousandth of its length).
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        self._spool: Any = None
        self._shape: tuple[int, ...] = ()
        self._rate = FRAMES_PER_SECOND
        self._count, self._largest = 0, 1e-3

    def add(self, content: Pair, outputs: Mapping[str, Any]) -> None:
        """One pair's flow.

        Raises:
          UsageError: it is of another size than the ones before.
        """
        motion = np.asarray(outputs["flow"], np.float32)
        if self._spool is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._spool = tempfile.TemporaryFile(dir=self.path.parent)  # noqa: SIM115 - until close
            self._shape, self._rate = motion.shape, getattr(content, "rate", FRAMES_PER_SECOND)
        if motion.shape != self._shape:
            raise UsageError(
                f"{self.path}: a film's frames are of one size, got {list(self._shape)} and {list(motion.shape)}."
            )
        lengths = np.hypot(motion[..., 0], motion[..., 1])
        self._largest = max(self._largest, float(np.percentile(lengths, _SCALE_SHARE)))
        self._spool.write(motion.astype(np.float16).tobytes())
        self._count += 1

    def close(self) -> None:
        """Writes the film, if anything was added."""
        if not self._count:
            return
        import imageio_ffmpeg

        from perceiver_keras.show.flow import to_colours

        height, width = (max(side // 2 * 2, 2) for side in self._shape[:2])  # H.264's are even
        aside = self.path.with_name(f"{self.path.stem}.tmp-{os.getpid()}{self.path.suffix}")
        writer = imageio_ffmpeg.write_frames(
            str(aside), (width, height), fps=self._rate, quality=8, macro_block_size=2
        )
        try:
            writer.send(None)
            self._spool.seek(0)
            size = 2 * int(np.prod(self._shape))
            for _ in range(self._count):
                motion = np.frombuffer(self._spool.read(size), np.float16).reshape(self._shape)
                colours = to_colours(motion, self._largest)[:height, :width]
                colours = np.pad(colours, _missing(colours, height, width), mode="edge")
                writer.send(np.ascontiguousarray(colours))
            writer.close()
            os.replace(aside, self.path)
        finally:
            writer.close()
            self._spool.close()
            aside.unlink(missing_ok=True)


def _missing(picture: np.ndarray, height: int, width: int) -> list[tuple[int, int]]:
    return [(0, height - picture.shape[0]), (0, width - picture.shape[1]), (0, 0)]
