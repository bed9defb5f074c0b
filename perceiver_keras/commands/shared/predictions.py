"""What `predict` writes: one file for all answers, or a folder with one file per request, which a rerun completes."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perceiver_keras.commands.shared.output import say
from perceiver_keras.errors import UsageError
from perceiver_keras.files import write_whole

if TYPE_CHECKING:  # `predict --help` must not import TensorFlow
    from perceiver_keras.tasks.contract.requests import Request
    from perceiver_keras.tasks.task import Task

Bytes = Callable[[Sequence["Result"]], bytes]


class Result:
    """The result of one request: an answer and the numbers behind it, or an error."""

    def __init__(self, name: str, content: Any, error: str = ""):
        self.name, self.content, self.error = name, content, error
        self.answer: Any = None
        self.numbers: dict[str, Any] = {}


class Files:
    """The files or folders that -o and --save name.

    Attributes:
      skipped: Names of the requests whose files all existed already.

    Raises:
      UsageError: the task can't write files with this suffix.
    """

    def __init__(self, task: Task, out: str | None, save: str | None):
        self._formats = {suffix: _OfOne(make) for suffix, make in task.asking.formats.items()}
        pictures = {".png": lambda results: _picture(task, results)}
        numbers = {".npz": _npz, ".json": _json}
        self._targets: list[_Target | _Stream] = []
        if out and Path(out).suffix in task.asking.streams:
            self._targets.append(_Stream(task.asking.streams[Path(out).suffix](out), out))
        elif out:
            more = self._formats | dict.fromkeys(task.asking.streams)
            self._targets.append(_Target(out, pictures, more))
        if save:
            self._targets.append(_Target(save, self._formats | numbers, {}))
        self.skipped: list[str] = []

    def there(self, request: Request) -> bool:
        """Whether every file of this request exists already (in folders only)."""
        done = bool(self._targets) and all(t.there(request.name) for t in self._targets)
        if done:
            self.skipped.append(request.name)
            say(f"{request.name}\texists, skipped")
        return done

    def add(self, result: Result) -> None:
        for target in self._targets:
            target.add(result)
        if not any(target.keeps for target in self._targets):
            # Written already, or not wanted: a long sequence must not pile up in memory.
            result.content, result.numbers = None, {}

    def finish(self) -> None:
        for target in self._targets:
            target.finish()


class _Target:
    """One path: a file for all results, or a folder with one file per result."""

    def __init__(self, path: str, formats: Mapping[str, Bytes], more: Mapping[str, Bytes]):
        """`formats`: how to write each suffix, the first also in folders; `more`: others, of a single file only."""
        self.path = Path(path)
        self.folder = path.endswith("/") or self.path.is_dir()
        self.keeps = not self.folder  # whether results are kept until the end
        choices = {**formats, **{key: make for key, make in more.items() if key not in formats}}
        self._suffix = next(iter(formats)) if self.folder else self.path.suffix
        if self._suffix not in choices:
            raise UsageError(
                f"{path}: write it as {' or '.join(choices)}, or name a folder with a / at its end."
            )
        self._make = choices[self._suffix]
        self._results: list[Result] = []

    def there(self, name: str) -> bool:
        return self.folder and self._place(name).is_file()

    def add(self, result: Result) -> None:
        if not self.folder:
            self._results.append(result)
            if len(self._results) > 1 and isinstance(self._make, _OfOne):
                self._make(self._results)  # fails now instead of hours later
            return
        self.path.mkdir(parents=True, exist_ok=True)
        write_whole(self._place(result.name), self._make([result]))

    def finish(self) -> None:
        if self._results:
            write_whole(self.path, self._make(self._results))
            say(f"Written: {self.path}")

    def _place(self, name: str) -> Path:
        stem = "stdin" if name == "-" else Path(name).stem
        return self.path / f"{stem}{self._suffix}"


class _Stream:
    """A file for all results, written as they come."""

    keeps = False

    def __init__(self, writer: Any, path: str):
        self._writer, self._path = writer, path

    def there(self, name: str) -> bool:
        return False

    def add(self, result: Result) -> None:
        self._writer.add(result.content, result.numbers)

    def finish(self) -> None:
        self._writer.close()
        say(f"Written: {self._path}")


class _OfOne:
    """A format of the task's own, with one answer per file."""

    def __init__(self, make: Callable[[Mapping[str, Any]], bytes]):
        self._of = make

    def __call__(self, results: Sequence[Result]) -> bytes:
        if len(results) != 1:
            raise UsageError(
                f"A file of this kind holds one answer, but there are {len(results)}; name a folder "
                "with a / at its end, or a .npz file."
            )
        return self._of(results[0].numbers)


def _picture(task: Task, results: Sequence[Result]) -> bytes:
    from perceiver_keras.show import style

    figure = task.asking.picture(
        [result.content for result in results],
        [result.numbers for result in results],
        [result.answer for result in results],
    )
    return style.to_png(figure)


def _columns(results: Sequence[Result]) -> dict[str, list[Any]]:
    return {name: [result.numbers[name] for result in results] for name in results[0].numbers}


def _json(results: Sequence[Result]) -> bytes:
    import json

    import numpy as np

    plain = {key: [np.asarray(v).tolist() for v in col] for key, col in _columns(results).items()}
    names = [result.name for result in results]
    return json.dumps({"files": names, **_decoded(plain)}, indent=2).encode()


def _npz(results: Sequence[Result]) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    arrays = {key: _array(column) for key, column in _columns(results).items()}
    np.savez(buffer, files=np.array([result.name for result in results]), **arrays)
    return buffer.getvalue()


def _array(column: Sequence[Any]) -> Any:
    """One array; strings become NumPy's own text type, so that they can be read without pickle."""
    import numpy as np

    shapes = {np.shape(value) for value in column}
    if len(shapes) > 1:
        raise UsageError(
            "The answers have different sizes and don't fit into one .npz; name a folder with a / at its end."
        )
    array = np.asarray(column)
    if array.dtype.kind not in "OS":
        return array
    plain = [value.tolist() if isinstance(value, np.ndarray) else value for value in column]
    return np.array(_decoded(plain))


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _decoded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
