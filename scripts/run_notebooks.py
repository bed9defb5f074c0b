"""Executes the notebooks of examples/notebooks and keeps what they print and draw in them.

python scripts/run_notebooks.py                                   # all, with the parameters that they have
python scripts/run_notebooks.py optical_flow WEIGHTS=runs/flow    # one, with another value of a parameter

It needs nbclient, nbformat and ipykernel, which requirements.lock has. The values of parameters are not kept.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

EXAMPLES = Path(__file__).absolute().parents[1] / "examples"
MOST_BYTES = 300_000  # of a notebook with its pictures


def main(words: list[str]) -> None:
    import nbformat
    from nbclient import NotebookClient

    names = [word for word in words if "=" not in word]
    values = dict(word.split("=", 1) for word in words if "=" in word)
    for path in sorted((EXAMPLES / "notebooks").glob("*.ipynb")):
        if names and path.stem not in names:
            continue
        notebook = nbformat.read(path, as_version=4)
        kept = [cell.source for cell in notebook.cells]
        for cell in notebook.cells:
            if "parameters" in cell.metadata.get("tags", ()):
                cell.source = with_values(cell.source, values)
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(EXAMPLES / "samples", Path(folder, "samples"))
            here = Path(folder, "notebooks")
            here.mkdir()
            NotebookClient(notebook, timeout=900, resources={"metadata": {"path": here}}).execute()
        for cell, source in zip(notebook.cells, kept, strict=True):
            cell.source = source
            cell.metadata.pop("execution", None)  # the times of this run
            # Libraries' warnings, with the paths of this machine.
            outputs = cell.get("outputs", [])
            cell.update(
                {"outputs": [o for o in outputs if o.get("name") != "stderr"]} if outputs else {}
            )
        notebook.metadata.pop("language_info", None)
        nbformat.write(notebook, path)
        size = path.stat().st_size
        print(f"{path.name}: {size:,} bytes{', too large' if size > MOST_BYTES else ''}")


def with_values(source: str, values: dict[str, str]) -> str:
    """The parameters' cell with other values: JSON where it is JSON, else texts."""
    lines = []
    for line in source.splitlines():
        name = line.partition(" = ")[0]
        lines.append(f"{name} = {read(values[name])!r}" if name in values else line)
    return "\n".join(lines)


def read(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    main(sys.argv[1:])
