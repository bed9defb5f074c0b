"""The files that the style tests read."""

from __future__ import annotations

import ast
import functools
import subprocess
from pathlib import Path

ROOT = Path(__file__).absolute().parents[2]
PACKAGES = ("perceiver_keras", "benchmarks", "components", "pipeline")


@functools.cache
def files() -> tuple[Path, ...]:
    """Every file that is or would be committed, relative to the root, sorted."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
    else:  # an unpacked archive, or Bazel's runfiles, which hold what BUILD granted
        listed = [
            str(path.relative_to(ROOT))
            for path in ROOT.rglob("*")
            # Bazel's launcher of a test lies beside it.
            if not (path.suffix == "" and path.with_suffix(".py").exists())
        ]
    hidden = (".venv", ".venv-modern", ".uv", "runs", "__pycache__")
    return tuple(
        sorted(
            Path(name)
            for name in listed
            if not set(Path(name).parts) & set(hidden) and (ROOT / name).is_file()
        )
    )


def python_files(*folders: str) -> list[Path]:
    """The .py files under the given top-level folders (under all of them without any)."""
    return [
        path
        for path in files()
        if path.suffix == ".py" and (not folders or path.parts[0] in folders)
    ]


def read(path: Path | str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(read(path), filename=str(path))


def is_typing_only(node: ast.AST) -> bool:
    """Whether `node` is an `if TYPE_CHECKING:` block."""
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def imported(path: Path) -> set[str]:
    """The dotted names a file imports, lazily or not; `from a import b` gives "a" and "a.b"."""
    found: set[str] = set()
    todo: list[ast.AST] = [parsed(path)]
    package = path.parent.parts
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {module, *(f"{module}.{name.name}" for name in node.names)}
        if is_typing_only(node):
            todo += node.orelse
        else:
            todo += ast.iter_child_nodes(node)
    return found
