"""Videos for optical flow: from a file to its frames, and from flow to a file of its colours."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.tasks.contract.requests import Request

FRAMES_PER_SECOND = 25.0  # of a video of flow whose frames did not come from a video
_SCALE_SHARE = 99.5  # per cent of the pixels of the fastest frame that are not darkened


def frames_of(path: str) -> Iterator[Request]:
    """The frames of a video one by one; frame 1 of a.mp4 is named a_000001.mp4. Contents are (PNG, frames per second).

    Raises:
      UsageError: there is no such file.
      PerceiverError: ffmpeg can't read it, or it has fewer than two frames.
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
        raise PerceiverError(f"{path} can't be read as a video: {_last_line(error)}") from None
    finally:
        frames.close()
    if number < 2:
        raise PerceiverError(f"{path} has {number} frames; flow needs two.")


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


class FlowVideo:
    """A video of flow's colours, all frames on one scale. The file appears only when it is complete.

    The scale is known only at the end, so until then the flow waits in an unnamed file next to the video, as float16
    (to a thousandth of its length).
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        self._spool: Any = None
        self._shape: tuple[int, ...] = ()
        self._rate = FRAMES_PER_SECOND
        self._count, self._largest = 0, 1e-3

    def add(self, content: Any, outputs: Mapping[str, Any]) -> None:
        """One pair's flow.

        Raises:
          UsageError: its size differs from the previous ones.
        """
        motion = np.asarray(outputs["flow"], np.float32)
        if self._spool is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._spool = tempfile.TemporaryFile(dir=self.path.parent)  # noqa: SIM115 - until close
            self._shape, self._rate = motion.shape, getattr(content, "rate", FRAMES_PER_SECOND)
        if motion.shape != self._shape:
            raise UsageError(
                f"{self.path}: a video's frames must have the same size, got {list(self._shape)} and "
                f"{list(motion.shape)}."
            )
        lengths = np.hypot(motion[..., 0], motion[..., 1])
        self._largest = max(self._largest, float(np.percentile(lengths, _SCALE_SHARE)))
        self._spool.write(motion.astype(np.float16).tobytes())
        self._count += 1

    def close(self) -> None:
        """Writes the video, if anything was added."""
        if not self._count:
            return
        import imageio_ffmpeg

        from perceiver_keras.show.flow import to_colours

        height, width = (max(side // 2 * 2, 2) for side in self._shape[:2])  # H.264: even sides
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
