"""What a command prints: its answer on stdout (one JSON object with `--json`), the rest on stderr."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import click

from perceiver_keras.errors import PerceiverError

_stdout: Any = None  # where the JSON object goes while stdout is redirected to stderr


@contextlib.contextmanager
def answers_only(as_json: bool) -> Iterator[Callable[[dict[str, Any]], None]]:
    """With `as_json`, only what is given to `answer` reaches stdout; all other output goes to stderr.

    Child processes and C++ code write to the file descriptor, so that is redirected as well.
    """
    global _stdout
    if not as_json:
        yield lambda values: None
        return
    before = sys.stdout
    real = _Closed() if before is None else before
    saved = None
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if real is sys.__stdout__ and real.fileno() == 1:
            real.flush()
            saved = os.dup(1)
            os.dup2(2, 1)
            real = os.fdopen(os.dup(saved), "w", encoding="utf-8")
    _stdout, sys.stdout = real, sys.stderr
    try:
        yield answer
    finally:
        with contextlib.suppress(OSError):  # what `answer` could not write, it has said
            real.flush()
        sys.stdout, _stdout = before, None
        if saved is not None:
            os.dup2(saved, 1)
            os.close(saved)


def answer(values: dict[str, Any]) -> None:
    """Prints the one JSON object; does nothing without `--json`.

    Raises:
      PerceiverError: stdout can't be written.
    """
    if _stdout is not None:
        text = json.dumps(values, default=_plain, allow_nan=False, ensure_ascii=False)
        try:
            print(text, file=_stdout, flush=True)
        except OSError as error:
            raise PerceiverError(
                f"The answer can't be written to stdout ({error.strerror}); send it elsewhere."
            ) from error


class _Closed(io.StringIO):
    """Stands for the stdout that a process has none of if its caller closed it."""

    def write(self, text: str) -> int:
        raise OSError(errno.EBADF, "it is closed")


def say(text: str = "") -> None:
    """Prints a line for people; with `--json` it goes to stderr."""
    click.echo(text, err=_stdout is not None)


def typed(*words: Any) -> str:
    """A command as it is typed into a shell, whatever is in the names."""
    return shlex.join(map(str, words))


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Columns padded to their widest cell; columns of numbers are aligned to the right."""
    cells = [[str(c) for c in head], *[[_cell(c) for c in row] for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    right = [
        bool(rows) and all(isinstance(row[i], (int, float)) for row in rows)
        for i in range(len(head))
    ]
    return "\n".join(
        "  ".join(
            c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in cells
    )


def show_metrics(metrics: Mapping[str, float], baseline: Mapping[str, float] | None = None) -> None:
    """Prints metrics for people, next to those of the trivial guess if there are any."""
    baseline = baseline or {}
    rows = [(name, float(value), *_guess(baseline, name)) for name, value in metrics.items()]
    rows += [(name, "", *_guess(baseline, name)) for name in baseline if name not in metrics]
    if rows:
        say(table(("METRIC", "VALUE", *(["TRIVIAL GUESS"] if baseline else [])), rows))


def _guess(baseline: Mapping[str, float], name: str) -> list[str]:
    if not baseline:
        return []
    return [f"{baseline[name]:.4g}" if name in baseline else ""]


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    """NumPy values, bytes and paths as what JSON knows."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
