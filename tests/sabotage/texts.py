"""Small tables of the user's own texts, and what goes wrong with them in real life.

All of it is Python's own library: what its docstrings say, and its code. The seed draws which part.
"""

from __future__ import annotations

import ast
import csv
import functools
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from perceiver_keras.config_tree import override
from perceiver_keras.data.text import sentencepiece
from tests.sabotage.models import Good
from tests.sabotage.runs import Product

EACH, ALONE = 400, 2500  # passages of a class, and of a table without classes
SHORTEST, LONGEST = 60, 120  # characters of a passage
SAME = 20  # letters
LETTERS = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "абцдефгхийклмнопкрстуввкызАБЦДЕФГХИЙКЛМНОПКРСТУВВКЫЗ",
)


def make(folder: Path, seed: int = 0) -> Path:
    """A clean table of prose and code, with the columns "text" and "kind"."""
    return _draw(folder, seed, {"prose": EACH, "code": EACH})


def make_prose(folder: Path, seed: int = 0) -> Path:
    """A clean table of prose to learn the language from."""
    return _draw(folder, seed, {"prose": ALONE})


def _draw(folder: Path, seed: int, counts: dict[str, int]) -> Path:
    random = np.random.default_rng(seed)
    rows = [
        (_passages()[kind][place], kind)
        for kind, count in counts.items()
        for place in random.choice(len(_passages()[kind]), count, replace=False)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "passages.csv"
    _write(path, [rows[place] for place in random.permutation(len(rows))])
    return path


PASSAGES = Product(
    task="text_classification",
    make=make,
    settings=("train.steps=300", "train.evaluate_every=300", "train.checkpoint_every=300"),
)
PIECES = Product(
    task="language_mlm",
    preset="tiny_sentencepiece",
    make=make_prose,
    settings=(
        "train.steps=1500",
        "train.evaluate_every=1500",
        "train.checkpoint_every=1500",
        "evaluate.thresholds.accuracy=0.15",
    ),
)


# === What goes wrong: each takes clean data, and changes it in place ===


def cyrillic(path: Path) -> None:
    """The same words in other letters, as after a tool that transliterates."""
    with open(path, newline="") as file:
        _, *rows = csv.reader(file)
    _write(path, [(text.translate(LETTERS), kind) for text, kind in rows])


def older_vocabulary(good: Good, folder: Path) -> None:
    """The export splits texts with the vocabulary of an older run, which has as many pieces."""
    model = good.model()
    config = model.task_config
    texts = [text.encode() for text in _passages()["code"]]
    path = sentencepiece.trained(
        folder / "older", {}, config.model.vocabulary, lambda: sentencepiece.counted(texts)
    )
    good.save(model, folder, served=override(config, f"data.sentencepiece={path}"))


# === Python's library ===


def _write(path: Path, rows: list[tuple[str, str]]) -> None:
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([("text", "kind"), *rows])


@functools.cache
def _passages() -> dict[str, list[str]]:
    """Passages of prose and of code, no two of which begin or end with the same letters."""
    modules = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    sources = {
        "prose": [text for path in modules for text in _docstrings(path)],
        "code": [path.read_text("utf-8") for path in modules],
    }
    found: dict[str, list[str]] = {kind: [] for kind in sources}
    known: set[str] = set()
    for kind, texts in sources.items():
        for passage in (part for text in texts for part in _cut(text)):
            letters = "".join(filter(str.isalpha, passage.lower()))
            ends = {letters[:SAME], letters[-SAME:]}
            if not ends & known:
                found[kind].append(passage)
            known |= ends
    return found


def _docstrings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            text = ast.get_docstring(node) or ""
            if text.isascii() and len(text) >= SHORTEST:
                yield text


def _cut(text: str) -> Iterator[str]:
    """Neighbouring lines joined to passages of about the same length, in ASCII."""
    passage = ""
    for line in text.splitlines():
        passage = f"{passage} {line.strip()}".strip()
        if len(passage) >= SHORTEST:
            if passage.isascii():
                yield passage[:LONGEST]
            passage = ""
