"""ffmpeg, as imageio-ffmpeg ships it: any sound or video in, raw bytes out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from perceiver_keras.errors import PerceiverError

SECONDS = 600  # after which an endless file or a hung decoder is given up


def run(arguments: Sequence[str], content: bytes = b"") -> bytes:
    """Runs ffmpeg and returns what it writes to standard output.

    It may open files and pipes only: network addresses in a playlist stay closed.

    Args:
      arguments: Its arguments from the first input on, including the output (`-` for standard output).
      content: Its standard input.

    Raises:
      PerceiverError: ffmpeg can't read the input (the message quotes its last line), or took too long.
    """
    import imageio_ffmpeg

    command = [
        *(imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin" if not content else "-y"),
        *("-hide_banner", "-loglevel", "error", "-protocol_whitelist", "file,pipe,fd"),
        *arguments,
    ]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise PerceiverError(f"ffmpeg did not finish within {SECONDS} s; cut the file.") from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise PerceiverError(f"ffmpeg can't read it: {lines[-1] if lines else 'no reason given'}")
    return done.stdout


def file(path: str | os.PathLike[str]) -> list[str]:
    """The arguments that name an input file; a colon in its name does not make it a protocol."""
    return ["-i", f"file:{os.path.abspath(path)}"]
