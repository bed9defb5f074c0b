"""Python's own source code, every byte with the kind of its token as Python's tokenizer finds it: no network.

`tfds build` finds it in this folder; `perceiver_keras.data.store.source.open_builder` prepares it on first use. The
file imports nothing from this package, so that it works in both.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import keyword
import tokenize
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

# Kinds of tokens; "space" is everything between them.
TAGS = ("space", "keyword", "name", "number", "string", "comment", "operator")
_KINDS = {
    tokenize.NUMBER: "number",
    tokenize.STRING: "string",
    tokenize.COMMENT: "comment",
    tokenize.OP: "operator",
}
SHARES = {"test": 0.2, "validation": 0.1}  # of the modules, by the hash of their names
PASSAGE = 192  # bytes at most

# In Python since 3.9 or earlier, and in every distribution.
MODULES = """
abc argparse ast base64 bdb bisect calendar cmd code codecs colorsys configparser contextlib copy
csv dataclasses difflib fnmatch fractions functools getopt gettext glob gzip hashlib heapq hmac
inspect keyword linecache locale mimetypes netrc numbers operator pdb pickle platform pprint profile
queue random reprlib sched selectors shelve shlex shutil socketserver stat statistics string
symtable tabnanny tempfile textwrap timeit token tokenize trace traceback uuid warnings wave weakref
zipapp
"""


def tag_bytes(source: str) -> bytes:
    """One digit per byte of the UTF-8 source: the index in `TAGS` of the kind of its token."""
    lines = source.encode().splitlines(keepends=True)
    starts = np.cumsum([0, *map(len, lines)])
    tags = np.zeros(starts[-1], np.uint8)

    def place(row: int, column: int) -> int:
        # The tokenizer's columns count characters, not bytes.
        line = lines[row - 1].decode()
        return int(starts[row - 1]) + len(line[:column].encode())

    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            kind = "keyword" if keyword.iskeyword(token.string) else "name"
        elif token.type in _KINDS:
            kind = _KINDS[token.type]
        else:
            continue
        tags[place(*token.start) : place(*token.end)] = TAGS.index(kind)
    return (tags + ord("0")).tobytes()


def passages(source: str) -> Iterator[tuple[bytes, bytes]]:
    """(text, tags) of passages of whole lines, at most `PASSAGE` bytes; none begins within a string."""
    content, tags = source.encode(), tag_bytes(source)
    string = str(TAGS.index("string")).encode()
    text, kinds, place = b"", b"", 0
    for line in content.splitlines(keepends=True):
        end = place + len(line)
        # Within a string if the line break before belongs to one.
        inside = place > 0 and tags[place - 1 : place] == string
        if len(text) + len(line) > PASSAGE or (inside and not text):
            if text.strip():
                yield text, kinds
            text, kinds = b"", b""
        if len(line) <= PASSAGE and (text or not inside):
            text, kinds = text + line, kinds + tags[place:end]
        place = end
    if text.strip():
        yield text, kinds


def split_of(name: str) -> str:
    """The split of a module, by its name alone."""
    place = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 16**8
    for split, share in SHARES.items():
        if place < share:
            return split
        place -= share
    return "train"


class Builder(tfds.core.GeneratorBasedBuilder):
    """Passages of Python's standard library: `text`, and `tags`, one digit per byte."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release: splits by module."}

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "text": tfds.features.Text(),
                    "tags": tfds.features.Text(),
                    "module": tfds.features.Text(),
                }
            ),
            homepage="https://docs.python.org/3/library/tokenize.html",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        return {
            split: self._generate_examples([m for m in MODULES.split() if split_of(m) == split])
            for split in ("train", "validation", "test")
        }

    def _generate_examples(self, modules: list[str]) -> Iterator[tuple[str, dict]]:
        for module in modules:
            spec = importlib.util.find_spec(module)
            if spec is None or not (spec.origin or "").endswith(".py"):
                continue
            with tokenize.open(spec.origin) as file:
                source = file.read()
            for number, (text, tags) in enumerate(passages(source)):
                yield f"{module}-{number}", {"text": text, "tags": tags, "module": module}
