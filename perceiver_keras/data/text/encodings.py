"""Bytes of a text file to text: UTF-8, or UTF-16 and UTF-32 where a byte order mark says so. Nothing is guessed."""

from __future__ import annotations

import codecs

from perceiver_keras.errors import PerceiverError

# UTF-32's little-endian mark begins with UTF-16's, so it comes first.
_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32LE"),
    (codecs.BOM_UTF32_BE, "UTF-32BE"),
    (codecs.BOM_UTF8, "UTF-8"),
    (codecs.BOM_UTF16_LE, "UTF-16LE"),
    (codecs.BOM_UTF16_BE, "UTF-16BE"),
)
_SAMPLE = 1 << 16  # bytes looked at for zeros
_MANY = 0.2  # share of zero bytes at every second (or fourth) place from which they are no accident
# No text in an 8-bit encoding has these; the low bytes of UTF-16 and compressed data do.
_CONTROL = bytes([*range(0x01, 0x09), *range(0x0E, 0x1B), *range(0x1C, 0x20), 0x7F])


def decode_text(content: bytes) -> str:
    """The text in a file's bytes, without its byte order mark; "" for no bytes.

    Raises:
      PerceiverError: it is neither UTF-8 nor UTF-16 or UTF-32 with a byte order mark; the message is a reason without
        the file's name, says at which byte, and how to convert it.
    """
    encoding, start = _marked(content)
    try:
        text = content[start:].decode(encoding)
    except UnicodeDecodeError as error:
        place = start + error.start
        _refuse_unmarked(content, encoding)
        if encoding != "UTF-8":
            raise PerceiverError(
                f"its byte order mark says {encoding}, but the bytes at offset {place} are not ({error.reason}); "
                "save it again as UTF-8"
            ) from None
        raise PerceiverError(
            f"not UTF-8: byte 0x{content[place]:02X} at offset {place}; if it is Latin-1, convert it: "
            "iconv -f LATIN1 -t UTF-8 FILE > NEW"
        ) from None
    if "\0" in text:
        _refuse_unmarked(content, encoding)
        raise PerceiverError(
            f"not a text: character {text.index(chr(0))} is a zero byte; name a text file"
        )
    return text


def as_utf8(content: bytes) -> bytes:
    """The same text as UTF-8 for a model of bytes, which takes any: what has no known encoding stays as it is.

    Raises:
      PerceiverError: it looks like UTF-16 or UTF-32 without a byte order mark, or like no text at all; the message is
        as `decode_text`'s.
    """
    encoding, start = _marked(content)
    if start:
        return decode_text(content).encode()
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        _refuse_unmarked(content, encoding)
        controls = len(content) - len(content.translate(None, _CONTROL))
        if controls > len(content) // 50:
            raise PerceiverError(
                f"not a text: {controls} of its {len(content)} bytes are control characters; if it is UTF-16 without a "
                "byte order mark, convert it: iconv -f UTF-16LE -t UTF-8 FILE > NEW"
            ) from None
    else:
        if 0 in content:
            _refuse_unmarked(content, encoding)
    return content


def _marked(content: bytes) -> tuple[str, int]:
    """The encoding that the byte order mark names, and the mark's size; UTF-8 and 0 without one."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding, len(mark)
    return "UTF-8", 0


def _refuse_unmarked(content: bytes, encoding: str) -> None:
    """Raises for UTF-16 or UTF-32 without a mark: zeros at every second or fourth place, and few at the others."""
    if encoding != "UTF-8":
        return
    part = content[:_SAMPLE]
    if part.count(0) < 2:
        return
    zeros = [part[place::4].count(0) / max(len(part[place::4]), 1) for place in range(4)]
    if min(zeros[2:]) > _MANY and zeros[0] < min(zeros[2:]):
        found = "UTF-32LE"
    elif min(zeros[:2]) > _MANY and zeros[3] < min(zeros[:2]):
        found = "UTF-32BE"
    elif zeros[1] + zeros[3] > 2 * _MANY and zeros[0] + zeros[2] < (zeros[1] + zeros[3]) / 2:
        found = "UTF-16LE"
    elif zeros[0] + zeros[2] > 2 * _MANY and zeros[1] + zeros[3] < (zeros[0] + zeros[2]) / 2:
        found = "UTF-16BE"
    else:
        return
    raise PerceiverError(
        f"looks like {found} without a byte order mark; convert it: iconv -f {found} -t UTF-8 FILE > NEW"
    )
