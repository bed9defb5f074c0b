"""The code on a page: its blocks in order, as Python, as command lines, or as something to look at."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

# What a command line on a page begins with; `cat FILE |` may stand before it.
PROGRAMS = {
    *("perceiver", ".venv/bin/perceiver", "python", "make", "tfx", "tfds", "curl", "docker", "git"),
    *("tensorflow_model_server", "saved_model_cli", "cat"),
}


class Block(NamedTuple):
    """`line` is its first one on the page; `kind` is "python", "shell", or "text" for what is not run."""

    line: int
    kind: str
    text: str


def blocks(page: str) -> list[Block]:
    """Fenced blocks, and indented ones outside of lists."""
    found, here, fence = [], [], None
    lines = page.splitlines()
    for number, line in enumerate([*lines, ""], 1):
        if fence is not None:
            if line.startswith("```"):
                found.append(Block(number - len(here), fence or kind_of(here), "\n".join(here)))
                fence, here = None, []
            else:
                here.append(line)
        elif line.startswith("```"):
            if here:
                found.append(indented(number, here))
                here = []
            fence = {"sh": "shell", "python": "python", "": ""}.get(line[3:].strip(), "text")
        elif line.startswith("    ") and (here or not lines[number - 2].strip()):
            here.append(line[4:])
        elif here and line.strip():
            found.append(indented(number, here))
            here = []
        elif here:
            here.append("")
    if here:
        found.append(indented(len(lines) + 1, here))
    return found


def indented(end: int, lines: list[str]) -> Block:
    return Block(end - len(lines), kind_of(lines), "\n".join(lines).rstrip())


def kind_of(lines: list[str]) -> str:
    first = lines[0].removeprefix("$ ").split()[0]
    if first in ("import", "from"):
        return "python"
    return "shell" if first in PROGRAMS else "text"


def commands(block: Block) -> list[tuple[int, str]]:
    """(line, command) of each command in a shell block; after a `$ `, other lines are what it prints."""
    text = re.sub(r" *\\\n *", " ", block.text)
    given = text.splitlines()
    prompted = any(line.startswith("$ ") for line in given)
    found, line = [], block.line
    for one in given:
        if one.strip() and (one.startswith("$ ") or not prompted):
            found.append((line, re.sub(r"\s+# .*", "", one.removeprefix("$ "))))
        line += 1
    return found


def pages(root: Path) -> list[str]:
    return ["README.md", *sorted(f"docs/{path.name}" for path in (root / "docs").glob("*.md"))]
