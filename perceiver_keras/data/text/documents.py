"""Long texts in pieces of whole lines."""

from __future__ import annotations

LONGEST = 16 << 10  # bytes of a piece at most
SHORTEST = 256  # bytes of a piece, if a text must be cut into many


def split(content: bytes, longest: int = LONGEST) -> list[bytes]:
    """Runs of whole lines of at most `longest` bytes, blank ones left out; a longer line is cut between characters."""
    found, current = [], b""
    for line in content.splitlines(keepends=True):
        for piece in _cut(line, longest):
            if current and len(current) + len(piece) > longest:
                found.append(current)
                current = b""
            current += piece
    return [text for text in (*found, current) if text.strip()]


def _cut(line: bytes, longest: int) -> list[bytes]:
    pieces = []
    while len(line) > longest:
        end = longest
        # Not inside a character of UTF-8, whose later bytes are 10xxxxxx.
        while end > longest - 4 and line[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(line[:end])
        line = line[end:]
    return [*pieces, line]
