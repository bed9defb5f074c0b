"""Names of requests as names of files that every system can hold, and as one line for people."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

_LONGEST = 100  # bytes; together with a number, a suffix and a temporary ending, far below the 255 of file systems
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\.|$)", re.IGNORECASE
)
_PART = re.compile(
    r"(?P<file>.+)[:#](?P<number>\d{1,9})", re.DOTALL
)  # line 3 of a.txt, set 2 of a.json
_FRAME = re.compile(r"(?P<start>.+)_\d{6}(?P<suffix>\.\w+)", re.DOTALL)  # frame 1 of a.mp4


def origin(name: str) -> str | None:
    """The absolute name of a request that is a file, or a numbered part of one; None for a text or standard input."""
    part, frame = _PART.fullmatch(name), _FRAME.fullmatch(name)
    if name == "-" or (part and part["file"] == "-"):
        return None
    files = [name, part and part["file"], frame and frame["start"] + frame["suffix"]]
    return str(Path(name).absolute()) if any(_exists(file) for file in files if file) else None


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # too long for a name, or with a zero byte
        return False


def stem_of(name: str) -> str:
    """A file's name without its suffix, from a request's name; different requests may have the same.

    It has no more than 100 bytes of UTF-8, no characters that a system forbids or hides, and is none of Windows's
    reserved names.
    """
    number = ""
    if (part := _PART.fullmatch(name)) and (part["file"] == "-" or _exists(part["file"])):
        name, number = part["file"], f"-{part['number']}"
    stem = "stdin" if name == "-" else Path(name).stem if origin(name) else name
    stem = unicodedata.normalize("NFC", stem.encode("utf-8", "replace").decode())
    stem = "".join("_" if _forbidden(letter) else letter for letter in stem)
    stem = re.sub(r"\s+", " ", stem)
    stem = stem.encode()[: _LONGEST - len(number)].decode("utf-8", "ignore")
    stem = stem.strip(" .").lstrip("-") or "answer"
    stem = f"_{stem}" if _RESERVED.match(stem) else stem
    return stem + number


def _forbidden(letter: str) -> bool:
    return letter in '<>:"/\\|?*\ufffd' or (
        unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    )


def folded(name: str) -> str:
    """What two names have in common that are one file on some disk: case and Unicode's normal forms don't count."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def plain(name: str) -> str:
    """A name as valid text: bytes of a file name that are no text are replaced."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def shown(name: str) -> str:
    """A name on one line of a terminal: as `plain`, with control characters escaped."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in plain(name)
    )
