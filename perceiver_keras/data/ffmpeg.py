"""ffmpeg, as imageio-ffmpeg ships it: any sound or video in, raw numbers or pictures out.

Its exit code alone is never trusted: it is 0, too, for files of which it decodes little or nothing.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from typing import IO, NamedTuple

from perceiver_keras.errors import PerceiverError

SECONDS = 600  # after which an endless file or a hung decoder is given up
MOST_DAMAGE = 0.1  # share of a file that may be undecodable
_log = logging.getLogger(__name__)


class Decoded(NamedTuple):
    """What `decode` returns."""

    data: bytes
    # Of the whole file, as it says itself; None if it does not or ffmpeg guesses
    seconds: float | None
    has_sound: bool
    has_pictures: bool  # that move: the cover of a record is none
    damage: str  # what ffmpeg complained of, "" if of nothing
    name: str  # of the file


def decode(
    source: bytes | str | os.PathLike[str], arguments: Sequence[str], before: Sequence[str] = ()
) -> Decoded:
    """Decodes a file, or the bytes of one, to standard output.

    ffmpeg gets an open file and no name, so that it can go to an index at the end, that no name is taken for a
    pattern or a protocol, and that a playlist opens nothing: neither the network nor other files.

    Args:
      source: A path, or the content. What can't be rewound (a pipe) is copied to a temporary file first.
      arguments: After the input, without the output.
      before: Options of the input.

    Raises:
      PerceiverError: the file can't be opened, has neither sound nor pictures, or is damaged in more than a tenth of it
        (the message quotes ffmpeg's first complaint); ffmpeg took too long. No data is no error here: there may be no
        such stream.
    """
    command = ["-nostats", "-loglevel", "level+info", "-protocol_whitelist", "fd"]
    command += ["-max_error_rate", str(MOST_DAMAGE), *before, "-i", "fd:", *arguments, "-"]
    # Where time 0 lies follows from the streams that are used, in some formats: so all of them are.
    command += ["-map", "0:a?", "-map", "0:V?", "-c", "copy", "-f", "null", "-"]
    try:
        with _seekable(source) as file:
            if _is_cut_ogg(file):
                raise PerceiverError("it is cut: its last Ogg page is incomplete")
            done = _call(command, stdin=file)
    except OSError as error:
        raise PerceiverError(f"it can't be opened: {error.strerror or error}") from None
    log = done.stderr.decode("utf-8", "replace").splitlines()
    complaints = [line for line in log if re.match(r"(\[[^]]*\] )*\[(error|fatal)\]", line)]
    damage = re.sub(r"^(\[[^]]*\] )+", "", complaints[0]) if complaints else ""
    name = "the input" if isinstance(source, bytes) else os.fspath(source)
    found = _about(log)._replace(data=done.stdout, damage=damage, name=name)
    if not (found.has_sound or found.has_pictures):
        opened = any("Input #0" in line for line in log)
        why = "no sound and no pictures in it" if opened else damage or "no reason given"
        raise PerceiverError(f"ffmpeg can't read it: {why}")
    if done.returncode and done.stdout:
        raise PerceiverError(f"it is damaged, ffmpeg gave up: {damage or 'no reason given'}")
    return found


def _about(log: Sequence[str]) -> Decoded:
    """What the log says of the input, before anything is said of the output."""
    seconds, sound, pictures = None, False, False
    for line in log:
        text = re.sub(r"^(\[[^]]*\] )+", "", line)
        if text.startswith(("Stream mapping", "Output #")):
            break
        if match := re.match(r"  Duration: (\d+):(\d+):([\d.]+),", text):
            hours, minutes, rest = match.groups()
            seconds = 3600 * int(hours) + 60 * int(minutes) + float(rest)
        if match := re.match(r"  Stream #0:\S+ (Audio|Video): ", text):
            sound |= match[1] == "Audio"
            pictures |= match[1] == "Video" and "(attached pic)" not in text
    if any("Estimating duration from bitrate" in line for line in log):
        seconds = None
    return Decoded(b"", seconds, sound, pictures, "", "")


def check_whole(found: Decoded, decoded: float, what: str, alone: bool) -> None:
    """Refuses a file of which clearly less was decoded than it says it holds.

    A cut file's exit code is 0. Half a second and 2 % are allowed for, since some files round their length.

    Args:
      found: What `decode` returned.
      decoded: Seconds.
      what: "sound" or "pictures", for the message.
      alone: Whether the length is of these; else it may be of another stream, and counts only if ffmpeg complained.

    Raises:
      PerceiverError: it is cut or damaged.
    """
    short = found.seconds is not None and decoded < 0.98 * found.seconds - 0.5
    if short and (alone or found.damage):
        raise PerceiverError(
            f"it is cut or damaged: {decoded:.1f} of {found.seconds:.1f} s of its {what} can be decoded"
            + (f" ({found.damage})" if found.damage else "")
        )


def warn(found: Decoded, what: str) -> None:
    """Logs what ffmpeg complained of in a file that is used all the same."""
    if found.damage:
        _log.warning("%s: part of its %s can't be decoded (%s)", found.name, what, found.damage)


def run(arguments: Sequence[str], content: bytes = b"") -> bytes:
    """Runs ffmpeg and returns what it writes to standard output. To read a stranger's file, use `decode`.

    It may open files and pipes only, no network addresses.

    Args:
      arguments: Its arguments from the first input on, including the output (`-` for standard output).
      content: Its standard input.

    Raises:
      PerceiverError: ffmpeg can't read the input (the message quotes its last line), or took too long.
    """
    done = _call(
        [
            *("-loglevel", "error", "-protocol_whitelist", "file,pipe,fd"),
            *(["-y"] if content else []),
            *arguments,
        ],
        input=content,
    )
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise PerceiverError(f"ffmpeg can't read it: {lines[-1] if lines else 'no reason given'}")
    return done.stdout


def file(path: str | os.PathLike[str]) -> list[str]:
    """The arguments that name an input file; a colon in its name does not make it a protocol."""
    return ["-i", f"file:{os.path.abspath(path)}"]


def _call(arguments: Sequence[str], **given: object) -> subprocess.CompletedProcess:
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", *arguments]
    try:
        return subprocess.run(command, capture_output=True, timeout=SECONDS, **given)
    except subprocess.TimeoutExpired:
        raise PerceiverError(f"ffmpeg did not finish within {SECONDS} s; cut the file.") from None


def _seekable(source: bytes | str | os.PathLike[str]) -> IO[bytes]:
    """An open file that can be rewound, at its start."""
    if not isinstance(source, bytes):
        file = open(source, "rb")  # noqa: SIM115 - the caller closes it
        if file.seekable():
            return file
        with file:
            source = file.read()
    copy = tempfile.TemporaryFile()  # noqa: SIM115
    copy.write(source)
    copy.seek(0)
    return copy


def _is_cut_ogg(file: IO[bytes]) -> bool:
    """Whether an Ogg file ends within a page. It declares no length, and ffmpeg passes over such a page in silence.

    A page has a header of 27 bytes, the last of which is the number of sizes that follow, of the parts of its content.
    """
    is_ogg = file.read(4) == b"OggS"
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - (1 << 17)))  # more than the largest page
    end = file.read() if is_ogg else b""
    file.seek(0)
    page = end[max(end.rfind(b"OggS\0"), 0) :]
    sizes = page[27 : 27 + page[26]] if len(page) > 26 else b""
    return is_ogg and (len(page) < 27 or len(page) < 27 + page[26] + sum(sizes))
