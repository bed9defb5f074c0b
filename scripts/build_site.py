"""Gathers the pages of the documentation site in .build/site_pages, from which `make docs` builds it with mkdocs.

The README, docs/ and the pages that these link to become pages; a page for each task is put together from the tables
that tests hold against the code; each module of `API` gets a page for its docstrings, each notebook one of its cells. A
link to a file of the repository that is no page becomes its text. It needs Python 3.10 or later and no other library.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).absolute().parents[1]
sys.path.insert(0, str(ROOT))

from perceiver_keras.tasks import registry  # noqa: E402 - imports no task, and no library

OUT = ROOT / ".build" / "site_pages"
CSS = ".md-grid { max-width: 84rem; }\n"  # commands and tables are wide

# === The pages of the API: a title, and the modules on it ===

API = {
    "perceiver_io": ("A bare Perceiver IO", ["perceiver_io"]),
    "ask": ("Pipelines to ask", ["ask"]),
    "models": ("Models of tasks", ["tasks.model", "tasks.presets", "tasks.own_data"]),
    "stages": (
        "The stages",
        ["perceiver", "encode", "process", "query", "decode"],
    ),
    "layers": (
        "Layers",
        [
            *("layers.attention", "layers.blocks", "layers.feed_forward", "layers.position"),
            *("layers.normalization", "layers.convolution", "layers.patches"),
        ],
    ),
    "preprocess": (
        "Preprocess",
        [f"preprocess.{n}" for n in ("array", "image", "flow", "text", "audio", "video")],
    ),
    "training": ("Train, evaluate, export", ["train", "evaluate", "export"]),
    "serving": ("Served models", ["serve", "client.client"]),
    "convert": ("Official weights", ["tasks.official", "convert.download", "convert.hub"]),
    "contract": (
        "The contract of a task",
        [
            *("tasks.task", "tasks.contract.examples", "tasks.contract.measures"),
            *("tasks.contract.serving", "tasks.contract.asking"),
        ],
    ),
    "config": ("Settings as dataclasses", ["config"]),
}

# === The pages of the tasks ===

# Task: (title, a question that `predict` answers, data of one's own, page with more, limits).
TASKS = {
    "image_classification": (
        "Image classification",
        "examples/samples/digit.png",
        "my_pictures/",
        "your_data.md",
        "One class per picture. Pictures are scaled to the preset's size, so small things in large pictures are lost.",
    ),
    "optical_flow": (
        "Optical flow",
        "examples/samples/frame1.png examples/samples/frame2.png",
        "my_frames/",
        "optical_flow.md",
        "Both frames must have one size. The released model takes about a minute for a pair on two CPU cores.",
    ),
    "language_mlm": (
        "Masked language modelling",
        '"This is an incomplete sentence where some words are [MASK]."',
        "my_texts/",
        "language.md",
        "Each `[MASK]` of the byte models is one byte, and a longer text than the preset's length is read in windows.",
    ),
    "text_classification": (
        "Text classification",
        '"Return the square root of the decimal."',
        "reviews.csv",
        "text_classification.md",
        "One class or one number per text or pair; a text is cut at the preset's length, which the answer says.",
    ),
    "glue": (
        "GLUE",
        '"cola: A sentence."',
        "",
        "glue.md",
        "A fixed set of eight tasks: other data go to text classification.",
    ),
    "token_classification": (
        "Token classification",
        "examples/samples/code.txt",
        "my_tags.conll",
        "your_data.md",
        "A tag for each byte; entities are runs of one tag, so two neighbours with the same tag are one.",
    ),
    "multimodal_autoencoding": (
        "Multimodal autoencoding",
        "examples/samples/clip.mp4",
        "my_videos/",
        "your_data.md",
        "Longer clips than the preset's are rebuilt window by window; what is rebuilt has the preset's size and rate.",
    ),
    "audio_classification": (
        "Audio classification",
        "examples/samples/sound.wav",
        "my_sounds/",
        "your_data.md",
        "Each label has its own probability. Of a longer sound than the preset's, training takes windows.",
    ),
    "starcraft_entities": (
        "StarCraft entities",
        "examples/samples/battle.json",
        "battles.jsonl",
        "your_data.md",
        "No weights were released. The embedded battles are simulated; a set may have at most the preset's units.",
    ),
}
# Notebook -> the task whose picture it draws.
DRAWN = {
    "optical_flow": "optical_flow",
    "language_mlm": "fill_the_gaps",
    "image_classification": "classify_your_folder",
    "multimodal_autoencoding": "clip_in_and_out",
}


def row(page: str, task: str, near: str = "") -> list[str]:
    """The cells of the task's row in a table of a page, after its name; of several, the one below the words `near`."""
    text = (ROOT / page).read_text(encoding="utf-8")
    text = text[text.index(near) :]
    found = re.search(rf"^\| `{task}` \|(.*)\|$", text, re.M)
    if found is None:
        raise SystemExit(f"{page} has no row of {task}.")
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", found[1])]


