"""ffmpeg, the binary that imageio-ffmpeg ships: any file of sound or video in, raw bytes out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from perceiver_keras.errors import PerceiverError

SECONDS = 600  # after which a file that never ends, or a hung decoder, is given up


def run(arguments: Sequence[str], content: bytes = b"") -> bytes:
    """What ffmpeg writes to standard output.

    Files and pipes only: a playlist that names addresses of the network opens none of them.

    Args:
      arguments: From the first input on, the output `-` included.
      content: Standard input.

    Raises:
      PerceiverError: ffmpeg can't make sense of the input; the message is its own last line.
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
        raise PerceiverError(f"ffmpeg was not done after {SECONDS} s; cut the file.") from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise PerceiverError(f"ffmpeg can't read it: {lines[-1] if lines else 'no reason given'}")
    return done.stdout


def file(path: str | os.PathLike[str]) -> list[str]:
    """The arguments that name an input file; a colon in its name makes no protocol of it."""
    return ["-i", f"file:{os.path.abspath(path)}"]
