"""A text's length, its script, and what of it is not UTF-8."""

from __future__ import annotations

import functools
import unicodedata
from collections import Counter

from perceiver_keras.data.described.decode import Decoded

NO_LETTERS = b"none"
# Unicode's names of letters begin with their script; these scripts have other names, or several words.
_SCRIPTS = {
    "CJK": "Han",
    "CANADIAN": "Canadian syllabics",
    "LINEAR": "Linear",
    "TAI": "Tai",
    "OLD": "Old scripts",
    "NEW": "New Tai Lue",
    "PHAGS-PA": "Phags-pa",
    "NKO": "N'Ko",
    "BOPOMOFO": "Bopomofo",
    "HENTAIGANA": "Hiragana",
}


def describe(text: Decoded) -> dict[str, float | int | bytes]:
    """The measures of a text, by name."""
    content = text.value
    known = content.decode("utf-8", "ignore")
    lost = 0 if content.isascii() else len(content) - len(known.encode())
    return {
        "bytes": len(content),
        "characters": len(known),
        "words": len(known.split()),
        "script": script(known),
        "not_utf8": lost / max(len(content), 1),
    }


def script(text: str) -> bytes:
    """The script of most of its letters, as in b"Latin"; `NO_LETTERS` if it has none."""
    counts: Counter[str] = Counter()
    letters = Counter(text)
    for character, count in letters.items():
        if name := _script_of(character):
            counts[name] += count
    if not counts:
        return NO_LETTERS
    # Of equally many, the first by name, so that it does not depend on the order.
    return max(sorted(counts), key=counts.__getitem__).encode()


@functools.lru_cache(maxsize=1 << 16)
def _script_of(character: str) -> str:
    """The script of a letter; "" for anything else. Full-width and styled letters count as what they stand for."""
    plain = unicodedata.normalize("NFKC", character)[:1]
    if not plain.isalpha():
        return ""
    words = unicodedata.name(plain, "").replace("MODIFIER LETTER ", "").split()
    return _SCRIPTS.get(words[0], words[0].capitalize()) if words else ""