def task_page(task: str) -> str:
    title, ask, data, more, limits = TASKS[task]
    presets, learns = row("README.md", task)
    takes, gives = row("docs/serving.md", task)
    way = row("docs/data_path.md", task)
    (own,) = row("docs/your_data.md", task)
    (said,) = (row.summary for row in registry.ROWS if row.name == task)
    lines = [f"# {title}", f"`{task}`: {said}", "## What it does"]
    lines += [
        "| part | of this task |",
        "|---|---|",
        f"| input array | {way[1]} |",
        f"| queries | {way[2]} |",
        f"| outputs | {way[3]} |",
        f"| loss | {way[4]} |",
        f"| presets | {presets} |",
        f"| learns here from | {learns} |",
    ]
    lines += ["", "## A picture", picture(task)]
    lines += ["## One command", fenced(f"perceiver predict {task} {ask} --model runs/{task}")]
    lines += ["after `perceiver run " + task + "`, which trains the preset `tiny` and pushes it."]
    lines += ["## Your own data", f"`--data` takes {own}."]
    if data:
        lines += [fenced(f"perceiver train {task} --data {data}")]
        start = f"perceiver train {task} --data {data} --init runs/{task} --run-dir runs/mine"
    else:
        start = f"perceiver train {task} --init runs/{task} --run-dir runs/mine"
    lines += ["## Fine-tune", fenced(start), "[Fine-tuning](../fine_tuning.md) says what is taken."]
    lines += ["## Serve", fenced(f"perceiver serve runs/{task}")]
    lines += ["| takes | gives |", "|---|---|", f"| {takes} | {gives} |"]
    lines += ["", "## Figures", figures(task)]
    lines += ["## Limits", f"{limits} More: [{more.removesuffix('.md')}](../{more})."]
    return "\n\n".join(joined_tables(lines))


def joined_tables(lines: list[str]) -> list[str]:
    """Paragraphs, with the rows of a table as one."""
    found: list[str] = []
    for line in filter(None, lines):
        if found and line.startswith("|") and found[-1].startswith("|"):
            found[-1] += f"\n{line}"
        else:
            found.append(line)
    return found


def fenced(command: str) -> str:
    return f"```sh\n{command}\n```"


def picture(task: str) -> str:
    name = DRAWN.get(task)
    if name is None:
        drawn = f"`perceiver predict {task} … -o picture.png`, of the trained preset `tiny`."
        return f"![{TASKS[task][0]}](../pictures/{task}.png)\n\nDrawn by {drawn}"
    return f"![{TASKS[task][0]}](../notebooks/{name}.png)\n\nFrom [the notebook](../notebooks/{name}.md)."


def figures(task: str) -> str:
    """The task's presets with the source of their numbers, as docs/sources.md has them."""
    text = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {task}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    if found is None:
        raise SystemExit(f"docs/sources.md has no section of {task}.")
    tables = [line for line in found[1].splitlines() if line.startswith("|")]
    return "\n".join(tables)


