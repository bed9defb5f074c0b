"""Python's own documentation as a TFDS data set of passages: no download, no network.

`tfds build` finds it in this folder; `perceiver_keras.data.store.source.open_builder` prepares it on first use. The
file imports nothing from this package, so that it works in both.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import re
from collections.abc import Iterator

import tensorflow_datasets as tfds

SHARES = {"test": 0.17, "validation": 0.08}  # of the documents, by the hash of their names
PASSAGE = 320  # bytes at most
SHORTEST = 24  # anything shorter is a heading, not text

# In Python since 3.9 or earlier, in every distribution, and with long docstrings.
MODULES = (
    "_pyio abc aifc argparse ast base64 bdb binascii bisect bz2 calendar cgi cmd codecs collections "
    "concurrent.futures._base configparser contextlib copy csv ctypes.util dataclasses datetime difflib dis doctest "
    "email.charset email.header email.headerregistry email.message email.policy email.utils enum fileinput fnmatch "
    "fractions ftplib functools getopt getpass gettext glob gzip hashlib heapq hmac html.parser http.client "
    "http.cookiejar http.cookies http.server imaplib imghdr importlib._bootstrap importlib.abc importlib.util inspect "
    "io ipaddress json json.decoder json.encoder keyword linecache locale logging logging.config logging.handlers "
    "lzma mailbox mailcap mimetypes modulefinder multiprocessing.managers multiprocessing.shared_memory netrc "
    "nntplib numbers operator optparse os pathlib pdb pickle pickletools pkgutil platform plistlib poplib posixpath "
    "pprint profile pstats pyclbr pydoc queue quopri random re reprlib rlcompleter runpy sched secrets selectors "
    "shelve shlex shutil signal site smtplib socket socketserver sre_compile ssl stat statistics string subprocess "
    "sunau symtable sysconfig tabnanny tarfile telnetlib tempfile textwrap threading timeit token tokenize trace "
    "traceback tracemalloc turtle types typing unittest.case unittest.loader unittest.mock urllib.parse urllib.request "
    "uu uuid warnings wave weakref webbrowser xml.dom.minidom xml.etree.ElementTree xml.sax.handler xmlrpc.client "
    "zipapp zipfile zipimport asyncio.base_events asyncio.events asyncio.locks asyncio.queues asyncio.streams "
    "asyncio.tasks asyncio.transports"
)


def documents() -> dict[str, str]:
    """{"topic assert": text, "module argparse": its docstrings, …}, sorted by name."""
    from pydoc_data.topics import topics

    found = {f"topic {name}": text for name, text in topics.items()}
    for module in MODULES.split():
        if text := docstrings(module):
            found[f"module {module}"] = text
    return dict(sorted(found.items()))


def docstrings(module: str) -> str:
    """The docstrings of a module, its classes and functions, in order; imports only the packages it lies in."""
    spec = importlib.util.find_spec(module)
    if spec is None or not (spec.origin or "").endswith(".py"):
        return ""
    with open(spec.origin, encoding="utf-8") as file:
        waiting: list[ast.AST] = [ast.parse(file.read())]
    parts = []
    while waiting:
        node = waiting.pop()
        if text := ast.get_docstring(node):
            parts.append(text)
        kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        waiting += [child for child in reversed(node.body) if isinstance(child, kinds)]
    return "\n\n".join(parts)


def split_of(name: str) -> str:
    """The split of a document, by its name alone."""
    place = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 16**8
    for split, share in SHARES.items():
        if place < share:
            return split
        place -= share
    return "train"


def passages(text: str, seen: set[str]) -> list[str]:
    """Whole lines of a document, joined to at most `PASSAGE` bytes; skips paragraphs in `seen` and adds the others."""
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        key = " ".join(paragraph.split())
        if key not in seen:
            seen.add(key)
            lines += [*paragraph.rstrip().split("\n"), ""]
    found, current = [], ""
    for line in lines:
        line = line.expandtabs().rstrip() + "\n"
        if current and len((current + line).encode()) > PASSAGE:
            found.append(current.strip("\n"))
            current = ""
        current += line
    found.append(current.strip("\n"))
    return [passage for passage in found if len(passage) >= SHORTEST]


class Builder(tfds.core.GeneratorBasedBuilder):
    """Passages of Python's documentation: `text`, and the `document` that it is from."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release: splits by document, no paragraph in two splits."}

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {"text": tfds.features.Text(), "document": tfds.features.Text()}
            ),
            homepage="https://docs.python.org/3.10/",
            disable_shuffling=True,  # passages in order, so that neighbours can be joined
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        found, seen = documents(), set()
        cut = {}
        for split in ("test", "validation", "train"):
            chosen = {name: text for name, text in found.items() if split_of(name) == split}
            cut[split] = [
                (name, passage) for name, text in chosen.items() for passage in passages(text, seen)
            ]
        return {
            split: self._generate_examples(cut[split]) for split in ("train", "validation", "test")
        }

    def _generate_examples(self, rows: list[tuple[str, str]]) -> Iterator[tuple[int, dict]]:
        for number, (name, passage) in enumerate(rows):
            yield number, {"text": passage, "document": name}