# === Pages of the repository ===


def pages() -> dict[Path, str]:
    """{file of the repository: its page}."""
    found = {Path("README.md"): "index.md"}
    for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"):
        found[Path(name)] = name.lower()
    for path in sorted([*(ROOT / "docs").glob("*"), *(ROOT / "docs" / "pictures").glob("*.png")]):
        if path.suffix in (".md", ".png"):
            found[path.relative_to(ROOT)] = path.relative_to(ROOT / "docs").as_posix()
    for path in sorted((ROOT / "benchmarks" / "results").iterdir()):
        if path.suffix in (".md", ".png", ".svg"):
            found[path.relative_to(ROOT)] = f"results/{path.name}"
    return found


def with_links(text: str, source: Path, known: dict[Path, str]) -> str:
    """The text of a page with its links to other pages; one to another file becomes its words.

    Raises:
      SystemExit: a link leads nowhere.
    """
    page = known[source]

    def target(link: str) -> str | None:
        path, hash_, anchor = link.partition("#")
        if "://" in path or link.startswith(("#", "mailto:")):
            return link
        place = Path(os.path.normpath(source.parent / path))
        if not (ROOT / place).exists():
            raise SystemExit(f"{source}: the link {link} leads nowhere.")
        if place not in known:
            return None
        return os.path.relpath(known[place], Path(page).parent) + hash_ + anchor

    def linked(match: re.Match[str]) -> str:
        found = target(match[2])
        return match[1].lstrip("!")[1:-1] if found is None else f"{match[1]}({found})"

    text = re.sub(r"(!?\[[^\]\[]*\])\(([^)\s]+)\)", linked, text)
    return re.sub(r'src="([^"]+)"', lambda m: f'src="{target(m[1]) or m[1]}"', text)


def notebook_page(path: Path, out: Path) -> str:
    """The cells as a page; the last picture is kept under the notebook's name."""
    parts, count = [], 0
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/png" in data:
                count += 1
                name = f"{path.stem}.png" if count == 1 else f"{path.stem}_{count}.png"
                (out / name).write_bytes(base64.b64decode(data["image/png"]))
                parts.append(f"![]({name})")
            else:
                printed = output.get("text") or data.get("text/plain", "")
                parts.append(f"```text\n{''.join(printed).rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def api_page(title: str, modules: list[str]) -> str:
    blocks = [f"## `{name}`\n\n::: perceiver_keras.{name}\n" for name in modules]
    return f"# {title}\n\n" + "\n".join(blocks)


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    known = pages()
    for source, page in known.items():
        target = OUT / page
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".md":
            text = (ROOT / source).read_text(encoding="utf-8")
            target.write_text(with_links(text, source, known), encoding="utf-8")
        else:
            shutil.copy(ROOT / source, target)
    for folder in ("tasks", "notebooks", "api"):
        (OUT / folder).mkdir()
    for path in sorted((ROOT / "examples" / "notebooks").glob("*.ipynb")):
        page = notebook_page(path, OUT / "notebooks")
        (OUT / "notebooks" / f"{path.stem}.md").write_text(page, encoding="utf-8")
    for task in TASKS:
        # Cells of tables are of pages in docs/, and link from there.
        text = re.sub(r"\]\((?:docs/)?([a-z_]+\.md)", r"](../\1", task_page(task))
        (OUT / "tasks" / f"{task}.md").write_text(text + "\n", encoding="utf-8")
    for name, (title, modules) in API.items():
        (OUT / "api" / f"{name}.md").write_text(api_page(title, modules), encoding="utf-8")
    (OUT / "style.css").write_text(CSS, encoding="utf-8")
    print(f"{sum(1 for _ in OUT.rglob('*.md'))} pages in {OUT}", file=sys.stderr)


if __name__ == "__main__":
    main()
